# Requests about many runs: redrives and stops by one statement, and until the worker has carried them out
option redrives 100000 10000 "how many runs are redriven"
option stops 100000 10000 "how many runs are stopped"

measure_interventions() {
    local begun
    server_with
    start_endpoint
    fresh_database interventions.sql || return 1
    sql "SELECT flowctl.activate()" >/dev/null
    start_runs second_drive "$redrives" || return 1
    wait_until $((PATIENCE * 4)) counted "$redrives" FAILED || return 1
    begun=$EPOCHREALTIME
    sql_as_app "SELECT count(flowctl.redrive(run_id)) FROM flowctl.runs WHERE flow = 'second_drive'" >/dev/null || return 1
    figure "flowctl.redrive() of $redrives runs, one statement" "$(calc "$EPOCHREALTIME - $begun")" s
    wait_until $((PATIENCE * 4)) counted "$redrives" SUCCEEDED || {
        note "WRONG: not all runs have succeeded in the second drive"
        return 1
    }
    figure "until the last of them has ended again" "$(calc "$EPOCHREALTIME - $begun")" s
    start_runs held "$stops" || return 1
    wait_until $((PATIENCE * 4)) all_held || return 1
    begun=$EPOCHREALTIME
    sql_as_app "SELECT count(flowctl.stop(run_id)) FROM flowctl.runs WHERE status = 'RUNNING'" >/dev/null || return 1
    figure "flowctl.stop() of $stops runs, one statement" "$(calc "$EPOCHREALTIME - $begun")" s
    wait_until $((PATIENCE * 4)) counted "$stops" ABORTED || return 1
    figure "until the last of them has ended" "$(calc "$EPOCHREALTIME - $begun")" s
    figure "memory of the worker afterwards" "$(private_memory $WORKERS)" MB
}

# counted NUMBER STATUS
counted() {
    sleep 0.2
    [ "$(sql "SELECT count(*) FROM flowctl_catalog.run WHERE status = '$2'")" = "$1" ]
}

all_held() {
    sleep 0.2
    [ "$(sql "SELECT count(*) FROM flowctl_catalog.frame")" = "$stops" ]
}
