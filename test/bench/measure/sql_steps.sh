# SQL steps: functions a second by two executors, reading and writing, and the time from start() to the effect
#
# A flow of one Task whose function reads nothing, or updates one row of a thousand. From worker start to the last run's
# end. Then runs are started one by one, while nothing else happens and beside functions of two seconds.
option sql_runs 30000 3000 "how many runs of each kind"
option sql_single 500 50 "how many runs are started one by one"

measure_sql_steps() {
    local kind name seconds before worker endpoint rest
    server_with
    start_endpoint
    for kind in "sql_read reading" "sql_write writing a row"; do
        read -r kind name <<<"$kind"
        fresh_database || return 1
        start_runs "$kind" "$sql_runs" || return 1
        sql CHECKPOINT
        before=$(cpu)
        seconds=$(seconds_until_done "SELECT flowctl.activate()") || return 1
        read -r worker endpoint rest < <(cpu_since "$before" "$sql_runs")
        figure "SQL steps, $name" "$(calc "$sql_runs / $seconds")" steps/s commit_4
        figure "SQL steps, $name, CPU of the worker" "$worker" us/step
        check_runs "$sql_runs"
    done
    fresh_database || return 1
    sql "SELECT flowctl.activate()" >/dev/null
    sql_latency "alone"
    sql_as_app "SELECT flowctl.start('sql_slow', '{}')" >/dev/null
    sql_latency "beside a function of two seconds"
}

# From before start() to the function's clock, in which the effect is about to be committed; and to the run's end.
sql_latency() {
    sql "TRUNCATE sql_steps.effect" >/dev/null
    sql_as_app "DO \$\$ DECLARE run uuid; BEGIN FOR i IN 1 .. $sql_single LOOP
             run := flowctl.start('sql_timed', jsonb_build_object('at', clock_timestamp())); COMMIT;
             PERFORM flowctl.wait(run); COMMIT;
         END LOOP; END \$\$" >/dev/null
    figure "SQL step $1, start to effect, median" \
        "$(sql "SELECT 1000 * percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM done_at - at)) FROM sql_steps.effect")" ms
    figure "SQL step $1, start to effect, 99 %" \
        "$(sql "SELECT 1000 * percentile_cont(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM done_at - at)) FROM sql_steps.effect")" ms
}
