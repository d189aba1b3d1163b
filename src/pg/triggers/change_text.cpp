// A change of a table as JSON. See change_text.hpp.
#include "pg/triggers/change_text.hpp"

#include "core/json.hpp"

extern "C" {
#include "utils/datetime.h"
}

namespace flowctl::pg {

namespace {

// RFC 3339 in UTC with microseconds.
std::string instant_text(TimestampTz at) {
    char text[MAXDATELEN + 1];
    guarded([&] {
        struct pg_tm fields;
        fsec_t fraction;
        if (timestamp2tm(at, nullptr, &fields, &fraction, nullptr, nullptr) != 0)
            ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("timestamp out of range")));
        pg_snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", fields.tm_year, fields.tm_mon,
                    fields.tm_mday, fields.tm_hour, fields.tm_min, fields.tm_sec, static_cast<int>(fraction));
    });
    return text;
}

// What all rows of a transaction have in common.
struct InTransaction {
    TimestampTz began = 0;
    FullTransactionId id = InvalidFullTransactionId;
    std::string at;
    std::string xid;
};

const InTransaction& in_transaction() {
    static InTransaction last;
    const TimestampTz began = GetCurrentTransactionStartTimestamp();
    const FullTransactionId id = guarded([] { return GetTopFullTransactionId(); });
    if (!FullTransactionIdEquals(id, last.id) || began != last.began)
        last = {began, id, instant_text(began), std::to_string(U64FromFullTransactionId(id))};
    return last;
}

// Nobody renames a database that a session is connected to.
const std::string& database_name() {
    static const std::string name = guarded([] { return get_database_name(MyDatabaseId); });
    return name;
}

struct Words {
    char op;
    const char* row_event;
    const char* statement_event;
};

const Words& words_of(ChangeKind kind) {
    static constexpr Words kWords[] = {
        {'c', "flowctl.row.insert", "flowctl.rows.insert"},
        {'u', "flowctl.row.update", "flowctl.rows.update"},
        {'d', "flowctl.row.delete", "flowctl.rows.delete"},
        {'t', "flowctl.table.truncate", "flowctl.table.truncate"},
    };
    return kWords[static_cast<int>(kind)];
}

}  // namespace

ChangeKind kind_of(const TriggerData& data) {
    if (TRIGGER_FIRED_BY_INSERT(data.tg_event)) return ChangeKind::Insert;
    if (TRIGGER_FIRED_BY_UPDATE(data.tg_event)) return ChangeKind::Update;
    if (TRIGGER_FIRED_BY_DELETE(data.tg_event)) return ChangeKind::Delete;
    return ChangeKind::Truncate;
}

ChangeText::ChangeText(const TriggerData& data) {
    const Relation table = data.tg_relation;
    const InTransaction& transaction = in_transaction();
    const std::string_view schema = guarded([&] { return get_namespace_name(RelationGetNamespace(table)); });
    const std::string_view name = RelationGetRelationName(table);

    source_ = ",\"source\":{\"db\":";
    json::dump_string(database_name(), source_);
    source_ += ",\"schema\":";
    json::dump_string(schema, source_);
    source_ += ",\"table\":";
    json::dump_string(name, source_);
    source_.append(",\"txId\":").append(transaction.xid);
    source_.append(",\"ts\":\"").append(transaction.at).append("\"}}");

    std::string path = "/" + database_name();
    path.append("/").append(schema).append("/").append(name);
    event_source_ = "\",\"source\":";
    json::dump_string(path, event_source_);
    event_source_.append(",\"id\":\"").append(transaction.xid).append("/");
    event_end_.append("\",\"time\":\"").append(transaction.at).append("\",\"trigger\":");
    json::dump_string(data.tg_trigger->tgname, event_end_);
    event_end_ += '}';
}

void ChangeText::begin(ChangeKind kind, std::string& out) {
    out.append("{\"op\":\"").append(1, words_of(kind).op).append("\",\"before\":");
}

void ChangeText::begin(ChangeKind kind, std::int64_t count, bool truncated, std::string& out) {
    out.append("{\"op\":\"").append(1, words_of(kind).op).append("\",\"count\":").append(std::to_string(count));
    if (truncated) out.append(",\"truncated\":true");
    out.append(",\"before\":");
}

// The id of the event has the run's own: one event, one run.
std::string ChangeText::event(ChangeKind kind, bool is_statement, const Uuid& run_id) const {
    const Words& words = words_of(kind);
    const std::string id = to_string(run_id);
    std::string text = "{\"specversion\":\"1.0\",\"type\":\"";
    text.reserve(128 + event_source_.size() + event_end_.size());
    text.append(is_statement ? words.statement_event : words.row_event);
    text.append(event_source_).append(id).append(event_end_);
    return text;
}

}  // namespace flowctl::pg
