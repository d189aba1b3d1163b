# What the row trigger costs who writes: INSERTs with AFTER INSERT ... start_flow() beside plain ones
#
# The worker waits, except where it says so: then it carries out the runs on the same cores.
option trigger_seconds 4 2 "how long single-row INSERTs run"
option bulk_rows 100000 20000 "how many rows the bulk INSERT has"

measure_trigger() {
    local clients plain with plain_bulk with_bulk floor_seconds=$trigger_seconds
    server_with
    start_endpoint
    for clients in 1 4; do
        fresh_database trigger.sql || return 1
        plain=$(PGUSER=app pgbench_rate "$clients" insert_plain.sql bench)
        with=$(PGUSER=app pgbench_rate "$clients" insert_order.sql bench)
        figure "single-row INSERT, plain, $clients client$([ "$clients" = 1 ] || echo s)" "$plain" commits/s "commit_$clients"
        figure "single-row INSERT with trigger, $clients client$([ "$clients" = 1 ] || echo s)" "$with" commits/s "=$plain plain"
    done
    sql "SELECT flowctl.activate()" >/dev/null
    seconds_until_done >/dev/null || return 1
    with=$(PGUSER=app pgbench_rate 4 insert_order.sql bench)
    figure "single-row INSERT with trigger, 4 clients, worker at work" "$with" commits/s "=$plain plain"
    fresh_database trigger.sql || return 1
    plain_bulk=$(insert_rows plain) || return 1
    with_bulk=$(insert_rows orders) || return 1
    figure "INSERT of $bulk_rows rows, plain" "$plain_bulk" rows/s
    figure "INSERT of $bulk_rows rows with trigger" "$with_bulk" rows/s "=$plain_bulk plain"
    [ "$(sql "SELECT count(*) FROM flowctl_catalog.run")" = "$bulk_rows" ] || note "WRONG: not every row started a run"
}

# insert_rows TABLE: rows a second.
insert_rows() {
    local begun=$EPOCHREALTIME
    sql_as_app "INSERT INTO $1 (customer, note) SELECT i, repeat('x', 200) FROM generate_series(1, $bulk_rows) i" || return 1
    calc "$bulk_rows / ($EPOCHREALTIME - $begun)"
}
