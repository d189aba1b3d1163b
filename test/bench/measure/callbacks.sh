# Parked callbacks: the worker's memory, answers that are taken a second, and tasks of an activity to 16 workers
#
# The endpoint of the benchmark keeps no tokens, so they are made here from the key, as the engine makes them.
option callbacks 100000 5000 "how many callbacks are parked and answered"
option tasks 20000 2000 "how many tasks of an activity are handed out"
rounds_callbacks=1

measure_callbacks() {
    local seconds begun
    server_with "max_connections = 60"
    start_endpoint
    fresh_database callbacks.sql || return 1
    sql "SELECT flowctl.activate()" >/dev/null
    figure "memory of an idle worker" "$(private_memory $WORKERS)" MB
    begun=$EPOCHREALTIME
    start_runs callback "$callbacks" || return 1
    wait_until $((PATIENCE * 4)) callbacks_wait || return 1
    figure "callbacks called and parked" "$(calc "$callbacks / ($EPOCHREALTIME - $begun)")" runs/s "curl 1"
    figure "memory of the worker that parked $callbacks callbacks" "$(private_memory $WORKERS)" MB
    sql "SELECT make_tokens()" "VACUUM ANALYZE flowctl_catalog.waiting_task" CHECKPOINT >/dev/null
    begun=$EPOCHREALTIME
    sql "SELECT count(flowctl.send_task_success(token, '1')) FROM token" >/dev/null || return 1
    figure "answers given by one statement" "$(calc "$callbacks / ($EPOCHREALTIME - $begun)")" answers/s
    seconds=$(seconds_until_done) || return 1
    figure "answers, from the statement to the last run's end" "$(calc "$callbacks / ($EPOCHREALTIME - $begun)")" answers/s "history 1"
    check_runs "$callbacks"
    handed_out
}

callbacks_wait() {
    sleep 0.5
    [ "$(sql "SELECT count(*) FROM flowctl_catalog.frame WHERE phase = 'WAITING'")" = "$callbacks" ]
}

handed_out() {
    local begun
    fresh_database callbacks.sql || return 1
    sql "SELECT flowctl.activate()" >/dev/null
    start_runs activity "$tasks" || return 1
    wait_until "$PATIENCE" tasks_wait || return 1
    begun=$EPOCHREALTIME
    "$BINDIR/pgbench" -n -M prepared -c 16 -j 2 -t $((tasks / 16)) -f "$HERE/sql/poll_and_answer.sql" bench >"$WORK/log/pgbench.log" 2>&1 || return 1
    figure "tasks taken and answered by 16 workers" "$(calc "$tasks / ($EPOCHREALTIME - $begun)")" tasks/s
    figure "a task taken and answered, on average" "$(sed -n 's/^latency average = \([0-9.]*\) ms/\1/p' "$WORK/log/pgbench.log")" ms
    seconds_until_done >/dev/null || return 1
    check_runs "$tasks"
}

tasks_wait() {
    [ "$(sql "SELECT count(*) FROM flowctl_catalog.waiting_task")" = "$tasks" ]
}
