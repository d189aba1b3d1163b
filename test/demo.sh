#!/usr/bin/env bash
# Shows the main job of pg_flowctl on real parts: an order is inserted, and two protected HTTP services do its work.
#
#   bash test/demo.sh
#
# It installs what is missing, builds the extension and makes a throwaway cluster. It starts an identity provider (npm
# oidc-provider, https with its own CA) and two services that verify the token they get. Then it defines the flow,
# inserts orders, and prints what a user would look at. It needs root or sudo for what it installs, asks nothing, cleans
# up, and can be run again. The SQL that it runs is in test/demo/*.sql, as a user would write it. The exit status is 0
# when everything came out as it should.
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
. "$ROOT/test/lib/install.sh"
. "$ROOT/test/lib/cluster.sh"

PAYMENT_AUDIENCE=https://payment.example PAYMENT_SCOPE=payment:charge
SHIPPING_AUDIENCE=https://shipping.example SHIPPING_SCOPE=shipping:create

main() {
    make_work
    heading "Preparing"
    need_packages build-essential perl openssl ca-certificates rapidjson-dev libcurl4-openssl-dev libssl-dev
    need_postgres
    need_node
    build DEBUG= || die "the extension does not build"
    copy_tree
    start_everything

    heading "The flow"
    say "An administrator says what may be called and with which client registration (test/demo/endpoints.sql):"
    show_file endpoints.sql
    run_file postgres endpoints.sql
    say
    say "The role shop defines the flow, a function that is its last step, and the trigger that starts it (test/demo/flow.sql):"
    show_file flow.sql
    run_file shop flow.sql

    heading "Four orders"
    fail_first 1002 2
    say "The payment service will answer 503 to the first two calls for order 1002. A clerk who may only insert orders"
    say "inserts four of them (test/demo/orders.sql); each starts its run in the very same transaction:"
    show_file orders.sql
    run_file clerk orders.sql
    query "SELECT flowctl.wait(run_id, '60 s') FROM flowctl.runs" >/dev/null

    heading "What shop looks at"
    show runs "The runs: one for each order. 1003 was over the payment service's limit, and the transaction of 1004 was rolled back, so it has none."
    show steps "The steps of each run, with the attempts it took."
    show calls "The calls that left the server: as whom, for which audience and scope, to which host, with what result, how long. A repeated call keeps its Idempotency-Key."
    show history "The history of order 1002, which failed first and was retried."

    heading "What the services saw"
    say "Each call came with a token of its own audience and scope; the repeated ones with the key of the first:"
    show_service payment
    show_service shipping
    say
    say "They let nobody else in. Calls that were made directly to the payment service with tokens of every kind:"
    knock || die "the payment service did not refuse what it must refuse"

    heading "A time that starts a flow"
    say "shop makes a schedule (test/demo/schedule.sql):"
    show_file schedule.sql
    run_file shop schedule.sql
    wait_for_query "SELECT count(*) > 1 FROM flowctl.runs WHERE flow = 'stock_count' AND status = 'SUCCEEDED'"
    show schedules "The schedule, and the first of its runs."
    query "SELECT flowctl.drop_schedule('every_second')" >/dev/null

    heading "A GRANT that starts a flow"
    say "shop wants to know who gets rights on the orders (test/demo/grant.sql):"
    show_file grant.sql
    run_file shop grant.sql
    wait_for_query "SELECT count(*) = 1 FROM flowctl.runs WHERE flow = 'tell_auditor' AND status = 'SUCCEEDED'"
    show grants "The run that the GRANT has started in its own transaction."

    heading "Checking"
    check_outcome
    end_everything || die "the demo left processes behind"
    say "Everything came out as it should, and nothing is left running."
}

start_everything() {
    make_pki
    start_part idp idp/idp.mjs
    ISSUER=$(part_address idp url)
    start_part payment services/payment.mjs ISSUER="$ISSUER" AUDIENCE=$PAYMENT_AUDIENCE SCOPE=$PAYMENT_SCOPE
    start_part shipping services/shipping.mjs ISSUER="$ISSUER" AUDIENCE=$SHIPPING_AUDIENCE SCOPE=$SHIPPING_SCOPE
    make_cluster demo "flowctl.secrets_dir = '$PKI/secrets'" "flowctl.egress_allow = '127.0.0.1/32'" ||
        die "the server does not start with the extension"
    say "Running: PostgreSQL $(query 'SHOW server_version'), the identity provider at $ISSUER,"
    say "the payment service at $(part_address payment url), the shipping service at $(part_address shipping url)"
    query "CREATE ROLE shop LOGIN" "CREATE ROLE clerk LOGIN" "GRANT CREATE ON SCHEMA public TO shop" >/dev/null ||
        die "cannot create the roles"
}

psql_as() {
    local role=$1
    shift
    "$BINDIR/psql" -X -q -v ON_ERROR_STOP=1 -U "$role" -d postgres -P pager=off -P footer=off -P null='' \
        -v issuer="$ISSUER" -v payment="$(part_address payment url)" -v shipping="$(part_address shipping url)" "$@"
}

query() {
    local statement arguments=()
    for statement in "$@"; do arguments+=(-c "$statement"); done
    psql_as postgres -At "${arguments[@]}"
}

show_file() {
    sed -e '/^-- *test\/demo/d' -e 's/^/    /' "$ROOT/test/demo/$1"
}

run_file() {
    psql_as "$1" -o /dev/null <"$ROOT/test/demo/$2" || die "test/demo/$2 failed"
}

# wait_for_query QUERY: returns when its result is t.
wait_for_query() {
    local i
    for ((i = 0; i < 600; i++)); do
        [ "$(query "$1")" = t ] && return
        sleep 0.1
    done
    die "waited for: $1"
}

# show VIEW SENTENCE: prints what test/demo/show_VIEW.sql selects, as shop sees it.
show() {
    printf '\n%s\n\n' "$2"
    psql_as shop <"$ROOT/test/demo/show_$1.sql" || die "test/demo/show_$1.sql failed"
}

node_here() {
    as_test_user PKI="$PKI" NODE_EXTRA_CA_CERTS="$PKI/ca.pem" "$@"
}

fail_first() {
    node_here "$NODE" -e 'fetch(process.argv[1], { method: "POST", body: process.argv[2] }).then((r) => process.exit(r.ok ? 0 : 1))' \
        "$(part_address payment control)/__fail" "{\"order\": \"$1\", \"times\": $2, \"status\": 503}" || die "cannot script the payment service"
}

show_service() {
    printf '\n  %s\n' "$1"
    node_here "$NODE" "$TREE/test/demo/service_calls.mjs" "$(part_address "$1" control)" || die "cannot read what $1 recorded"
}

knock() {
    node_here ISSUER="$ISSUER" IDP_CONTROL="$(part_address idp control)" SERVICE="$(part_address payment url)" \
        AUDIENCE=$PAYMENT_AUDIENCE SCOPE=$PAYMENT_SCOPE OTHER_AUDIENCE=$SHIPPING_AUDIENCE OTHER_SCOPE=$SHIPPING_SCOPE \
        "$NODE" "$TREE/test/services/refusals.mjs"
}

# expect SENTENCE QUERY RESULT: ends the demo if the query gives another result.
expect() {
    local result
    result=$(query "$2") || die "$1: the query failed"
    [ "$result" = "$3" ] || die "$1: expected $3, got $result"
    say "  ok  $1"
}

check_outcome() {
    expect "orders 1001 and 1002 were paid and shipped, 1003 was declined, 1004 never was" \
        "SELECT string_agg((input->'after'->>'id') || ' ' || status, ', ' ORDER BY input->'after'->>'id') FROM flowctl.runs WHERE flow <> 'stock_count'" \
        "1001 SUCCEEDED, 1002 SUCCEEDED, 1003 FAILED"
    expect "order 1002 took three calls to the payment service, with one key" \
        "SELECT count(*) || ' ' || count(DISTINCT idempotency_key) FROM flowctl.calls JOIN flowctl.runs USING (run_id)
         WHERE input->'after'->>'id' = '1002' AND state = 'Charge'" \
        "3 1"
    expect "the function of the last step has booked each shipment once, in the transaction that recorded its result" \
        "SELECT string_agg(s.id || ' ' || r.status, ', ' ORDER BY s.id) FROM shipped s JOIN flowctl.runs r USING (run_id)
         WHERE s.shipment = r.output->'shipment'->>'shipment_id'" \
        "1001 SUCCEEDED, 1002 SUCCEEDED"
    expect "no token or key is in any table of the extension" \
        "SELECT count(*) FROM pg_class WHERE relnamespace = 'flowctl_catalog'::regnamespace AND relkind = 'r'
         AND query_to_xml(format('SELECT * FROM %s', oid::regclass), true, false, '')::text ~ 'eyJ[A-Za-z0-9_-]+[.]eyJ|PRIVATE KEY'" \
        "0"
    grep -qE 'eyJ[A-Za-z0-9_-]+\.eyJ' "$WORK/log/server-demo.log" && die "there is a token in the server's log"
    say "  ok  nor in the server's log"
}

main "$@"
