// Checking a trigger that has just been created. See new_trigger.hpp.
#include "pg/triggers/new_trigger.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/asl/flow_name.hpp"
#include "pg/rights/flow_rights.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/quoting.hpp"
#include "pg/server/spi.hpp"
#include "pg/triggers/row_json.hpp"
#include "pg/triggers/trigger_options.hpp"

namespace flowctl::pg {

namespace {

Statement version_exists(
    "SELECT FROM flowctl_catalog.flow_version WHERE flow_id = $1 AND version = $2 AND dropped_by IS NULL",
    {UUIDOID, INT4OID});
Statement alias_exists("SELECT FROM flowctl_catalog.alias WHERE flow_id = $1 AND alias = $2",
                       {UUIDOID, TEXTOID});

struct NewTrigger {
    std::string name;
    Oid table = InvalidOid;
    std::int16_t type = 0;
    bool has_old_table = false;
    bool has_new_table = false;
    std::vector<std::string> arguments;

    bool is_for_row() const { return TRIGGER_FOR_ROW(type); }
    bool is_for_truncate() const { return TRIGGER_FOR_TRUNCATE(type); }
};

// The trigger as the catalog has it within this command; nullopt when it is not of start_flow, or a
// partition's copy of one that has been checked.
std::optional<NewTrigger> read_trigger(Oid trigger, Oid function) {
    struct Found {
        bool ours;
        Oid table;
        std::int16_t type;
        std::int16_t count;
        bool has_old_table, has_new_table;
        const char* name;
        const char* arguments;  // each ends with '\0'
        int length;
    };
    const Found found = guarded([&]() -> Found {
        Found row{};
        Relation triggers = table_open(TriggerRelationId, AccessShareLock);
        ScanKeyData key;
        ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(trigger));
        // The row was written by this very command.
        SysScanDesc scan = systable_beginscan(triggers, TriggerOidIndexId, true, SnapshotSelf, 1, &key);
        HeapTuple tuple = systable_getnext(scan);
        if (HeapTupleIsValid(tuple)) {
            auto* form = reinterpret_cast<Form_pg_trigger>(GETSTRUCT(tuple));
            row.ours = form->tgfoid == function && !form->tgisinternal && !OidIsValid(form->tgparentid);
            row.table = form->tgrelid;
            row.type = form->tgtype;
            row.count = form->tgnargs;
            row.name = pstrdup(NameStr(form->tgname));
            TupleDesc shape = RelationGetDescr(triggers);
            row.has_old_table = !heap_attisnull(tuple, Anum_pg_trigger_tgoldtable, shape);
            row.has_new_table = !heap_attisnull(tuple, Anum_pg_trigger_tgnewtable, shape);
            bool is_null = false;
            Datum arguments = heap_getattr(tuple, Anum_pg_trigger_tgargs, shape, &is_null);
            if (!is_null) {
                bytea* bytes = DatumGetByteaPCopy(arguments);
                row.arguments = VARDATA(bytes);
                row.length = static_cast<int>(VARSIZE(bytes) - VARHDRSZ);
            }
        }
        systable_endscan(scan);
        table_close(triggers, AccessShareLock);
        return row;
    });
    if (!found.ours) return std::nullopt;
    NewTrigger result{found.name, found.table, found.type, found.has_old_table, found.has_new_table, {}};
    std::string_view rest(found.arguments, static_cast<std::size_t>(found.length));
    for (int i = 0; i < found.count; i++) {
        const std::size_t end = rest.find('\0');
        result.arguments.emplace_back(rest.substr(0, end));
        rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    }
    return result;
}

[[noreturn]] void refuse_trigger(const NewTrigger& trigger, const std::string& why, std::string hint) {
    throw UserError(ERRCODE_INVALID_OBJECT_DEFINITION, "trigger " + in_quotes(trigger.name) + " " + why,
                    std::move(hint));
}

void check_transition_table(const NewTrigger& trigger) {
    const bool of_delete = TRIGGER_FOR_DELETE(trigger.type);
    if (of_delete ? trigger.has_old_table : trigger.has_new_table) return;
    refuse_trigger(trigger, "must fire FOR EACH ROW, or see the rows of the statement, to start a flow",
                   of_delete ? "Make it FOR EACH ROW, or add REFERENCING OLD TABLE AS old_rows."
                             : "Make it FOR EACH ROW, or add REFERENCING NEW TABLE AS new_rows; an UPDATE may have OLD "
                               "TABLE AS old_rows besides.");
}

void check_shape(const NewTrigger& trigger, const TriggerOptions& options) {
    if (!TRIGGER_FOR_AFTER(trigger.type))
        refuse_trigger(trigger, "must fire AFTER the change to start a flow",
                       "What happens before the row is final must not start a run.");
    if (trigger.is_for_row()) {
        if (options.per == StartPer::Statement)
            refuse_trigger(trigger, "fires FOR EACH ROW and cannot start one run for all rows",
                           "Make it FOR EACH STATEMENT with transition tables, or leave 'per=statement' out.");
    } else if (trigger.is_for_truncate()) {
        if (TRIGGER_FOR_INSERT(trigger.type) || TRIGGER_FOR_UPDATE(trigger.type) || TRIGGER_FOR_DELETE(trigger.type))
            refuse_trigger(trigger, "fires for TRUNCATE and for other statements, whose rows it does not see",
                           "Create one trigger for TRUNCATE and another one for the other statements.");
        if (options.per == StartPer::Row || options.columns)
            refuse_trigger(trigger, "fires for TRUNCATE, which shows no rows",
                           "Leave out the options 'per=row', 'columns' and 'except'.");
    } else {
        check_transition_table(trigger);
        if (!options.per)
            refuse_trigger(trigger, "does not say how many runs a statement starts",
                           "Add 'per=row' for a run for each row, or 'per=statement' for one run for all of them.");
    }
}

void check_columns(const NewTrigger& trigger, const TriggerOptions& options) {
    if (!options.columns) return;
    const Relation table = guarded([&] { return table_open(trigger.table, NoLock); });  // CREATE TRIGGER has it locked
    (void)RowJson(table, options.columns, CurrentMemoryContext);
    guarded([&] { table_close(table, NoLock); });
}

// A dump that is restored in parts or without its data has triggers whose flows are not there yet, and pg_dump says by
// check_function_bodies that what an object refers to need not exist. Whoever sets it could prepare a trigger on somebody
// else's table for a flow that is defined later, so the creator must have the privileges of the table's owner, by whose
// right the trigger starts the flow.
bool may_name_what_is_missing(Oid table, Oid creator) {
    if (check_function_bodies) return false;
    const Oid owner = guarded([table] {
        Oid found = InvalidOid;
        HeapTuple row = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
        if (HeapTupleIsValid(row)) {
            found = reinterpret_cast<Form_pg_class>(GETSTRUCT(row))->relowner;
            ReleaseSysCache(row);
        }
        return found;
    });
    return acts_for(creator, owner);
}

// Which flows there are is told to nobody who may not start them, not even where a missing one is accepted.
void check_target(Spi& spi, Oid table, const TriggerOptions& options, Oid creator) {
    const bool lenient = may_name_what_is_missing(table, creator);
    const asl::FlowReference reference = asl::parse_flow_reference(options.flow);
    const std::string name(reference.name);
    auto flow = find_flow_by_name(spi, name, FlowLock::None);
    if (flow && may_start(flow->flow_id, flow->owner, creator))
        flow = find_flow_by_name(spi, name, FlowLock::KeyShare);
    const bool startable = flow && may_start(flow->flow_id, flow->owner, creator);
    if (!startable) {
        if (lenient) return;
        refuse_start(name, flow.has_value(), creator, creator, "creator of the trigger");
    }
    if (!reference.qualifier || lenient) return;
    const auto version = reference.version();
    const Rows found =
        version ? spi.run(version_exists, std::move(Params().uuid(flow->flow_id).int4(*version)))
                : spi.run(alias_exists, std::move(Params().uuid(flow->flow_id).text(*reference.qualifier)));
    if (found.size() > 0) return;
    throw UserError(ERRCODE_UNDEFINED_OBJECT,
                    "flow " + in_quotes(flow->name) + " has no version or alias " +
                        in_quotes(shortened_name(*reference.qualifier)),
                    "The views flowctl.flow_versions and flowctl.aliases list them.");
}

}  // namespace

Oid start_flow_function() {
    return guarded([] {
        const Oid schema = get_namespace_oid("flowctl", true);
        // Without the extension, anybody may have a schema of this name.
        if (!OidIsValid(schema) || !OidIsValid(get_extension_oid("pg_flowctl", true))) return InvalidOid;
        oidvector* no_arguments = buildoidvector(nullptr, 0);
        return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum("start_flow"),
                               PointerGetDatum(no_arguments), ObjectIdGetDatum(schema));
    });
}

void check_trigger_creation(Oid trigger) {
    // pg_upgrade creates triggers before the tables have their rows.
    if (IsBinaryUpgrade) return;
    const Oid function = start_flow_function();
    if (!OidIsValid(function)) return;
    const auto found = read_trigger(trigger, function);
    if (!found) return;
    const TriggerOptions options =
        read_trigger_options(found->name, {found->arguments.begin(), found->arguments.end()});
    check_shape(*found, options);
    check_columns(*found, options);
    const Oid creator = GetUserId();
    const AsExtensionOwner owner;
    Spi spi;
    check_target(spi, found->table, options, creator);
}

}  // namespace flowctl::pg
