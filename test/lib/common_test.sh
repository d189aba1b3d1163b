#!/usr/bin/env bash
# Tests that common.sh ends what was started, and notices what it did not know of.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

failed=0
expect() {
    local sentence=$1
    shift
    "$@" || {
        say "not so: $sentence"
        failed=1
    }
}

is_gone() {
    ! kill -0 "$1" 2>/dev/null
}

make_work
id "$TEST_USER" >/dev/null 2>&1 || TEST_USER=nobody

become_test_user sleep 600 &
PIDS+=($!)
wait_until 10 grep -q '^sleep' "/proc/$!/cmdline"
expect "the id of a background command is its own, not that of a shell" grep -q '^sleep' "/proc/$!/cmdline"
expect "a command that was noted is ended, and nothing is left" end_everything
expect "it is gone" is_gone "$!"

bash -c 'exec -a "$0" sleep 600' "$WORK/forgotten" >/dev/null 2>&1 &
by_name=$!
(cd "$WORK" && exec sleep 600) >/dev/null 2>&1 &
by_folder=$!
wait_until 10 grep -q "$WORK" "/proc/$by_name/cmdline"
wait_until 10 [ "$(readlink "/proc/$by_folder/cwd")" = "$WORK" ]
left=$(processes_of_ours)
expect "a process with the work folder in its command line is seen" grep -qx "$by_name" <<<"$left"
expect "so is a process that works in the folder" grep -qx "$by_folder" <<<"$left"
expect "what was left is a failure" eval '! (wait_until() { return 1; }; end_everything) 2>/dev/null'
wait "$by_name" "$by_folder" 2>/dev/null
expect "and is ended" eval 'is_gone "$by_name" && is_gone "$by_folder"'
exit $failed
