# Reads from the logs of the test parts how many tests passed and failed.
#
# Sourced by run.sh. Each function prints "PASSED FAILED". A part that did not run to its end has at least one failure,
# whatever its tests said before.

# GoogleTest: one or several binaries in one log. $2 is the exit status.
count_gtest() {
    awk -v status="$2" '
        /\[       OK \]/                      { passed++ }
        /\[  FAILED  \] .*\([0-9]+ ms\)$/     { failed++ }
        /^\[==========\] Running /            { begun++ }
        /^\[==========\] .* ran\. /           { ended++ }
        END {
            failed += begun - ended
            if (begun == 0 || (status != 0 && failed == 0)) failed++
            print passed + 0, failed + 0
        }' "$1"
}

# pg_regress before 16 ("test x ... ok") and since ("ok 1 - x"). $2 is how many tests there are.
count_regress() {
    awk -v expected="$2" '
        /^(test| ) .* \.\.\. ok/ || /^ok [0-9]+ /              { passed++ }
        /^(test| ) .* \.\.\. FAILED/ || /^not ok [0-9]+ /      { failed++ }
        END {
            if (passed + failed < expected) failed += expected - passed - failed
            print passed + 0, failed + 0
        }' "$1"
}

# Runners that end with lines such as "12 passed, 0 failed"; several are added up. $2 is the exit status.
count_summary() {
    awk -v status="$2" '
        match($0, /[0-9]+ passed, [0-9]+ failed/) {
            split(substr($0, RSTART, RLENGTH), word, " ")
            passed += word[1]; failed += word[3]; lines++
        }
        END {
            if (lines == 0 || (status != 0 && failed == 0)) failed++
            print passed + 0, failed + 0
        }' "$1"
}

# The conformance runner: a table for each file of cases. Executions end with a line "total"; of the definitions those
# recorded on AWS count, the validators' own are shown only. $2 is the exit status.
count_conformance() {
    awk -v status="$2" '
        /^[^ ].*\.jsonl$/ { file = $0 }
        /^  total / || (file ~ /definitions\.jsonl$/ && /^  (valid|invalid) /) {
            passed += $2; failed += $4; tables++
        }
        END {
            if (tables == 0 || (status != 0 && failed == 0)) failed++
            print passed + 0, failed + 0
        }' "$1"
}
