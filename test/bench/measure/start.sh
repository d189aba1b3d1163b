# What starting a run costs who starts it: commits a second with flowctl.start(), beside those of a plain row
#
# The worker waits, so that what is measured is the client's part alone.
option bulk_starts 30000 5000 "how many runs one statement starts"

measure_start() {
    local clients begun rate
    server_with
    start_endpoint
    for clients in 1 16; do
        fresh_database || return 1
        rate=$(PGUSER=app pgbench_rate "$clients" start_w1.sql bench)
        figure "flowctl.start(), one a transaction, $clients client$([ "$clients" = 1 ] || echo s)" "$rate" runs/s "commit_$clients"
    done
    fresh_database || return 1
    begun=$EPOCHREALTIME
    start_runs w1 "$bulk_starts" || return 1
    figure "flowctl.start(), $bulk_starts in one statement" "$(calc "$bulk_starts / ($EPOCHREALTIME - $begun)")" runs/s bulk_insert
}
