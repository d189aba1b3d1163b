#!/usr/bin/env bash
# How fast pg_flowctl is and what it costs, beside what this machine could do at most in the same minutes.
#
#   bash test/bench/bench.sh                        what is measured by default, 3 rounds, 20 minutes on two cores
#   bash test/bench/bench.sh --quick                small numbers and one round: whether it works, not how fast
#   bash test/bench/bench.sh [OPTION...] NAME...    only these measurements
#     --rounds N          how many rounds (3)
#     --set NAME=VALUE    another value of an option of a measurement; --list shows them
#     --json FILE         all values, medians, ranges and ratios as JSON
#     --markdown FILE     the table for docs/performance.md
#     --installed         the extension that is installed, instead of one built from this tree
#     --list              measurements and their options
#
# It installs what is missing (Debian packages; npm packages for the JSONata comparison), builds the extension optimised
# in build/bench, and makes a throwaway cluster with a durable installation's settings (lib/server.sh). Then it measures,
# prints a table of medians and ranges, and cleans up. It asserts nothing: a run that did not succeed or a request that
# did not come is printed as WRONG, and the exit status says only whether the measurements could be carried out.
# docs/performance.md says what the figures mean. PG_CONFIG chooses the server, TEST_USER the account that runs it.
#
# Each measurement is a file of measure/ whose first line says what it measures, with a function measure_NAME for one
# round; lib/figures.sh takes down figures, report.pl makes tables of them.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/common.sh"
. "$ROOT/test/lib/install.sh"
. "$ROOT/test/lib/cluster.sh"
HERE=$ROOT/test/bench
. "$HERE/lib/figures.sh"
. "$HERE/lib/server.sh"

TOOLS=$ROOT/build/bench/tools
EXTENSION_TREE=$ROOT/build/bench/extension
DEFAULT=(floors runs start latency trigger open_calls step_cost workers idle hot_tables engines parked)

ROUNDS=
QUICK=
INSTALLED=
JSON=
MARKDOWN=
LIST=
NAMES=()
declare -A CHOSEN=()

main() {
    take_arguments "$@"
    load_measurements
    if [ -n "$LIST" ]; then
        list_measurements
        exit 0
    fi
    make_work
    FIGURES=$WORK/figures NOTES=$WORK/notes
    touch "$FIGURES" "$NOTES"
    own_by_test_user "$WORK/log"
    heading "Preparing"
    prepare
    local failed=0
    for ((ROUND = 1; ROUND <= ROUNDS; ROUND++)); do
        for MEASUREMENT in "${NAMES[@]}"; do
            carry_out || failed=1
        done
    done
    stop_clusters
    describe_machine >"$WORK/machine"
    perl "$HERE/report.pl" "$FIGURES" "$NOTES" "$WORK/machine" ${JSON:+--json "$JSON"} ${MARKDOWN:+--markdown "$MARKDOWN"} || failed=1
    [ $failed = 0 ]
}

take_arguments() {
    while [ $# -gt 0 ]; do
        case $1 in
            --quick) QUICK=1 ;;
            --installed) INSTALLED=1 ;;
            --list) LIST=1 ;;
            --rounds | --set | --json | --markdown)
                [ $# -gt 1 ] || die "$1 needs a value"
                take_value "$1" "$2"
                shift
                ;;
            -*) die "there is no option $1; the head of test/bench/bench.sh lists them" ;;
            *) NAMES+=("$1") ;;
        esac
        shift
    done
    [ -n "$ROUNDS" ] || ROUNDS=${QUICK:+1}
    ROUNDS=${ROUNDS:-3}
    [ ${#NAMES[@]} -gt 0 ] || NAMES=("${DEFAULT[@]}")
}

take_value() {
    case $1 in
        --rounds) ROUNDS=$2 ;;
        --json) JSON=$(realpath -m "$2") ;;
        --markdown) MARKDOWN=$(realpath -m "$2") ;;
        --set) CHOSEN[${2%%=*}]=${2#*=} ;;
    esac
}

# option NAME DEFAULT QUICK SENTENCE: an option of the measurement whose file says this, as a variable.
option() {
    local value=$2
    [ -z "$QUICK" ] || value=$3
    [ -z "${CHOSEN[$1]+set}" ] || value=${CHOSEN[$1]}
    printf -v "$1" '%s' "$value"
    OPTIONS+=("$1=$2: $4")
    unset "CHOSEN[$1]"
}

load_measurements() {
    local name file
    declare -gA OPTIONS_OF=()
    for file in "$HERE"/measure/*.sh; do
        OPTIONS=()
        . "$file"
        OPTIONS_OF[$(basename "$file" .sh)]=$(printf '      %s\n' ${OPTIONS[@]+"${OPTIONS[@]}"})
    done
    for name in "${NAMES[@]}"; do
        [ -f "$HERE/measure/$name.sh" ] || die "there is no measurement $name; --list shows them"
    done
    [ ${#CHOSEN[@]} -eq 0 ] || die "there is no option ${!CHOSEN[*]} of a measurement; --list shows them"
}

list_measurements() {
    local file name
    for file in "$HERE"/measure/*.sh; do
        name=$(basename "$file" .sh)
        say "$name: $(sed -n '1s/^# //p' "$file")"
        [ -z "${OPTIONS_OF[$name]// /}" ] || say "${OPTIONS_OF[$name]}"
    done
    say "by default: ${DEFAULT[*]}"
}

prepare() {
    need_packages build-essential perl openssl ca-certificates rapidjson-dev libcurl4-openssl-dev libssl-dev libpq-dev
    need_postgres
    [ -x "$BINDIR/pgbench" ] || die "there is no pgbench in $BINDIR"
    case " ${NAMES[*]} " in
        *" engines "*) command -v npm >/dev/null || need_packages nodejs npm ;;
    esac
    [ "$(stat -f -c %T "$WORK")" != tmpfs ] || die "/tmp is in memory: commits would cost nothing there"
    [ -n "$INSTALLED" ] || build_optimised
    make -s -C "$HERE/tools" PG_CONFIG="$PG_CONFIG" >"$WORK/log/tools.log" 2>&1 || {
        cat "$WORK/log/tools.log"
        die "the tools do not build"
    }
    start_bench_server
    say "Running: PostgreSQL $(sql_in postgres 'SHOW server_version') on $(nproc) cores, $ROUNDS round(s) of: ${NAMES[*]}"
}

# A copy of the tree whose objects are kept: what was compiled in the tree itself may have been compiled for debugging.
build_optimised() {
    local file
    mkdir -p "$EXTENSION_TREE"
    (cd "$ROOT" && tar -cf - --exclude='*.o' --exclude='*.d' Makefile pg_flowctl.control README.md src) | tar -C "$EXTENSION_TREE" --no-same-owner -xf - ||
        die "cannot copy the sources to $EXTENSION_TREE"
    while IFS= read -r file; do
        [ -e "$ROOT/$file" ] || rm "$EXTENSION_TREE/$file"
    done < <(cd "$EXTENSION_TREE" && find src -type f ! -name '*.o' ! -name '*.d')
    (
        ROOT=$EXTENSION_TREE
        unset EXTRA_CXXFLAGS
        build EXTRA_CXXFLAGS=
    ) || die "the extension does not build"
}

# One round of MEASUREMENT, in a shell of its own: what breaks there ends nothing else.
carry_out() {
    local limit=rounds_$MEASUREMENT begun=$SECONDS
    [ "$ROUND" -le "${!limit:-$ROUNDS}" ] || return 0
    heading "$MEASUREMENT, round $ROUND: $(sed -n '1s/^# //p' "$HERE/measure/$MEASUREMENT.sh")"
    (
        trap stop_endpoint EXIT
        "measure_$MEASUREMENT"
    ) || {
        MEASUREMENT=$MEASUREMENT note "WRONG: it could not be carried out"
        tail -n 5 "$WORK/log/server-bench.log"
        return 1
    }
    say "  ($((SECONDS - begun)) s)"
}

describe_machine() {
    printf 'date\t%s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
    if [ -n "$INSTALLED" ]; then
        printf 'build\tthe installed one\n'
    else
        printf 'build\t%s\n' "$(git -C "$ROOT" describe --always --dirty 2>/dev/null || echo unknown)"
    fi
    printf 'cores\t%s\n' "$(nproc)"
    printf 'processor\t%s\n' "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
    printf 'memory\t%s GiB\n' "$(awk '/^MemTotal/ { printf "%.0f", $2 / 1048576 }' /proc/meminfo)"
    printf 'kernel\t%s\n' "$(uname -r)"
    printf 'file system\t%s\n' "$(stat -f -c %T "$WORK")"
    printf 'server\t%s\n' "$("$BINDIR/postgres" --version)"
    printf 'libcurl\t%s\n' "$(curl-config --version 2>/dev/null | sed 's/^libcurl //')"
    printf 'settings\t%s\n' "$(printf '%s, ' "${STANDARD_SETTINGS[@]}" | sed 's/, $//')"
    printf 'load at the end\t%s\n' "$(cut -d ' ' -f 1-3 /proc/loadavg)"
    printf 'rounds\t%s\n' "$ROUNDS"
}

main "$@"
