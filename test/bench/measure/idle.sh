# What the extension does when there is nothing to do: CPU of worker and launcher, and statements
#
# Done once, in the first round. Statements are counted by pg_stat_statements, which is loaded for this measurement only.
option idle_seconds 60 20 "how long to look"
rounds_idle=1

measure_idle() {
    local launcher before used statements
    server_with "shared_preload_libraries = 'pg_flowctl, pg_stat_statements'" "pg_stat_statements.track = all"
    start_endpoint
    fresh_database || return 1
    sql_in postgres "CREATE EXTENSION IF NOT EXISTS pg_stat_statements" || return 1
    sql "SELECT flowctl.activate()" >/dev/null
    start_runs w1 10 || return 1
    start_runs park 10 || return 1
    wait_until 30 only_parked_are_left || return 1
    launcher=$(sql "SELECT pid FROM pg_stat_activity WHERE backend_type = 'flowctl launcher'")
    sleep 5
    sql_in postgres "SELECT pg_stat_statements_reset()" >/dev/null
    before=$(on_cpu $WORKERS "$launcher")
    sleep "$idle_seconds"
    used=$(($(on_cpu $WORKERS "$launcher") - before))
    statements=$(sql_in postgres "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements s
        JOIN pg_database d ON d.oid = s.dbid AND d.datname = 'bench' WHERE NOT s.toplevel")
    figure "idle: CPU of worker and launcher" "$(calc "100 * $used / 1e9 / $idle_seconds")" "% of a core"
    figure "idle: statements" "$(calc "$statements * 60 / $idle_seconds")" per-minute
    sql_in postgres "DROP EXTENSION pg_stat_statements"
}

only_parked_are_left() {
    [ "$(sql "SELECT count(*) FROM flowctl_catalog.run WHERE status = 'RUNNING'")" = 10 ] &&
        [ "$(sql "SELECT sum(runs_in_memory) FROM flowctl.workers")" = 0 ]
}

# on_cpu PID...: nanoseconds so far.
on_cpu() {
    local pid
    for pid in "$@"; do cut -d ' ' -f 1 "/proc/$pid/schedstat"; done | awk '{ sum += $1 } END { printf "%.0f", sum }'
}
