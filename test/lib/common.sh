# Shell helpers of test/run.sh and test/demo.sh: messages, a work folder, the account of the server, clean-up.
#
# Sourced, not run. What is started is noted and ended by its process id when the script ends, however it ends, and the
# work folder goes with it. PostgreSQL refuses to run as root: whoever is root runs servers and tests as TEST_USER, in
# a copy of the tree that this account can read. Nothing reads the terminal and nothing depends on the working directory.
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

# show_lines PATTERN: of a long output those lines that match, as they come, and what is being compiled.
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

# The work folder: short, because it holds a Unix socket, and readable by TEST_USER.
make_work() {
    WORK=$(mktemp -d /tmp/flowctl.XXXXXX) || die "cannot make a folder below /tmp"
    chmod 755 "$WORK"
    mkdir "$WORK/log" "$WORK/parts"
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
}

clean_up() {
    local status=$? pid
    trap - EXIT INT TERM HUP
    stop_clusters
    for pid in ${PIDS[@]+"${PIDS[@]}"}; do
        kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
    done
    [ -z "$WORK" ] || rm -rf "$WORK"
    exit "$status"
}

stop_clusters() {
    local dir
    for dir in ${CLUSTERS[@]+"${CLUSTERS[@]}"}; do
        [ ! -f "$dir/postmaster.pid" ] || as_test_user "$BINDIR/pg_ctl" -D "$dir" -m immediate -w stop >/dev/null 2>&1
    done
    CLUSTERS=()
}

# Runs a command as the account of the server; the command takes the place of this shell's child, so $! is its id.
as_test_user() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid="$TEST_USER" --regid="$TEST_USER" --init-groups \
            env -C "$WORK" HOME="$WORK" USER="$TEST_USER" LOGNAME="$TEST_USER" "$@"
    else
        env -C "$WORK" "$@"
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

# A copy of the tree for TEST_USER: sources of tests, no objects. Sets TREE.
copy_tree() {
    TREE=$WORK/tree
    mkdir "$TREE"
    tar -C "$ROOT" --exclude=./.git --exclude=./build --exclude='*.o' --exclude='*.so' --exclude='node-linux-*' -cf - . |
        tar -C "$TREE" --no-same-owner -xf - || die "cannot copy the tree to $TREE"
    own_by_test_user "$TREE" "$WORK/log" "$WORK/parts"
}
