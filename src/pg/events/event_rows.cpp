// SQL of the store of events. See event_rows.hpp.
#include "pg/events/event_rows.hpp"

#include "core/asl/timestamp.hpp"
#include "pg/server/index_scans.hpp"
#include "pg/store/append.hpp"
#include "pg/store/run_id.hpp"

namespace flowctl::pg::store {

namespace {

#define EVENT_COLUMNS                                                                                                 \
    "event_id, type, source, id, is_named, subject, data, attributes, at, depth, caused_by, emitter, reader, "        \
    "session_user_name, system_user_name, verified_subject, subject_issuer, subject_claims, asserted_subject, "       \
    "application_name, traceparent, client_addr"

Statement insert_named_sql("INSERT INTO flowctl_catalog.event (" EVENT_COLUMNS ", xid) "
                           "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, "
                           "$22, pg_catalog.pg_current_xact_id()) "
                           "ON CONFLICT (emitter, source, id) WHERE is_named DO NOTHING",
                           {UUIDOID, TEXTOID, TEXTOID, TEXTOID, BOOLOID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID,
                            INT4OID, UUIDOID, OIDOID,  OIDOID,  TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID,
                            TEXTOID, TEXTOID, TEXTOID, INETOID});
Statement find_named_event_sql(
    "SELECT event_id FROM flowctl_catalog.event WHERE is_named AND emitter = $1 AND source = $2 AND id = $3",
    {OIDOID, TEXTOID, TEXTOID});
Statement find_event_sql("SELECT " EVENT_COLUMNS " FROM flowctl_catalog.event WHERE event_id = $1", {UUIDOID});
#undef EVENT_COLUMNS

Statement insert_pending_sql(R"(
    INSERT INTO flowctl_catalog.event_pending (event_id, rule_id, cancels, bucket) VALUES ($1, $2, $3, $4)
    ON CONFLICT DO NOTHING)",
                             {UUIDOID, UUIDOID, BOOLOID, INT4OID});
Statement find_pending_sql(R"(
    SELECT event_id, rule_id, cancels FROM flowctl_catalog.event_pending
    WHERE bucket % $1 = $2 ORDER BY event_id LIMIT $3)",
                           {INT4OID, INT4OID, INT8OID});
Statement delete_pending_sql(
    "DELETE FROM flowctl_catalog.event_pending WHERE event_id = $1 AND rule_id = $2 AND cancels = $3",
    {UUIDOID, UUIDOID, BOOLOID});
Statement insert_failure_sql(R"(
    INSERT INTO flowctl_catalog.event_failure (failure_id, rule, rule_owner, flow, event_id, type, depth, reason, at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, pg_catalog.clock_timestamp()))",
                             {UUIDOID, TEXTOID, OIDOID, TEXTOID, UUIDOID, TEXTOID, INT4OID, TEXTOID});
Statement disable_rule_sql(
    "UPDATE flowctl_catalog.event_rule SET enabled = false, disabled_reason = $2 WHERE rule_id = $1 AND enabled",
    {UUIDOID, TEXTOID});

Statement expire_events_sql(R"(
    DELETE FROM flowctl_catalog.event WHERE event_id IN (
        SELECT e.event_id FROM flowctl_catalog.event e
        WHERE e.event_id < $1 AND NOT EXISTS (SELECT FROM flowctl_catalog.event_pending p WHERE p.event_id = e.event_id)
        ORDER BY e.event_id LIMIT 2000))",
                            {UUIDOID});
Statement expire_failures_sql(R"(
    DELETE FROM flowctl_catalog.event_failure WHERE failure_id IN (
        SELECT f.failure_id FROM flowctl_catalog.event_failure f WHERE f.failure_id < $1 ORDER BY f.failure_id LIMIT 2000))",
                              {UUIDOID});

// As core/asl/timestamp.hpp writes it, to the microsecond: what a run waits for next follows on it.
std::string instant_to_micros(std::int64_t at) {
    std::string text = asl::format_instant(at);
    std::string micros = std::to_string(at % 1000);
    micros.insert(0, 3 - micros.size(), '0');
    return text.insert(text.size() - 1, micros);
}

std::optional<json::Value> parsed(const std::optional<std::string>& text) {
    if (!text) return std::nullopt;
    json::ParseLimits limits;
    limits.max_bytes = text->size() + 1;
    auto value = json::parse(*text, limits);
    if (!value) return std::nullopt;
    return std::move(value).value();
}

}  // namespace

json::Value cloud_event(const EventRow& event, bool with_data) {
    const auto attributes = parsed(event.attributes);
    const json::Value* time = attributes ? attributes->find("time") : nullptr;
    json::ObjectBuilder out;
    out.add("specversion", "1.0").add("type", event.type).add("source", event.source).add("id", event.id);
    out.add("time", time != nullptr ? *time : json::Value::string(instant_to_micros(event.at)));
    if (event.subject) out.add("subject", *event.subject);
    out.add("authtype", event.subject_name ? "app_user" : "user");
    out.add("authid", event.subject_name ? *event.subject_name : role_name(event.emitter));
    out.add("sessionuser", event.session_user).add("currentuser", role_name(event.emitter));
    if (event.traceparent) out.add("traceparent", *event.traceparent);
    out.add("sequence", to_string(event.event_id));
    if (event.caused_by) out.add("causationid", to_string(*event.caused_by));
    out.add("depth", json::Value::integer(event.depth));
    json::Value value = out.build();
    if (attributes && attributes->is_object())
        for (const json::Member& member : attributes->members())
            if (value.find(member.key) == nullptr) value = json::with_member(value, member.key, member.value);
    if (!with_data) return value;
    if (value.find("datacontenttype") == nullptr)
        value = json::with_member(value, "datacontenttype", json::Value::string("application/json"));
    return json::with_member(value, "data", parsed(event.data).value_or(json::Value()));
}

void insert_events(const std::vector<EventRow>& events) {
    if (events.empty()) return;
    const Datum xid =
        guarded([] { return UInt64GetDatum(U64FromFullTransactionId(GetTopFullTransactionId())); });
    Append append("event",
                  {"event_id", "type", "source", "id", "is_named", "subject", "data", "attributes", "at", "depth",
                   "caused_by", "emitter", "reader", "session_user_name", "system_user_name", "verified_subject",
                   "subject_issuer", "subject_claims", "asserted_subject", "application_name", "traceparent",
                   "client_addr", "xid"},
                  events.size());
    for (const EventRow& event : events) {
        append.uuid(event.event_id).text(event.type).text(event.source).text(event.id);
        append.ready(BoolGetDatum(event.is_named)).text_or_null(event.subject).text_or_null(event.data);
        append.text_or_null(event.attributes).timestamp(event.at).int4(event.depth);
        event.caused_by ? append.uuid(*event.caused_by) : append.null();
        append.oid(event.emitter);
        OidIsValid(event.reader) ? append.oid(event.reader) : append.null();
        append.text(event.session_user).text_or_null(event.system_user).text_or_null(event.subject_name);
        append.text_or_null(event.subject_issuer).text_or_null(event.subject_claims);
        append.text_or_null(event.asserted_subject).text_or_null(event.application_name);
        append.text_or_null(event.traceparent);
        event.client_addr != 0 ? append.ready(event.client_addr) : append.null();
        append.ready(xid);
    }
    append.write();
}

std::optional<Uuid> insert_named_event(Spi& spi, const EventRow& event) {
    Params params;
    params.uuid(event.event_id).text(event.type).text(event.source).text(event.id).boolean(event.is_named);
    params.text(event.subject).text(event.data).text(event.attributes).timestamp(event.at).int4(event.depth);
    event.caused_by ? params.uuid(*event.caused_by) : params.null();
    params.oid(event.emitter);
    OidIsValid(event.reader) ? params.oid(event.reader) : params.null();
    params.text(event.session_user).text(event.system_user).text(event.subject_name).text(event.subject_issuer);
    params.text(event.subject_claims).text(event.asserted_subject).text(event.application_name);
    params.text(event.traceparent);
    event.client_addr != 0 ? params.datum(event.client_addr) : params.null();
    if (spi.run(insert_named_sql, std::move(params)).processed() == 1) return std::nullopt;
    const Rows rows = spi.run_latest(find_named_event_sql,
                                     std::move(Params().oid(event.emitter).text(event.source).text(event.id)));
    // It has expired meanwhile.
    if (rows.size() == 0)
        throw UserError(ERRCODE_T_R_SERIALIZATION_FAILURE, "could not record the event because of a concurrent change",
                        "Try again.");
    return rows.uuid(0, 0);
}

std::optional<EventRow> find_event(Spi& spi, const Uuid& id) {
    const IndexScans by_index;
    const Rows rows = spi.run(find_event_sql, std::move(Params().uuid(id)));
    if (rows.size() == 0) return std::nullopt;
    EventRow event;
    event.event_id = rows.uuid(0, 0);
    event.type = rows.text(0, 1);
    event.source = rows.text(0, 2);
    event.id = rows.text(0, 3);
    event.is_named = rows.boolean(0, 4);
    event.subject = rows.optional_text(0, 5);
    event.data = rows.optional_text(0, 6);
    event.attributes = rows.optional_text(0, 7);
    event.at = rows.timestamp(0, 8);
    event.depth = rows.int4(0, 9);
    if (!rows.is_null(0, 10)) event.caused_by = rows.uuid(0, 10);
    event.emitter = rows.oid(0, 11);
    if (!rows.is_null(0, 12)) event.reader = rows.oid(0, 12);
    event.session_user = rows.text(0, 13);
    event.system_user = rows.optional_text(0, 14);
    event.subject_name = rows.optional_text(0, 15);
    event.subject_issuer = rows.optional_text(0, 16);
    event.subject_claims = rows.optional_text(0, 17);
    event.asserted_subject = rows.optional_text(0, 18);
    event.application_name = rows.optional_text(0, 19);
    event.traceparent = rows.optional_text(0, 20);
    event.client_addr = rows.datum(0, 21);
    return event;
}

void insert_pending(Spi& spi, const PendingEvent& pending) {
    spi.run(insert_pending_sql, std::move(Params()
                                              .uuid(pending.event_id)
                                              .uuid(pending.rule_id)
                                              .boolean(pending.cancels)
                                              .int4(bucket_of(pending.rule_id))));
}

std::vector<PendingEvent> find_pending(Spi& spi, int shard, int shards, std::size_t limit) {
    const IndexScans by_index;
    const Rows rows = spi.run(find_pending_sql, std::move(Params().int4(shards).int4(shard).int8(
                                                    static_cast<std::int64_t>(limit))));
    std::vector<PendingEvent> found;
    for (std::size_t i = 0; i < rows.size(); i++)
        found.push_back({rows.uuid(i, 0), rows.uuid(i, 1), rows.boolean(i, 2)});
    return found;
}

void delete_pending(Spi& spi, const PendingEvent& pending) {
    const IndexScans by_index;
    spi.run(delete_pending_sql,
            std::move(Params().uuid(pending.event_id).uuid(pending.rule_id).boolean(pending.cancels)));
}

void insert_failure(Spi& spi, const EventFailure& failure) {
    Params params;
    params.uuid(new_run_id()).text(failure.rule).oid(failure.rule_owner).text(failure.flow);
    params.uuid(failure.event_id).text(failure.type).int4(failure.depth).text(failure.reason);
    spi.run(insert_failure_sql, std::move(params));
}

void disable_rule(Spi& spi, const Uuid& rule_id, const std::string& reason) {
    spi.run(disable_rule_sql, std::move(Params().uuid(rule_id).text(reason)));
}

std::int64_t expire_events(Spi& spi, std::int64_t since) {
    const Uuid bound = first_run_id(since);
    std::uint64_t gone = spi.run(expire_events_sql, std::move(Params().uuid(bound))).processed();
    gone += spi.run(expire_failures_sql, std::move(Params().uuid(bound))).processed();
    return static_cast<std::int64_t>(gone);
}

}  // namespace flowctl::pg::store
