# What two attributes of a flow cost who starts it: starts and rows a second beside those without attributes
#
# The worker waits, so that what is measured is the client's part alone.
option attribute_starts 30000 5000 "how many runs one statement starts"
option attribute_rows 100000 20000 "how many rows the bulk INSERT has"

measure_attributes() {
    local clients without with begun
    server_with
    start_endpoint
    for clients in 1 16; do
        fresh_database attributes.sql || return 1
        without=$(PGUSER=app pgbench_rate "$clients" start_w1.sql bench)
        with=$(PGUSER=app pgbench_rate "$clients" start_labelled.sql bench)
        figure "flowctl.start() without attributes, $clients client$([ "$clients" = 1 ] || echo s)" "$without" runs/s "commit_$clients"
        figure "flowctl.start() with two attributes, $clients client$([ "$clients" = 1 ] || echo s)" "$with" runs/s "=$without without"
    done
    fresh_database attributes.sql || return 1
    begun=$EPOCHREALTIME
    start_runs w1 "$attribute_starts" || return 1
    without=$(calc "$attribute_starts / ($EPOCHREALTIME - $begun)")
    begun=$EPOCHREALTIME
    start_runs labelled "$attribute_starts" || return 1
    with=$(calc "$attribute_starts / ($EPOCHREALTIME - $begun)")
    figure "flowctl.start(), $attribute_starts in one statement, without attributes" "$without" runs/s
    figure "flowctl.start(), $attribute_starts in one statement, two attributes" "$with" runs/s "=$without without"
    fresh_database trigger.sql attributes.sql || return 1
    without=$(insert_labelled orders) || return 1
    with=$(insert_labelled labelled_orders) || return 1
    figure "INSERT of $attribute_rows rows with trigger, without attributes" "$without" rows/s
    figure "INSERT of $attribute_rows rows with trigger, two attributes" "$with" rows/s "=$without without"
    [ "$(sql "SELECT count(*) FROM flowctl.find_runs('customer', '$attribute_rows')")" = 1 ] || note "WRONG: a run is not found by its attribute"
}

# insert_labelled TABLE: rows a second.
insert_labelled() {
    local begun=$EPOCHREALTIME
    sql_as_app "INSERT INTO $1 (customer, note) SELECT i, repeat('x', 200) FROM generate_series(1, $attribute_rows) i" || return 1
    calc "$attribute_rows / ($EPOCHREALTIME - $begun)"
}
