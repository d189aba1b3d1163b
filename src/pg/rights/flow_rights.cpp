// Implementation of the rights on flows. See flow_rights.hpp.
#include <vector>

#include "pg/rights/flow_rights.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/quoting.hpp"

namespace flowctl::pg {

namespace {

Statement authors("SELECT role::oid FROM flowctl_catalog.author", {});
Statement starters("SELECT role::oid FROM flowctl_catalog.flow_grant WHERE flow_id = $1", {UUIDOID});

#define FLOW_COLUMNS                                                                                        \
    "SELECT flow_id, name, owner::oid, type, latest_version, comment FROM flowctl_catalog.flow WHERE name " \
    "= $1"
Statement find_unlocked(FLOW_COLUMNS, {TEXTOID});
Statement find_key_share(FLOW_COLUMNS " FOR KEY SHARE", {TEXTOID});
Statement find_for_change(FLOW_COLUMNS " FOR NO KEY UPDATE", {TEXTOID});
Statement find_for_update(FLOW_COLUMNS " FOR UPDATE", {TEXTOID});
#undef FLOW_COLUMNS

Statement version_exists("SELECT FROM flowctl_catalog.flow_version WHERE flow_id = $1 AND version = $2",
                         {UUIDOID, INT4OID});

// ------------------------------------------------------------------------------------------ triggers

struct NewTrigger {
    std::string name;
    std::int16_t type = 0;
    std::vector<std::string> arguments;
};

// The trigger as the catalog has it within this command; nullopt when it is not of start_flow, or a
// partition's copy of one that has been checked.
std::optional<NewTrigger> read_trigger(Oid trigger, Oid function) {
    struct Found {
        bool ours;
        std::int16_t type;
        std::int16_t count;
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
            row.type = form->tgtype;
            row.count = form->tgnargs;
            row.name = pstrdup(NameStr(form->tgname));
            bool is_null = false;
            Datum arguments =
                heap_getattr(tuple, Anum_pg_trigger_tgargs, RelationGetDescr(triggers), &is_null);
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
    NewTrigger result{found.name, found.type, {}};
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

void check_shape(const NewTrigger& trigger) {
    const bool truncate = TRIGGER_FOR_TRUNCATE(trigger.type);
    if (!TRIGGER_FOR_AFTER(trigger.type))
        refuse_trigger(trigger, "must fire AFTER the change to start a flow",
                       "What happens before the row is final must not start a run.");
    if (!TRIGGER_FOR_ROW(trigger.type) && !truncate)
        refuse_trigger(trigger, "must fire FOR EACH ROW to start a flow", "Each changed row starts one run.");
    if (trigger.arguments.empty())
        refuse_trigger(trigger, "names no flow", "Name it: EXECUTE FUNCTION flowctl.start_flow('flow').");
    for (std::size_t i = 1; i < trigger.arguments.size(); i++)
        if (trigger.arguments[i] != "on_error=raise" && trigger.arguments[i] != "on_error=record")
            refuse_trigger(trigger,
                           "has the unknown option " + in_quotes(shortened_name(trigger.arguments[i])),
                           "The options are 'on_error=raise' and 'on_error=record'.");
}

// 'name' or 'name:version'.
void check_target(Spi& spi, const NewTrigger& trigger, Oid creator) {
    const asl::FlowReference reference = asl::parse_flow_reference(trigger.arguments.front());
    const FlowIdentity flow = get_flow(spi, std::string(reference.name), FlowLock::KeyShare);
    if (reference.qualifier) {
        const auto version = reference.version();
        if (!version ||
            spi.run(version_exists, std::move(Params().uuid(flow.flow_id).int4(*version))).size() == 0)
            throw UserError(
                ERRCODE_UNDEFINED_OBJECT,
                "flow " + in_quotes(flow.name) + " has no version " + in_quotes(shortened_name(*reference.qualifier)),
                "The view flowctl.flow_versions lists them.");
    }
    if (!may_start(spi, flow.flow_id, flow.owner, creator))
        throw UserError(ERRCODE_INSUFFICIENT_PRIVILEGE,
                        "permission denied to start flow " + in_quotes(flow.name),
                        "Its owner can grant it: SELECT flowctl.grant_start('" + flow.name + "', " +
                            role_literal(creator) + ").",
                        "The creator of a trigger that starts a flow must be allowed to start it himself.");
}

}  // namespace

bool acts_for(Oid role, Oid other) {
    return guarded([&] {
        return OidIsValid(role) && OidIsValid(other) &&
               SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(other)) && has_privs_of_role(role, other);
    });
}

bool may_author(Oid role) {
    if (guarded([&] { return superuser_arg(role); })) return true;
    const AsExtensionOwner owner;
    Spi spi;
    Rows rows = spi.run(authors);
    for (std::size_t i = 0; i < rows.size(); i++)
        if (acts_for(role, rows.oid(i, 0))) return true;
    return false;
}

void require_author(const char* what) {
    const Oid user = GetUserId();
    if (may_author(user)) return;
    throw UserError(ERRCODE_INSUFFICIENT_PRIVILEGE, std::string("permission denied to ") + what,
                    "A superuser can allow it: SELECT flowctl.grant_author(" + role_literal(user) + ").");
}

bool may_start(Spi& spi, const Uuid& flow_id, Oid owner, Oid role) {
    if (acts_for(role, owner)) return true;
    if (guarded([&] { return superuser_arg(role); })) return true;  // the owner may be gone
    Rows rows = spi.run(starters, std::move(Params().uuid(flow_id)));
    for (std::size_t i = 0; i < rows.size(); i++)
        if (acts_for(role, rows.oid(i, 0))) return true;
    return false;
}

std::optional<FlowIdentity> find_flow_by_name(Spi& spi, const std::string& name, FlowLock lock) {
    Statement& statement = lock == FlowLock::None       ? find_unlocked
                           : lock == FlowLock::KeyShare ? find_key_share
                           : lock == FlowLock::Change   ? find_for_change
                                                        : find_for_update;
    Rows rows = spi.run(statement, std::move(Params().text(name)));
    if (rows.size() == 0) return std::nullopt;
    return FlowIdentity{rows.uuid(0, 0), rows.text(0, 1), rows.oid(0, 2),
                        rows.text(0, 3), rows.int4(0, 4), rows.optional_text(0, 5)};
}

FlowIdentity get_flow(Spi& spi, const std::string& name, FlowLock lock) {
    if (auto flow = find_flow_by_name(spi, name, lock)) return *flow;
    throw UserError(
        ERRCODE_UNDEFINED_OBJECT, "flow " + in_quotes(shortened_name(name)) + " does not exist",
        "Define it with flowctl.define_flow(); the view flowctl.flows lists those that you may see.");
}

void require_owner(const FlowIdentity& flow, Oid role, const char* what) {
    if (acts_for(role, flow.owner) || guarded([&] { return superuser_arg(role); })) return;
    throw UserError(ERRCODE_INSUFFICIENT_PRIVILEGE,
                    std::string("permission denied to ") + what + " flow " + in_quotes(flow.name),
                    "Only members of its owner " + in_quotes(role_name(flow.owner)) + " and superusers may.");
}

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
    check_shape(*found);
    const Oid creator = GetUserId();
    const AsExtensionOwner owner;
    Spi spi;
    check_target(spi, *found, creator);
}

}  // namespace flowctl::pg
