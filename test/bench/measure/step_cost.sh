# CPU of the worker for a step: against how many runs are under way at once, and against the payload
#
# A run of ten HTTP steps; and one step whose answer is as large as its request.
option concurrency "1 10 100 1000 10000" "1 10 100 1000" "runs at once"
option payloads "100 1000 10000 100000" "100 10000 100000" "bytes of input and of the answer"

measure_step_cost() {
    local many bytes
    server_with "flowctl.max_calls = 12000" "flowctl.max_calls_per_endpoint = 12000"
    start_endpoint
    fresh_database || return 1
    sql "SELECT flowctl.activate()" >/dev/null
    start_runs ten 20 || return 1
    seconds_until_done >/dev/null || return 1
    for many in $concurrency; do at_once "$many" || return 1; done
    for bytes in $payloads; do with_payload "$bytes" || return 1; done
}

# At least 2,000 steps, however few at once.
at_once() {
    local many=$1 times before worker rest i
    times=$((200 / many > 0 ? 200 / many : 1))
    before=$(cpu)
    PGUSER=app "$BINDIR/psql" -X -q -v ON_ERROR_STOP=1 -d bench -f <(batches ten "$many" "$times") >/dev/null || return 1
    read -r worker _ rest < <(cpu_since "$before" $((many * times * 10)))
    figure "step with $many runs at once, CPU of the worker" "$worker" us/step
}

# batches FLOW RUNS TIMES: SQL that starts so many runs, waits until all have ended, and so on.
batches() {
    local i
    for ((i = 1; i <= $3; i++)); do
        cat <<SQL
SELECT count(flowctl.start('$1', jsonb_build_object('id', i, 'pad', repeat('x', 280)))) FROM generate_series(1, $2) i;
SELECT count(*) FROM (SELECT flowctl.wait(run_id, '$PATIENCE s') FROM flowctl.runs WHERE status = 'RUNNING') w;
SQL
    done
}

with_payload() {
    local bytes=$1 count=$((100000000 / (20000 + $1))) before worker
    start_runs echo 20 "jsonb_build_object('pad', repeat('x', $bytes - 10))" || return 1
    seconds_until_done >/dev/null || return 1
    before=$(cpu)
    start_runs echo "$count" "jsonb_build_object('pad', repeat('x', $bytes - 10))" || return 1
    seconds_until_done >/dev/null || return 1
    read -r worker _ < <(cpu_since "$before" "$count")
    figure "step with $bytes B of input and answer, CPU of the worker" "$worker" us/step
}
