// SQL functions that show one run in the form of AWS's API: describe and get_history.
//
// They read the views with the rights of their caller, so they show what the views show.
#include "pg/control/operated_run.hpp"
#include "pg/control/run_arguments.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/arn_space.hpp"

namespace flowctl::pg {

namespace {

constexpr std::int32_t kMostEvents = 1'000;  // as AWS

Statement find_run_sql(R"(
    SELECT r.flow, coalesce(r.name, r.run_id::text), m.map_run_id::text, m.label
    FROM flowctl.runs r LEFT JOIN flowctl.map_runs m ON m.map_run_id = r.map_run_id
    WHERE r.run_id = $1)",
                       {UUIDOID});
// Null members are left out of what AWS names, but not of the payloads.
Statement describe_sql(R"(
    SELECT (pg_catalog.to_jsonb(r) || pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
               'executionArn', $2, 'stateMachineArn', $3, 'stateMachineVersionArn', $3 || ':' || r.version, 'mapRunArn', $4,
               'name', coalesce(r.name, r.run_id::text), 'startDate', r.started_at, 'stopDate', r.ended_at,
               'redriveCount', r.redrive_count, 'redriveDate', r.redriven_at, 'redriveStatus', r.redrive_status,
               'redriveStatusReason', r.redrive_status_reason, 'traceHeader', r.traceparent)))::text
    FROM flowctl.runs r WHERE r.run_id = $1)",
                       {UUIDOID, TEXTOID, TEXTOID, TEXTOID});

std::string describe(const Uuid& id) {
    Spi spi;
    const Rows run = spi.run(find_run_sql, std::move(Params().uuid(id)));
    if (run.size() == 0) no_such_run(id);
    const std::string flow = run.text(0, 0), name = run.text(0, 1);
    const machine::ArnSpace space = arn_space();
    Params params;
    const std::string state_machine = space.state_machine(flow);
    if (const auto map_run = run.optional_text(0, 2)) {
        const std::string label = run.text(0, 3);
        const std::string child = machine::child_state_machine(state_machine, label);
        params.uuid(id).text(machine::child_execution(child, name, false)).text(child);
        params.text(machine::map_run_arn(state_machine, label, *map_run));
    } else {
        params.uuid(id).text(space.execution(flow, name)).text(state_machine).null();
    }
    const Rows described = spi.run(describe_sql, std::move(params));
    if (described.size() == 0) no_such_run(id);
    return described.text(0, 0);
}

// A page ends after so many bytes, too, since a jsonb value can hold only 256 MB.
Statement history_sql(R"(
    WITH page AS (
        SELECT h.event_id, h.previous_event_id, h.at, h.type, h.details, pg_catalog.row_number() OVER w AS place,
               pg_catalog.sum(pg_catalog.pg_column_size(h.details)) OVER w AS bytes
        FROM (SELECT * FROM flowctl.history v
              WHERE v.run_id = $1 AND v.event_id > $2 ORDER BY v.event_id LIMIT $3 + 1) h
        WINDOW w AS (ORDER BY h.event_id)),
    shown AS (SELECT * FROM page p WHERE p.place <= $3 AND (p.place = 1 OR coalesce(p.bytes, 0) <= 16777216))
    SELECT (pg_catalog.jsonb_build_object('events', coalesce(pg_catalog.jsonb_agg(
                pg_catalog.jsonb_build_object('id', s.event_id, 'previousEventId', s.previous_event_id, 'timestamp', s.at, 'type', s.type)
                || CASE WHEN s.details IS NULL THEN '{}'
                        ELSE pg_catalog.jsonb_build_object(
                            CASE WHEN s.type LIKE '%StateEntered' THEN 'stateEntered'
                                 WHEN s.type LIKE '%StateExited' THEN 'stateExited'
                                 ELSE pg_catalog.lower(pg_catalog.left(s.type, 1)) || pg_catalog.substr(s.type, 2)
                            END || 'EventDetails', s.details)
                   END ORDER BY s.event_id), '[]'))
            || CASE WHEN pg_catalog.count(*) < (SELECT pg_catalog.count(*) FROM page)
                    THEN pg_catalog.jsonb_build_object('nextToken', pg_catalog.max(s.event_id)::text)
                    ELSE '{}' END)::text
    FROM shown s)",
                      {UUIDOID, INT4OID, INT4OID});

std::string history(const Uuid& id, std::int32_t after, std::int32_t most) {
    Spi spi;
    if (spi.run(find_run_sql, std::move(Params().uuid(id))).size() == 0) no_such_run(id);
    return spi.run(history_sql, std::move(Params().uuid(id).int4(after).int4(most))).text(0, 0);
}

}  // namespace

FLOWCTL_FUNCTION(flowctl_describe) {
    return to_jsonb(describe(run_id_argument(fcinfo)));
}

FLOWCTL_FUNCTION(flowctl_get_history) {
    const Uuid id = run_id_argument(fcinfo);
    const std::int32_t after = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT32(1);
    const std::int32_t most = PG_ARGISNULL(2) ? kMostEvents : PG_GETARG_INT32(2);
    if (most < 1 || most > kMostEvents)
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE, "max must be between 1 and 1000",
                        "Ask for the next page with after => the nextToken of this one.");
    return to_jsonb(history(id, after, most));
}

}  // namespace flowctl::pg
