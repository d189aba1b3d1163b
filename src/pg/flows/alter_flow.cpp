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

namespace flowctl::pg {

namespace {

Statement read_options("SELECT options::text FROM flowctl_catalog.flow WHERE flow_id = $1", {UUIDOID});
Statement write_options("UPDATE flowctl_catalog.flow SET options = $2::pg_catalog.jsonb WHERE flow_id = $1",
                        {UUIDOID, TEXTOID});

}  // namespace

void check_in_catalog(Spi& spi, Oid flow_owner, const json::Value& given) {
    if (const json::Value* names = given.find("limits"); names != nullptr && names->is_array())
        for (const json::Value& name : names->items())
            limits::require_usable(spi, std::string(name.as_string()), flow_owner);
}

void set_flow_options(Spi& spi, const FlowIdentity& flow, const json::Value& given, Oid) {
    if (given.size() == 0) return;
    const Rows rows = spi.run(read_options, std::move(Params().uuid(flow.flow_id)));
    const json::Value present = json::parse(rows.text(0, 0)).value();
    const json::Value changed = change_flow_options(present, given);
    check_in_catalog(spi, flow.owner, given);
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
    set_flow_options(spi, flow, *parsed, user);
    PG_RETURN_VOID();
}

}  // namespace flowctl::pg
