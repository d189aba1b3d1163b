// A changed row as JSON. See row_input.hpp.
#include "pg/starts/row_input.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "core/json.hpp"
#include "pg/server/plain_output.hpp"

extern "C" {
#include "utils/datetime.h"
}

namespace flowctl::pg {

namespace {

void append_row(HeapTuple tuple, TupleDesc shape, std::string& out) {
    if (tuple == nullptr) {
        out += "null";
        return;
    }
    varlena* json = guarded([&] {
        return DatumGetTextPP(OidFunctionCall1(F_ROW_TO_JSON_RECORD, heap_copy_tuple_as_datum(tuple, shape)));
    });
    out.append(VARDATA_ANY(json), VARSIZE_ANY_EXHDR(json));
}

// Whether the columns' types alone ensure that a row's JSON can be kept: it is well-formed, its strings are
// valid and hold no U+0000, its numbers are short. Rows with a column of another type (json, numeric, an
// array, a domain, a type that a user made) are read once more to see.
bool is_always_fit(TupleDesc shape) {
    static constexpr Oid kTypes[] = {BOOLOID,   INT2OID,  INT4OID,      INT8OID,       OIDOID,  FLOAT4OID,
                                     FLOAT8OID, TEXTOID,  UUIDOID,      DATEOID,       TIMEOID, VARCHAROID,
                                     BPCHAROID, BYTEAOID, TIMESTAMPOID, TIMESTAMPTZOID};
    if (GetDatabaseEncoding() != PG_UTF8) return false;
    for (int i = 0; i < shape->natts; i++) {
        Form_pg_attribute column = TupleDescAttr(shape, i);
        if (!column->attisdropped &&
            std::find(std::begin(kTypes), std::end(kTypes), column->atttypid) == std::end(kTypes))
            return false;
    }
    return true;
}

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

struct Change {
    char op;  // c, u, d, t
    const char* event_type;
    HeapTuple before, after;
};

Change read_change(const TriggerData& data) {
    if (TRIGGER_FIRED_BY_INSERT(data.tg_event))
        return {'c', "flowctl.row.insert", nullptr, data.tg_trigtuple};
    if (TRIGGER_FIRED_BY_UPDATE(data.tg_event))
        return {'u', "flowctl.row.update", data.tg_trigtuple, data.tg_newtuple};
    if (TRIGGER_FIRED_BY_DELETE(data.tg_event))
        return {'d', "flowctl.row.delete", data.tg_trigtuple, nullptr};
    return {'t', "flowctl.table.truncate", nullptr, nullptr};
}

std::string input_of(const Change& change, Relation table, std::string_view schema,
                     const InTransaction& transaction) {
    std::string input = "{\"op\":\"";
    input += change.op;
    input += "\",\"before\":";
    {
        const PlainOutput plain(RelationGetDescr(table));
        append_row(change.before, RelationGetDescr(table), input);
        input += ",\"after\":";
        append_row(change.after, RelationGetDescr(table), input);
    }
    input += ",\"source\":{\"db\":";
    json::dump_string(database_name(), input);
    input += ",\"schema\":";
    json::dump_string(schema, input);
    input += ",\"table\":";
    json::dump_string(RelationGetRelationName(table), input);
    input.append(",\"txId\":").append(transaction.xid);
    input.append(",\"ts\":\"").append(transaction.at).append("\"}}");
    return input;
}

// The id of the event has the run's own: one event, one run.
std::string event_of(const Change& change, Relation table, std::string_view schema,
                     const InTransaction& transaction, const Uuid& run_id, const char* trigger) {
    std::string source = "/" + database_name();
    source.append("/").append(schema).append("/").append(RelationGetRelationName(table));
    std::string event = "{\"specversion\":\"1.0\",\"type\":\"";
    event.append(change.event_type).append("\",\"source\":");
    json::dump_string(source, event);
    event.append(",\"id\":\"").append(transaction.xid).append("/").append(to_string(run_id));
    event.append("\",\"time\":\"").append(transaction.at).append("\",\"trigger\":");
    json::dump_string(trigger, event);
    event += '}';
    return event;
}

}  // namespace

RowInput row_input(const TriggerData& data, const Uuid& run_id) {
    const Change change = read_change(data);
    const Relation table = data.tg_relation;
    const InTransaction& transaction = in_transaction();
    const std::string_view schema = guarded([&] { return get_namespace_name(RelationGetNamespace(table)); });
    return {input_of(change, table, schema, transaction), is_always_fit(RelationGetDescr(table)),
            event_of(change, table, schema, transaction, run_id, data.tg_trigger->tgname)};
}

}  // namespace flowctl::pg
