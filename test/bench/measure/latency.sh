# From the commit that starts a run to its request's arrival at the endpoint
#
# At 20 a second, and at half of the rate that W1 reached from worker start (measured before, or LATENCY_RATE by --set).
option latency_seconds 15 5 "how long at each rate"
option latency_rate 0 0 "the higher rate; 0: half of W1's"

measure_latency() {
    local rate=$latency_rate
    server_with
    start_endpoint
    fresh_database || return 1
    sql "SELECT flowctl.activate()" >/dev/null
    start_runs w1 500 || return 1
    seconds_until_done >/dev/null || return 1
    at_rate 20 1 "20/s" || return 1
    if [ "$rate" = 0 ]; then
        [ -f "$WORK/w1_rate" ] || calc "$(w1_rate_now)" >"$WORK/w1_rate"
        rate=$(calc "int($(cat "$WORK/w1_rate") / 2)")
        note "half of W1's rate in this round is $rate/s"
    fi
    at_rate "$rate" 8 "half of W1's rate"
}

# at_rate RATE CONNECTIONS LABEL
at_rate() {
    local count p50 p99 max sent50 sent99 missing late
    count=$((${1%.*} * latency_seconds))
    read -r p50 p99 max sent50 sent99 missing late < <("$TOOLS/start_latency" "dbname=bench user=app" "$ENDPOINT_CONTROL" \
        "$1" "$count" "$2" "SELECT flowctl.start('w1', \$1::jsonb)") || return 1
    [ -n "$late" ] || return 1
    figure "commit to request at $3, p50" "$p50" ms "=$(calc "$(floor notify_p50) / 1000") NOTIFY one way, p50"
    figure "commit to request at $3, p99" "$p99" ms "=$(calc "$(floor notify_p99) / 1000") NOTIFY one way, p99"
    figure "commit to request at $3, longest" "$max" ms
    figure "statement sent to request at $3, p50" "$sent50" ms
    figure "statement sent to request at $3, p99" "$sent99" ms
    [ "$missing" = 0 ] || note "WRONG: $missing of $count requests never came"
    [ "$(calc "$late < 50")" = 1 ] || note "the statements were sent late against the schedule of $3: by $late ms at p99"
}

# Where W1 was not measured before.
w1_rate_now() {
    local count=5000 seconds
    start_runs w1 $count || return 1
    seconds=$(seconds_until_done) || return 1
    calc "$count / $seconds"
}
