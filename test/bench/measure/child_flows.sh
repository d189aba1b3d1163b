# Flows that start flows: children a second, with .sync and without, and two levels deep
#
# From worker start to the last run's end. A parent has one Task, and its child has one Pass.
option child_runs 20000 4000 "how many parents of each kind"

measure_child_flows() {
    local kind name children seconds before worker endpoint rest
    server_with
    start_endpoint
    for kind in "child_sync 1 with .sync" "child_start 1 without" "child_deep 2 with .sync, two levels deep"; do
        read -r kind children name <<<"$kind"
        fresh_database || return 1
        start_runs "$kind" "$child_runs" || return 1
        sql CHECKPOINT
        before=$(cpu)
        seconds=$(seconds_until_done "SELECT flowctl.activate()") || return 1
        read -r worker endpoint rest < <(cpu_since "$before" $((child_runs * children)))
        figure "children, $name" "$(calc "$child_runs * $children / $seconds")" children/s history 1
        figure "children, $name, CPU of the worker" "$worker" us/child
        check_runs $((child_runs * (children + 1)))
    done
}
