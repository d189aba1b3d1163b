// The trigger function flowctl.start_flow('flow' [, 'option=value' ...]): a changed row starts a flow.
//
// The row's JSON is built as the writer, because row_to_json runs casts that users made; only the insert of
// the run happens as the extension's owner (start.cpp). The input has Debezium's shape and the event is a
// CloudEvents 1.0 envelope (DESIGN.md §7). The writer needs no right on the flow: the table's owner does,
// checked here, and the trigger's creator did, checked when it was created (flow_rights.cpp).
#include <algorithm>
#include <iterator>
#include <string>

#include "core/json.hpp"
#include "pg/server/prelude.hpp"
#include "pg/starts/start.hpp"
#include "pg/store/run_id.hpp"

extern "C" {
#include "utils/bytea.h"
#include "utils/datetime.h"
#include "utils/float.h"
}

namespace flowctl::pg {

namespace {

struct Options {
    std::string flow;
    bool record_errors = false;  // on_error=record
};

Options read_options(const Trigger& trigger) {
    if (trigger.tgnargs < 1)
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE,
                        "trigger \"" + std::string(trigger.tgname) + "\" names no flow",
                        "Name it: EXECUTE FUNCTION flowctl.start_flow('flow').");
    Options options{trigger.tgargs[0]};
    for (int i = 1; i < trigger.tgnargs; i++) {
        const std::string_view option = trigger.tgargs[i];
        if (option == "on_error=record")
            options.record_errors = true;
        else if (option != "on_error=raise")
            throw UserError(ERRCODE_INVALID_PARAMETER_VALUE,
                            "trigger \"" + std::string(trigger.tgname) + "\" has the unknown option \"" +
                                shortened_name(option) + "\"",
                            "The options are 'on_error=raise' and 'on_error=record'.");
    }
    return options;
}

// Output functions follow the session's settings; a row must read the same whoever writes it.
class PlainOutput {
  public:
    PlainOutput() {
        if (is_plain()) return;
        guarded([this] {
            level_ = NewGUCNestLevel();
            if (bytea_output != BYTEA_OUTPUT_HEX) set("bytea_output", "hex");
            if (extra_float_digits < 1) set("extra_float_digits", "1");
            if (IntervalStyle != INTSTYLE_POSTGRES) set("intervalstyle", "postgres");
            if (DateStyle != USE_ISO_DATES) set("datestyle", "ISO");
        });
    }
    ~PlainOutput() {
        if (level_ != 0) AtEOXact_GUC(true, level_);
    }
    PlainOutput(const PlainOutput&) = delete;
    PlainOutput& operator=(const PlainOutput&) = delete;

  private:
    static bool is_plain() {
        return bytea_output == BYTEA_OUTPUT_HEX && extra_float_digits >= 1 &&
               IntervalStyle == INTSTYLE_POSTGRES && DateStyle == USE_ISO_DATES;
    }
    static void set(const char* name, const char* value) {
        (void)set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
    }
    int level_ = 0;
};

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

// Whether a row's JSON can be kept whatever its values are: it is well-formed, its strings are valid and hold
// no U+0000, its numbers are short. Other types (json, numeric, arrays, domains, those of users) are looked
// at.
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
        const PlainOutput plain;
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

void start_for(const TriggerData& data, const Options& options, StartRequest& request) {
    const Change change = read_change(data);
    const Relation table = data.tg_relation;
    const InTransaction& transaction = in_transaction();
    const std::string_view schema = guarded([&] { return get_namespace_name(RelationGetNamespace(table)); });
    request.run_id = new_run_id();
    request.flow = options.flow;
    request.input = input_of(change, table, schema, transaction);
    request.input_is_fit = is_always_fit(RelationGetDescr(table));
    request.event = event_of(change, table, schema, transaction, *request.run_id, data.tg_trigger->tgname);
    request.starter = GetUserId();
    request.must_may_start = table->rd_rel->relowner;
    request.table = RelationGetRelationName(table);
    start_run(request);
}

}  // namespace

FLOWCTL_FUNCTION(flowctl_start_flow) {
    if (!CALLED_AS_TRIGGER(fcinfo))
        throw UserError(
            ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED, "flowctl.start_flow() can only be called by a trigger",
            "Use CREATE TRIGGER ... EXECUTE FUNCTION flowctl.start_flow('flow'), or call flowctl.start().");
    const auto& data = *reinterpret_cast<const TriggerData*>(fcinfo->context);
    if (!TRIGGER_FIRED_AFTER(data.tg_event))
        throw UserError(
            ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED, "flowctl.start_flow() must be fired AFTER the change",
            "Create the trigger with AFTER: what happens before the row is final must not start a run.");
    if (!TRIGGER_FIRED_FOR_ROW(data.tg_event) && !TRIGGER_FIRED_BY_TRUNCATE(data.tg_event))
        throw UserError(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
                        "flowctl.start_flow() must be fired FOR EACH ROW",
                        "Add FOR EACH ROW to the trigger.");
    const Options options = read_options(*data.tg_trigger);
    StartRequest request;
    if (!options.record_errors) {
        start_for(data, options, request);
        return PointerGetDatum(nullptr);
    }
    try {
        start_for(data, options, request);
    } catch (const UserError& error) {
        // Nothing has been written yet: what a UserError reports is found before the insert. Who may not
        // start the flow leaves nothing in its owner's runs.
        const bool may_record = !request.flow.empty() && error.sqlstate != ERRCODE_INSUFFICIENT_PRIVILEGE;
        const bool recorded = may_record && record_failed_start(request, "States.Runtime", error.message);
        if (!recorded) {
            const char* message = error.what();
            const char* trigger = data.tg_trigger->tgname;
            guarded([&] {
                ereport(WARNING, (errcode(error.sqlstate),
                                  errmsg("trigger \"%s\" started no flow: %s", trigger, message)));
            });
        }
    }
    return PointerGetDatum(nullptr);
}

}  // namespace flowctl::pg
