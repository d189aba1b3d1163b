// SQL function alter_flow: options that count for all versions of a flow. See alter_flow.hpp.
//
// A write to the row of the flow tells the caches of all sessions and workers (catalog_watch), once it has
// committed; so a change counts from the commit on, for each start and each end of a run that comes after it.
#include "pg/flows/alter_flow.hpp"

#include <string>

#include "pg/flow_options/flow_options.hpp"
#include "pg/limits/limit_rights.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/arguments.hpp"
#include "pg/server/quoting.hpp"
#include "pg/shared/wake.hpp"
#include "pg/starts/start.hpp"

namespace flowctl::pg {

namespace {

Statement read_options("SELECT options::text FROM flowctl_catalog.flow WHERE flow_id = $1", {UUIDOID});
Statement write_options("UPDATE flowctl_catalog.flow SET options = $2::pg_catalog.jsonb WHERE flow_id = $1",
                        {UUIDOID, TEXTOID});

// The flow that a failure starts. An import brings flows in any order, and says by check_function_bodies that what
// they name need not be there yet, as pg_dump does. When a run fails, the right is asked for anyway.
void check_on_failure(const FlowIdentity& flow, const json::Value& given) {
    const json::Value* on_failure = given.find("on_failure");
    if (on_failure == nullptr || !on_failure->is_string() || !check_function_bodies) return;
    const std::string reference(on_failure->as_string());
    const auto objection = objection_to_start(reference, flow.owner);
    if (!objection) return;
    throw UserError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                    "option \"on_failure\" of flow " + in_quotes(flow.name) + ": " + *objection,
                    "The flow's owner, " + in_quotes(role_name(flow.owner)) +
                        ", has to be allowed to start a flow that exists: flowctl.grant_flow().");
}

// What an option names in the catalog has to be there, and the flow's owner must be allowed to use it. `given`
// holds options that are being set and have been checked otherwise.
void check_in_catalog(Spi& spi, const FlowIdentity& flow, const json::Value& given) {
    if (const json::Value* names = given.find("limits"); names != nullptr && names->is_array())
        for (const json::Value& name : names->items())
            limits::require_usable(spi, std::string(name.as_string()), flow.owner);
    check_on_failure(flow, given);
}

}  // namespace

void set_flow_options(Spi& spi, const FlowIdentity& flow, const json::Value& given) {
    if (given.size() == 0) return;
    const Rows rows = spi.run(read_options, std::move(Params().uuid(flow.flow_id)));
    const json::Value present = json::parse(rows.text(0, 0)).value();
    const json::Value changed = change_flow_options(present, given);
    check_in_catalog(spi, flow, given);
    if (json::equal(present, changed)) return;
    spi.run(write_options, std::move(Params().uuid(flow.flow_id).text(json::dump(changed))));
    // Runs that wait are measured by the new limits.
    wake::note_poke();
}

FLOWCTL_FUNCTION(flowctl_alter_flow) {
    require_writable("alter a flow");
    const Oid user = GetUserId();
    const std::string name = required_argument(fcinfo, 0, "name", "Name the flow.");
    const std::string text = jsonb_argument_text(fcinfo, 1).value_or("null");
    const auto parsed = json::parse(text);
    if (!parsed)
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE, "options cannot be read: " + parsed.error().message,
                        "Pass a JSON object, for example '{\"tags\": {\"team\": \"billing\"}}'.");
    (void)divide_options(*parsed);
    require_flow_options(*parsed);
    const AsExtensionOwner owner;
    Spi spi;
    const FlowIdentity flow = get_own_flow(spi, name, FlowLock::Change, user, "alter");
    set_flow_options(spi, flow, *parsed);
    PG_RETURN_VOID();
}

}  // namespace flowctl::pg
