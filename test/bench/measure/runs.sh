# Runs a second: W0 (three Pass), W1 (one HTTP step, 300 B), W3 (three in sequence, output passed on)
#
# "From worker start": the runs are in the table, the worker begins, the last of them has ended. "Started meanwhile":
# four clients start them, each in a transaction of its own, while the worker works; from the first start to the last
# run's end.
option runs 30000 4000 "how many runs of each kind"
option meanwhile_seconds 5 2 "how long clients start runs meanwhile"
option kinds "w0 w0_express w1 w3" "w0 w0_express w1 w3" "which flows"

measure_runs() {
    local kind
    server_with
    start_endpoint
    for kind in $kinds; do
        drain "$kind" || return 1
        [ "$kind" = w3 ] || started_meanwhile "$kind" || return 1
    done
}

kind_name() {
    case $1 in
        w0) echo W0 ;;
        w0_express) echo "W0 EXPRESS" ;;
        w1) echo W1 ;;
        w1_express) echo "W1 EXPRESS" ;;
        w3) echo W3 ;;
        *) echo "$1" ;;
    esac
}

posts_of() {
    case $1 in
        w0*) echo 0 ;;
        w3) echo 3 ;;
        *) echo 1 ;;
    esac
}

# compare KIND: the floor and factor of a kind's rate: rows for what stays inside, requests for what leaves.
compare() {
    case $1 in
        w0*) echo "history 1" ;;
        *) echo "curl $(posts_of "$1")" ;;
    esac
}

drain() {
    local kind=$1 name seconds before worker endpoint rest
    name=$(kind_name "$kind")
    fresh_database || return 1
    start_runs "$kind" "$runs" || return 1
    tell_endpoint reset >/dev/null
    sql CHECKPOINT
    before=$(cpu)
    seconds=$(seconds_until_done "SELECT flowctl.activate()") || return 1
    read -r worker endpoint rest < <(cpu_since "$before" "$runs")
    figure "$name, from worker start to last run ended" "$(calc "$runs / $seconds")" runs/s $(compare "$kind")
    figure "$name, CPU of the worker" "$worker" us/run
    [ "$(posts_of "$kind")" = 0 ] || figure "$name, CPU of the endpoint" "$endpoint" us/run
    figure "$name, CPU of the server's other processes" "$rest" us/run
    check_runs "$runs" $((runs * $(posts_of "$kind")))
    if [ "$kind" = w1 ]; then calc "$runs / $seconds" >"$WORK/w1_rate"; fi
}

started_meanwhile() {
    local kind=$1 name count begun seconds before worker endpoint rest
    name=$(kind_name "$kind")
    fresh_database || return 1
    sql "SELECT flowctl.activate()" >/dev/null
    start_runs "$kind" 200 || return 1
    seconds_until_done >/dev/null || return 1
    tell_endpoint reset >/dev/null
    before=$(cpu)
    begun=$EPOCHREALTIME
    PGUSER=app "$BINDIR/pgbench" -n -M prepared -c 4 -j 2 -T "$meanwhile_seconds" -D flow="$kind" -f "$HERE/sql/start_run.sql" bench \
        >"$WORK/log/pgbench.log" 2>&1 || return 1
    count=$(sed -n 's/^number of transactions actually processed: \([0-9]*\).*/\1/p' "$WORK/log/pgbench.log")
    seconds_until_done >/dev/null || return 1
    seconds=$(calc "$EPOCHREALTIME - $begun")
    read -r worker endpoint rest < <(cpu_since "$before" "$count")
    figure "$name, started meanwhile by 4 clients" "$(calc "$count / $seconds")" runs/s $(compare "$kind")
    figure "$name, started meanwhile, CPU of the worker" "$worker" us/run
    figure "$name, started meanwhile, CPU of the server's other processes" "$rest" us/run
    check_runs $((count + 200)) $((count * $(posts_of "$kind")))
}
