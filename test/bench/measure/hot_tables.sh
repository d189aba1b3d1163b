# The tables of open runs while a transaction is held open beside them, at 1,000,000 runs an hour: what grows, what slows
#
# Half of the runs call at once (W1), the other half wait for a second before they call. The first and the last part of
# the time, `hold_part` seconds each, are compared. Done once, in the first round. Ten minutes are --set hold_seconds=600.
option hold_seconds 60 15 "how long the transaction stays open"
option hold_part 10 3 "how long the parts are that are compared"
option hold_rate 278 278 "runs a second"
rounds_hot_tables=1

measure_hot_tables() {
    local holder load runs
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
    figure "with no dead rows, reading flowctl.workers" "$(milliseconds "SELECT * FROM flowctl.workers")" ms
    PGUSER=app "$BINDIR/pgbench" -n -M prepared -c 4 -j 2 -T "$hold_seconds" -R "$hold_rate" -D flow=w1 -f "$HERE/sql/start_run.sql@1" \
        -f "$HERE/sql/start_timed.sql@1" bench >"$WORK/log/pgbench.log" 2>&1 &
    load=$!
    sleep 2
    part "first $hold_part s" || return 1
    sleep "$((hold_seconds - 2 * hold_part - 4))"
    part "last $hold_part s" || return 1
    wait "$load" || return 1
    seconds_until_done >/dev/null || return 1
    runs=$(endpoint_posts)
    sql "SELECT count(*) FROM flowctl_catalog.run WHERE status <> 'SUCCEEDED'" | grep -qx 0 || note "WRONG: not all runs have succeeded"
    figure "hot tables, $hold_seconds s with a transaction open, $hold_rate runs/s" "$(hot_megabytes)" MB
    figure "hot tables, growth for each 1,000 runs" "$(calc "$(hot_megabytes) * 1000 / $runs")" MB
    figure "index of open runs, growth for each 1,000 runs" "$(calc "$(open_runs_megabytes) * 1000 / $runs")" MB
    figure "flowctl.workers.dead_frames for each run" "$(calc "$(sql "SELECT dead_frames FROM flowctl.workers") / $runs")" rows
    figure "with these dead rows, reading flowctl.workers" "$(milliseconds "SELECT * FROM flowctl.workers")" ms
    figure "with these dead rows, a new worker's first run" "$(seconds_to_first_run)" s
    kill "$holder" && wait "$holder" 2>/dev/null
    sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'BEGIN ISOLATION%'" >/dev/null
}

somebody_holds() {
    [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'BEGIN ISOLATION%' AND backend_xid IS NOT NULL")" = 1 ]
}

# part NAME: what a run takes of the worker in the next hold_part seconds, and how long the worker is away at most: a
# session that starts a run of one Pass state asks when it has ended.
part() {
    local before posts worker rest count
    posts=$(endpoint_posts)
    before=$(cpu)
    longest_answer "$1" || return 1
    count=$(($(endpoint_posts) - posts))
    read -r worker rest < <(cpu_since "$before" "$count")
    figure "$1, CPU of the worker" "$worker" us/run
}

# Starts 20 runs a second for hold_part seconds, and waits for the end of each.
longest_answer() {
    local median longest
    PGUSER=app "$BINDIR/pgbench" -n -M prepared -c 1 -R 20 -T "$hold_part" -l --log-prefix="$WORK/log/answers" -f "$HERE/sql/start_and_wait.sql" bench \
        >"$WORK/log/probe.log" 2>&1 || { note "pgbench: $(tail -n 1 "$WORK/log/probe.log")"; return 1; }
    cat "$WORK"/log/answers.* | sort -n -k3 | awk '{ micros[NR] = $3 } END { printf "%.2f %.2f\n", micros[int(NR / 2) + 1] / 1000, micros[NR] / 1000 }' >"$WORK/answers"
    rm -f "$WORK"/log/answers.*
    read -r median longest <"$WORK/answers"
    figure "$1, from the start of a run to its end, p50" "$median" ms
    figure "$1, from the start of a run to its end, longest" "$longest" ms
}

milliseconds() {
    sql "EXPLAIN (ANALYZE, TIMING OFF) $1" | sed -n 's/^Execution Time: \(.*\) ms$/\1/p'
}

# The worker ends; until a run has ended that is started at once.
seconds_to_first_run() {
    local before=$WORKERS
    sql "SELECT pg_terminate_backend($WORKERS)" >/dev/null
    start_runs w0 1 || return 1
    seconds_until_done || return 1
    find_workers
}

# What has no retention of its own and is written for every run: the frames, and requests to workers.
hot_megabytes() {
    sql "SELECT (pg_total_relation_size('flowctl_catalog.frame') + pg_total_relation_size('flowctl_catalog.control')) / 1048576.0"
}

open_runs_megabytes() {
    sql "SELECT sum(pg_relation_size(i.inhrelid)) / 1048576.0 FROM pg_inherits i WHERE i.inhparent = 'flowctl_catalog.run_open'::regclass"
}
