# Reads from the logs of the test parts how many tests passed and failed.
#
# This file is sourced by run.sh. Each function prints "PASSED FAILED". A part that did not run to its end has at least one failure,
# whatever its tests said before.

# Reads a log of GoogleTest, of one or several binaries. $2 is the exit status.
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

# Reads a log of pg_regress, before version 16 ("test x ... ok") and since ("ok 1 - x"). $2 is how many tests there are.
count_regress() {
    awk -v expected="$2" '
        /^(test| ) .* \.\.\. ok/ || /^ok [0-9]+ /              { passed++ }
        /^(test| ) .* \.\.\. FAILED/ || /^not ok [0-9]+ /      { failed++ }
        END {
            if (passed + failed < expected) failed += expected - passed - failed
            print passed + 0, failed + 0
        }' "$1"
}

# Reads lines such as "12 passed, 0 failed" and adds them up. $2 is the exit status.
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

# Reads the tables of the conformance runner, one for each file of cases. A table of executions ends with a line "total".
# Of the definitions only the ones that were recorded on AWS count. $2 is the exit status.
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
