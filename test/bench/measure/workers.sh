# Two workers beside one: W1 from worker start
#
# Where client, server and endpoint share two cores there is nothing to be won in runs a second; CPU for a run says
# what a second worker costs, and on separate cores the rate follows from it.
option worker_runs 30000 4000 "how many runs"

measure_workers() {
    local count seconds before worker endpoint rest
    for count in 1 2; do
        server_with "flowctl.workers = $count"
        start_endpoint
        fresh_database || return 1
        start_runs w1 "$worker_runs" || return 1
        tell_endpoint reset >/dev/null
        sql CHECKPOINT
        before=$(cpu)
        seconds=$(seconds_until_done "SELECT flowctl.activate()") || return 1
        read -r worker endpoint rest < <(cpu_since "$before" "$worker_runs")
        figure "W1, workers = $count" "$(calc "$worker_runs / $seconds")" runs/s curl
        figure "W1, workers = $count, CPU of the workers" "$worker" us/run
        check_runs "$worker_runs" "$worker_runs"
    done
    note "$(nproc) cores for client, server and endpoint"
}
