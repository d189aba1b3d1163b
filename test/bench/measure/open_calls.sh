# Memory of a worker with many calls under way, over http and over https, beside libcurl's own
#
# Done once, in the first round: memory hardly varies. The endpoint answers none of them until all are there. The limits
# on calls are raised for this measurement, and the time that a connection may take: ten thousand TLS handshakes at once
# last longer than the ten seconds of the default where cores are few.
option open_calls 10000 2000 "how many calls"
rounds_open_calls=1

measure_open_calls() {
    server_with "flowctl.max_calls = $((open_calls + 100))" "flowctl.max_calls_per_endpoint = $((open_calls + 100))"
    calls_over http && calls_over https tls
}

# calls_over SCHEME [tls]
calls_over() {
    local begun after alone
    start_endpoint ${2:-}
    alone=$(curl_alone ${2:+"$WORK/endpoint.pem"}) || return 1
    fresh_database || return 1
    [ -n "${2:-}" ] || figure "memory of an idle worker" "$(private_memory $WORKERS)" MB
    start_runs hold "$open_calls" || return 1
    begun=$EPOCHREALTIME
    sql "SELECT flowctl.activate()" >/dev/null
    wait_until "$PATIENCE" endpoint_holds "$open_calls" || {
        note "WRONG: only $(tell_endpoint stats) of $open_calls calls came in $PATIENCE s"
        return 1
    }
    figure "$open_calls calls over $1, until all are under way" "$(calc "$EPOCHREALTIME - $begun")" s
    after=$(private_memory $WORKERS)
    figure "$open_calls calls over $1, memory of the worker" "$after" MB "=$alone libcurl alone"
    tell_endpoint release >/dev/null
    seconds_until_done >/dev/null || return 1
    check_runs "$open_calls" "$open_calls"
}

# curl_alone [CA_FILE]: megabytes of a program that does nothing but hold these calls open.
curl_alone() {
    local pid
    "$TOOLS/curl_rate" "$ENDPOINT_URL/hold" "$open_calls" "$open_calls" ${1:-} >"$WORK/log/curl_rate.log" 2>&1 &
    pid=$!
    wait_until "$PATIENCE" endpoint_holds "$open_calls" || {
        note "WRONG: only $(tell_endpoint stats) of $open_calls calls of libcurl alone came in $PATIENCE s" >&2
        kill "$pid"
        return 1
    }
    private_memory "$pid"
    tell_endpoint release >/dev/null
    wait "$pid"
    tell_endpoint reset >/dev/null
}
