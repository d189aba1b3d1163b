# Shell helpers of test/run.sh and test/demo.sh: messages, a work folder, the account of the server, clean-up.
#
# This file is sourced, not run. Every process that is started is ended by its id when the script ends, however it ends, and
# the work folder is removed. PostgreSQL refuses to run as root: root runs servers and tests as TEST_USER, in a copy of the
# tree that this account can read. Nothing reads the terminal, and nothing depends on the working directory.
set -u -o pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
TEST_USER=${TEST_USER:-postgres}
PARALLEL=$(nproc 2>/dev/null || echo 2)
export LC_ALL=C.UTF-8
unset LANGUAGE PGDATA PGHOST PGPORT PGUSER PGDATABASE PGOPTIONS PGSERVICE MAKEFLAGS MFLAGS
exec </dev/null

WORK=
PIDS=()
CLUSTERS=()

say() {
    printf '%s\n' "$*"
}

heading() {
    printf '\n== %s\n' "$*"
}

die() {
    printf '\n%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# show_lines PATTERN: shows the lines of a long output that match, as they come, and which file is being compiled.
show_lines() {
    sed -u -e 's|.* -c -o [^ ]* \([^ ]*\.cpp\)$|  compiling \1|' -e "s|compiling $ROOT/|compiling |" |
        { grep --line-buffered -E "^  compiling ${1:+|$1}" || true; } | sed -u 's/^ */  /'
}

# wait_until SECONDS COMMAND...: polls until the command succeeds.
wait_until() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.05
    done
}

# Makes the work folder. Its path is short because it holds a Unix socket, and TEST_USER can read it.
make_work() {
    WORK=$(mktemp -d /tmp/flowctl.XXXXXX) || die "cannot make a folder below /tmp"
    chmod 755 "$WORK"
    mkdir "$WORK/log" "$WORK/parts"
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
}

clean_up() {
    local status=$?
    trap - EXIT INT TERM HUP
    end_everything || status=1
    [ -z "$WORK" ] || rm -rf "$WORK"
    exit "$status"
}

# Ends clusters and servers. Fails if something is still running then, says what it is, and ends it as well.
end_everything() {
    local pid left
    stop_clusters
    for pid in ${PIDS[@]+"${PIDS[@]}"}; do
        kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
    done
    PIDS=()
    [ -n "$WORK" ] || return 0
    # A process that was told to end may need a moment.
    wait_until 10 nothing_is_left && return 0
    left=$(processes_of_ours)
    printf '\nProcesses were left, and are ended now:\n' >&2
    for pid in $left; do
        printf '  %s %s\n' "$pid" "$(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline")" >&2
        kill -9 "$pid" 2>/dev/null
    done
    return 1
}

nothing_is_left() {
    [ -z "$(processes_of_ours)" ]
}

# The ids of processes that have the work folder in their command line, or work in it. This shell and the commands of this
# function are not among them.
processes_of_ours() {
    local proc pid
    for proc in /proc/[0-9]*; do
        pid=${proc#/proc/}
        [ "$pid" != "$$" ] && [ "$pid" != "$BASHPID" ] || continue
        case $(tr '\0' ' ' 2>/dev/null <"$proc/cmdline") in
            *"$WORK"*) echo "$pid" ;;
            *) case $(readlink "$proc/cwd" 2>/dev/null)/ in "$WORK"/*) echo "$pid" ;; esac ;;
        esac
    done
}

stop_clusters() {
    local dir
    for dir in ${CLUSTERS[@]+"${CLUSTERS[@]}"}; do
        [ ! -f "$dir/postmaster.pid" ] || as_test_user "$BINDIR/pg_ctl" -D "$dir" -m immediate -w stop >/dev/null 2>&1
    done
    CLUSTERS=()
}

# as_test_user COMMAND...: runs a command as the account of the server.
as_test_user() {
    (become_test_user "$@")
}

# become_test_user COMMAND...: the command takes the place of this shell. In the background it takes the place of the subshell,
# so $! is the command's own id; behind as_test_user it would be that of a shell, whose end does not end the command.
become_test_user() {
    if [ "$(id -u)" = 0 ]; then
        exec setpriv --reuid="$TEST_USER" --regid="$TEST_USER" --init-groups \
            env -C "$WORK" HOME="$WORK" USER="$TEST_USER" LOGNAME="$TEST_USER" "$@"
    else
        exec env -C "$WORK" "$@"
    fi
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "this needs root or sudo: $*"
    fi
}

own_by_test_user() {
    [ "$(id -u)" != 0 ] || chown -R "$TEST_USER:" "$@"
}

# Makes a copy of the tree for TEST_USER, without objects, and sets TREE.
copy_tree() {
    TREE=$WORK/tree
    mkdir "$TREE"
    tar -C "$ROOT" --exclude=./.git --exclude=./build --exclude='*.o' --exclude='*.so' --exclude='node-linux-*' -cf - . |
        tar -C "$TREE" --no-same-owner -xf - || die "cannot copy the tree to $TREE"
    own_by_test_user "$TREE" "$WORK/log" "$WORK/parts"
}
