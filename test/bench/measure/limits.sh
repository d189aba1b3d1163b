# What a limit of a flow costs: W1 with max_concurrency beside W1 without, and what runs cost while they wait at one
#
# "With room" has more places than calls are under way, so a run is admitted when it comes; in "full", all but 16 runs
# wait, and each end of one admits the next.
option limit_runs 30000 4000 "how many runs of each kind"
option limit_waiting 100000 20000 "how many runs wait at a limit"
option limit_seconds 10 3 "how long is watched what they cost"

measure_limits() {
    local without_rate without_cpu rate of_workers
    server_with
    start_endpoint
    limited_drain w1 || return 1
    without_rate=$rate without_cpu=$of_workers
    figure "W1 without a limit" "$rate" runs/s
    figure "W1 without a limit, CPU of the worker" "$of_workers" us/run
    limited_drain w1_limited || return 1
    figure "W1 with max_concurrency, with room" "$rate" runs/s "=$without_rate without"
    figure "W1 with max_concurrency, with room, CPU of the worker" "$of_workers" us/run "=$without_cpu without"
    limited_drain w1_narrow || return 1
    figure "W1 with max_concurrency 16, full" "$rate" runs/s "=$without_rate without"
    figure "W1 with max_concurrency 16, full, CPU of the worker" "$of_workers" us/run "=$without_cpu without"
    waiting_runs
}

# limited_drain FLOW: from the start of the worker to the end of the last run. Sets rate and of_workers.
limited_drain() {
    local before seconds
    fresh_database limits.sql || return 1
    start_runs "$1" "$limit_runs" || return 1
    tell_endpoint reset >/dev/null
    sql CHECKPOINT
    before=$(cpu)
    seconds=$(seconds_until_done "SELECT flowctl.activate()") || return 1
    rate=$(calc "$limit_runs / $seconds")
    read -r of_workers _ < <(cpu_since "$before" "$limit_runs")
    check_runs "$limit_runs" "$limit_runs"
    [ "$(sql "SELECT count(*) FROM flowctl_catalog.limit_hold")" = 0 ] || note "WRONG: something is held"
}

waiting_runs() {
    local idle before begun of_workers _
    fresh_database limits.sql || return 1
    sql "SELECT flowctl.activate()" >/dev/null
    start_runs full 1 || return 1
    wait_until "$PATIENCE" one_is_held || return 1
    idle=$(private_memory $WORKERS)
    begun=$EPOCHREALTIME
    start_runs full "$limit_waiting" || return 1
    figure "$limit_waiting runs of a full flow started, one statement" "$(calc "$limit_waiting / ($EPOCHREALTIME - $begun)")" runs/s
    wait_until "$PATIENCE" worker_rests || return 1
    figure "memory of the worker that they take" "$(calc "$(private_memory $WORKERS) - $idle")" MB
    before=$(cpu)
    sleep "$limit_seconds"
    read -r of_workers _ < <(cpu_since "$before" "$limit_seconds")
    figure "CPU of the worker while they wait" "$(calc "$of_workers / 1000")" ms/s
    sql "VACUUM ANALYZE flowctl_catalog.run" "VACUUM ANALYZE flowctl_catalog.limit_wait" CHECKPOINT
    restart_server
    begun=$EPOCHREALTIME
    sql_as_app "SELECT flowctl.start('w1')" >/dev/null
    wait_until "$PATIENCE" w1_has_ended || return 1
    figure "restart of the server to the end of another flow's run" "$(calc "$EPOCHREALTIME - $begun")" s
    find_workers
    wait_until "$PATIENCE" worker_rests || return 1
    figure "memory of the worker after the restart" "$(private_memory $WORKERS)" MB
}

one_is_held() {
    [ "$(sql "SELECT count(*) FROM flowctl_catalog.limit_hold")" = 1 ]
}

# It has come to all that was started, when its CPU stands still.
worker_rests() {
    local before after
    before=$(cpu)
    sleep 1
    after=$(cpu)
    [ $((${after%% *} - ${before%% *})) -lt 20000 ]
}

w1_has_ended() {
    [ "$(sql "SELECT count(*) FROM flowctl_catalog.run WHERE flow = 'w1' AND status = 'SUCCEEDED'")" = 1 ]
}
