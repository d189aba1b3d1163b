# Many runs that wait for a year: the worker's memory, and from a restart of the server to work
#
# Done once, in the first round: it takes minutes.
option parked 1000000 50000 "how many runs wait"
rounds_parked=1

measure_parked() {
    local batch=50000 done=0 begun seconds
    server_with
    start_endpoint
    fresh_database || return 1
    figure "memory of an idle worker" "$(private_memory $WORKERS)" MB
    begun=$EPOCHREALTIME
    while [ $done -lt "$parked" ]; do
        start_runs park $((parked - done < batch ? parked - done : batch)) || return 1
        done=$((done + batch))
    done
    figure "$parked runs started" "$(calc "$parked / ($EPOCHREALTIME - $begun)")" runs/s
    begun=$EPOCHREALTIME
    sql "SELECT flowctl.activate()" >/dev/null
    wait_until $((PATIENCE * 4)) all_parked || {
        note "WRONG: only $(sql "SELECT count(*) FROM flowctl_catalog.frame") of $parked runs were parked in time"
        return 1
    }
    figure "$parked runs parked" "$(calc "$parked / ($EPOCHREALTIME - $begun)")" runs/s
    figure "memory of the worker that parked them" "$(private_memory $WORKERS)" MB
    sql "VACUUM ANALYZE flowctl_catalog.run" "VACUUM ANALYZE flowctl_catalog.frame" CHECKPOINT
    restart_server
    begun=$EPOCHREALTIME
    sql_as_app "SELECT flowctl.start('w1')" >/dev/null
    wait_until "$PATIENCE" new_run_ended || return 1
    figure "restart of the server to the end of a new run" "$(calc "$EPOCHREALTIME - $begun")" s
    find_workers
    figure "memory of the worker after the restart" "$(private_memory $WORKERS)" MB
    [ "$(sql "SELECT count(*) FROM flowctl_catalog.run WHERE status = 'RUNNING'")" = "$parked" ] || note "WRONG: not all are waiting any more"
}

# One count over a million rows a second is enough.
all_parked() {
    sleep 0.5
    [ "$(sql "SELECT coalesce(sum(runs_in_memory), 0) FROM flowctl.workers")" = 0 ] &&
        [ "$(sql "SELECT count(*) FROM flowctl_catalog.frame")" = "$parked" ]
}

new_run_ended() {
    [ "$(sql "SELECT count(*) FROM flowctl_catalog.run WHERE status = 'SUCCEEDED'")" = 1 ]
}
