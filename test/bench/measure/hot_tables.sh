# The tables of open runs while a transaction is held open beside them, at 1,000,000 runs an hour
#
# Done once, in the first round. Ten minutes are --set hold_seconds=600.
option hold_seconds 60 15 "how long the transaction stays open"
option hold_rate 278 278 "runs a second"
rounds_hot_tables=1

measure_hot_tables() {
    local holder runs
    server_with
    start_endpoint
    fresh_database || return 1
    sql "SELECT flowctl.activate()" >/dev/null
    start_runs w1 500 || return 1
    seconds_until_done >/dev/null || return 1
    tell_endpoint reset >/dev/null
    "$BINDIR/psql" -X -q -d bench -c "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT txid_current(); SELECT pg_sleep($hold_seconds + 600)" >/dev/null 2>&1 &
    holder=$!
    wait_until 10 somebody_holds || return 1
    PGUSER=app "$BINDIR/pgbench" -n -M prepared -c 4 -j 2 -T "$hold_seconds" -R "$hold_rate" -D flow=w1 -f "$HERE/sql/start_run.sql" bench >"$WORK/log/pgbench.log" 2>&1 || return 1
    seconds_until_done >/dev/null || return 1
    runs=$(endpoint_posts)
    sql "SELECT count(*) FROM flowctl_catalog.run WHERE status <> 'SUCCEEDED'" | grep -qx 0 || note "WRONG: not all runs have succeeded"
    figure "hot tables, $hold_seconds s with a transaction open, $hold_rate runs/s" "$(hot_megabytes)" MB
    figure "hot tables, growth for each 1,000 runs" "$(calc "$(hot_megabytes) * 1000 / $runs")" MB
    kill "$holder" && wait "$holder" 2>/dev/null
    sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'BEGIN ISOLATION%'" >/dev/null
}

somebody_holds() {
    [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'BEGIN ISOLATION%' AND backend_xid IS NOT NULL")" = 1 ]
}

# What has no retention of its own and is written for every run: the frames, and requests to workers.
hot_megabytes() {
    sql "SELECT (pg_total_relation_size('flowctl_catalog.frame') + pg_total_relation_size('flowctl_catalog.control')) / 1048576.0"
}
