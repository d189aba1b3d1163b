#!/usr/bin/env bash
# Runs every test of pg_flowctl: it installs what is missing, builds, tests, counts and cleans up.
#
#   bash test/run.sh                      everything
#   bash test/run.sh unit tap ...         only these parts: checks unit conformance regress tap
#   TAP_TESTS='test/t/001*.pl' bash test/run.sh tap     only these files
#
# The last line is `N passed, N failed`. It adds up GoogleTest tests, conformance cases, pg_regress tests, TAP tests and
# the checks of the sources. A part that did not run to its end counts as a failure. The exit status is 1 if anything
# failed. `make install` puts the extension into the server's folders, as for any extension. Clusters, certificates and
# servers are made in a work folder below /tmp and are removed at the end. Logs stay in build/test-logs.
# PG_CONFIG chooses the server. TEST_USER is the account that runs the server when root runs this script (postgres).
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
. "$ROOT/test/lib/install.sh"
. "$ROOT/test/lib/cluster.sh"
. "$ROOT/test/lib/counts.sh"

LOGS=$ROOT/build/test-logs
PASSED=0
FAILED=0
FAILED_PARTS=()

main() {
    local part parts=("$@")
    [ ${#parts[@]} -gt 0 ] || parts=(checks unit conformance regress tap)
    for part in "${parts[@]}"; do
        case $part in
            checks | unit | conformance | regress | tap) ;;
            *) die "there is no part $part: checks unit conformance regress tap" ;;
        esac
    done
    make_work
    rm -rf "$LOGS"
    mkdir -p "$LOGS"
    prepare "${parts[@]}"
    for part in "${parts[@]}"; do
        heading "$part"
        "part_$part"
    done
    heading "the end"
    check "no process of the tests is left" end_everything
    report
}

# prepare PART...: installs and builds what these parts need, and no more.
prepare() {
    heading "prepare"
    need_packages build-essential perl openssl ca-certificates rapidjson-dev libcurl4-openssl-dev libssl-dev libgtest-dev libpq-dev libipc-run-perl
    BUILT=
    case " $* " in
        *" regress "* | *" tap "* | *" conformance "*)
            need_postgres
            build WERROR=1 && BUILT=1
            [ -n "$BUILT" ] || keep_log build "the extension does not build" "$WORK/log/build.log"
            ;;
    esac
    case " $* " in
        *" tap "* | *" conformance "*) need_node ;;
    esac
    case " $* " in
        *" tap "*)
            need_packages softhsm2
            need_neighbours
            ;;
    esac
    copy_tree
}

part_checks() {
    check "base, core, net and calls include no PostgreSQL header" ! grep -rnE \
        '#include [<"](postgres|fmgr|miscadmin|pgstat|access/|catalog/|commands/|executor/|nodes/|parser/|postmaster/|storage/|tcop/|utils/|libpq)' \
        "$ROOT/src/base" "$ROOT/src/core" "$ROOT/src/net" "$ROOT/src/calls" "$ROOT/src/third_party"
    check "base and core include neither curl nor OpenSSL" ! grep -rnE '#include [<"](curl/|openssl/)' "$ROOT/src/base" "$ROOT/src/core"
    check "a folder of src includes only floors below it" perl "$ROOT/test/lib/floors.pl" "$ROOT/src"
    check "the checkers of the tree find every kind of fault" perl "$ROOT/test/lib/checkers.pl"
    check "the documents are in form, complete, and lead somewhere" perl "$ROOT/test/lib/docs.pl" "$ROOT"
    check "what the scripts start is ended with them" bash "$ROOT/test/lib/common_test.sh"
    check "every regression test has its expected output" every_test_has_output
    [ -z "$BUILT" ] || check "the library exports nothing but its entries" ! foreign_symbols
    check "no download address in a lock file" ! grep -rn --include=package-lock.json --exclude-dir=node_modules '"resolved"' "$ROOT"
}

# check SENTENCE [!] COMMAND...: one test. With ! the test passes when the command finds nothing (status 1, as of grep).
check() {
    local sentence=$1 wanted=0 output status
    shift
    if [ "$1" = '!' ]; then
        wanted=1
        shift
    fi
    output=$("$@" 2>&1)
    status=$?
    if [ $status -eq $wanted ]; then
        say "  ok      $sentence"
        PASSED=$((PASSED + 1))
    else
        say "  FAILED  $sentence"
        say "$output"
        FAILED=$((FAILED + 1))
        FAILED_PARTS+=("checks")
    fi
}

foreign_symbols() {
    nm -D --defined-only "$ROOT/pg_flowctl.so" | awk '{ print $3 }' | grep -vE '^(Pg_magic_func|_PG_init|(pg_finfo_)?flowctl_[a-z_]+)(@.*)?$'
}

every_test_has_output() {
    local file missing=0
    for file in "$ROOT"/sql/*.sql; do
        [ -e "$file" ] || continue
        [ -f "$ROOT/expected/$(basename "$file" .sql).out" ] || {
            say "no expected output: ${file#"$ROOT/"}"
            missing=1
        }
    done
    return $missing
}

part_unit() {
    run_logged unit '^\[==========\]|^\[  FAILED|: error: |ERROR: AddressSanitizer|runtime error:' \
        timeout 900 make -k -C "$ROOT" unit WERROR=1 JOBS="$PARALLEL"
    account unit "$(count_gtest "$LOGS/unit.log" $?)"
}

part_conformance() {
    if [ ! -d "$ROOT/../shared/conformance" ]; then
        say "  skipped: there are no cases in $(dirname "$ROOT")/shared/conformance"
        return
    fi
    run_logged conformance '^  (total|valid|invalid) |^/.*jsonl$|: error: |^FAILED' \
        timeout 900 make -C "$ROOT" conformance WERROR=1 JOBS="$PARALLEL"
    account conformance "$(count_conformance "$LOGS/conformance.log" $?)"
    conformance_through_sql
}

# Runs the same cases through define_flow, start and the views, with a Lambda stub beside the server.
conformance_through_sql() {
    needs_build conformance || return
    make_pki
    printf 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' | as_test_user sh -c 'umask 077; cat >"$0"' "$PKI/secrets/aws-secret"
    start_part lambda services/lambda.mjs PKI=
    if make_cluster conformance "flowctl.egress_allow = '127.0.0.1/32'" "flowctl.secrets_dir = '$PKI/secrets'"; then
        run_logged conformance-sql '^  (total|shown) |^/.*jsonl$|: error: |^FAILED' \
            timeout 600 make -C "$ROOT" conformance-sql WERROR=1 JOBS="$PARALLEL" LAMBDA_URL="$(part_address lambda url)"
        account conformance-sql "$(count_conformance "$LOGS/conformance-sql.log" $?)"
        stop_clusters
        cp "$WORK/log/server-conformance.log" "$LOGS/"
    else
        keep_log conformance-sql "the server does not start with the extension" "$WORK/log/server-conformance.log"
    fi
}

part_regress() {
    needs_build regress || return
    if make_cluster regress; then
        run_logged regress ' \.\.\. |^(not )?ok ' as_test_user timeout 600 make -C "$TREE" PG_CONFIG="$PG_CONFIG" installcheck
        stop_clusters
        cp "$WORK/log/server-regress.log" "$LOGS/"
        [ ! -f "$TREE/regression.diffs" ] || { echo; cat "$TREE/regression.diffs"; } >>"$LOGS/regress.log"
        account regress "$(count_regress "$LOGS/regress.log" "$(count_files "$ROOT"/sql/*.sql)")"
    else
        keep_log regress "the server does not start with the extension" "$WORK/log/server-regress.log"
    fi
}

part_tap() {
    needs_build tap || return
    local files status pgxs
    mapfile -t files < <(cd "$TREE" && ls -d ${TAP_TESTS:-test/t/*.pl})
    pgxs=$(dirname "$("$PG_CONFIG" --pgxs)")/..
    mkdir -p "$WORK/tap" "$WORK/tmp" "$WORK/log/tap"
    own_by_test_user "$WORK/tap" "$WORK/tmp" "$WORK/log/tap"
    unset PGHOST PGPORT PGUSER
    run_logged tap '^  [0-9a-z_]+ +[0-9]+ tests' as_test_user \
        PATH="$BINDIR:$PATH" PG_REGRESS="$pgxs/test/regress/pg_regress" PERL5LIB="$pgxs/test/perl:$TREE/test/t/lib" \
        TESTDIR="$WORK/tap" TESTDATADIR="$WORK/tap/tmp_check" TESTLOGDIR="$WORK/tap/tmp_check/log" TMPDIR="$WORK/tmp" \
        PG_TEST_TIMEOUT_DEFAULT=60 FLOWCTL_NODE="$NODE" FLOWCTL_PGBOUNCER="$PGBOUNCER" TAP_LOGS="$WORK/log/tap" \
        timeout 1500 perl "$TREE/test/lib/tap.pl" "$PARALLEL" "${files[@]/#/$TREE/}"
    status=$?
    account tap "$(count_summary "$LOGS/tap.log" $status)"
    keep_tap_logs
}

# Keeps all logs of the files and their servers. The end of each failed file's log goes into the part's log, too.
keep_tap_logs() {
    local log name
    mkdir -p "$LOGS/tap"
    cp "$WORK"/log/tap/*.log "$WORK"/tap/tmp_check/log/* "$LOGS/tap/" 2>/dev/null
    for log in "$WORK"/log/tap/*.log; do
        grep -qE '^not ok|^# exit [1-9]|^# (No plan|Bad plan|Tests were run)' "$log" 2>/dev/null || continue
        name=$(basename "$log" .log)
        {
            printf '\n--- %s\n' "$name"
            grep -v '^ok ' "$log" | tail -n 40
            printf '\n--- the end of regress_log_%s\n' "$name"
            tail -n 15 "$WORK/tap/tmp_check/log/regress_log_$name"
        } >>"$LOGS/tap.log" 2>&1
    done
}

count_files() {
    local file count=0
    for file in "$@"; do
        [ ! -e "$file" ] || count=$((count + 1))
    done
    echo $count
}

needs_build() {
    [ -z "$BUILT" ] || return 0
    say "  not run: the extension was not built"
    account "$1" "0 1"
    return 1
}

# run_logged PART PATTERN COMMAND...: runs a command; all output goes to the part's log, and lines that match are shown.
run_logged() {
    local part=$1 pattern=$2
    shift 2
    "$@" 2>&1 | tee "$LOGS/$part.log" | show_lines "$pattern"
    return "${PIPESTATUS[0]}"
}

# account PART "PASSED FAILED": adds the numbers of a part.
account() {
    local part=$1 passed failed
    read -r passed failed <<<"$2"
    PASSED=$((PASSED + passed))
    FAILED=$((FAILED + failed))
    say "  $part: $passed passed, $failed failed ($((SECONDS / 60)) min $((SECONDS % 60)) s since the start)"
    [ "$failed" -eq 0 ] || FAILED_PARTS+=("$part")
}

# keep_log PART SENTENCE FILE: says why a part could not run, and counts that as a failure.
keep_log() {
    say "  $2"
    cp "$3" "$LOGS/$1.log"
    account "$1" "0 1"
}

report() {
    local part
    [ ${#FAILED_PARTS[@]} -eq 0 ] || for part in $(printf '%s\n' "${FAILED_PARTS[@]}" | sort -u); do
        [ -f "$LOGS/$part.log" ] || continue
        heading "the end of ${LOGS#"$ROOT/"}/$part.log"
        grep -vE '^(g\+\+|gcc|clang|make)|^\[ RUN  |^\[       OK|^\[---' "$LOGS/$part.log" | cut -c 1-400 | tail -n 60
    done
    printf '\n%d passed, %d failed\n' "$PASSED" "$FAILED"
    [ "$FAILED" -eq 0 ] || exit 1
}

main "$@"
