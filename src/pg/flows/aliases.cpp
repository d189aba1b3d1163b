// SQL functions set_alias, drop_alias and drop_version: which versions of a flow there are, and under which names.
//
// Each locks the flow's row, so that an alias never leads to a version that is dropped meanwhile. drop_version
// also keeps out triggers that are being created, as drop_flow does. A version that is dropped stays in the table
// for runs that have started and not yet committed (store/flows).
#include <algorithm>
#include <string>

#include "core/asl/flow_name.hpp"
#include "pg/flows/flow_admin.hpp"
#include "pg/flows/flow_triggers.hpp"
#include "pg/flows/named_by.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/arguments.hpp"
#include "pg/server/quoting.hpp"

namespace flowctl::pg {

namespace {

Statement versions_of(
    "SELECT version FROM flowctl_catalog.flow_version WHERE flow_id = $1 AND dropped_by IS NULL ORDER BY 1",
    {UUIDOID});
Statement upsert_alias(R"(
    INSERT INTO flowctl_catalog.alias (flow_id, alias, version, second_version, second_weight, set_by)
    VALUES ($1, $2, $3, $4, $5, pg_catalog.pg_get_userbyid($6))
    ON CONFLICT (flow_id, alias) DO UPDATE
    SET version = excluded.version, second_version = excluded.second_version, second_weight = excluded.second_weight,
        set_by = excluded.set_by, set_at = pg_catalog.now())",
                       {UUIDOID, TEXTOID, INT4OID, INT4OID, INT4OID, OIDOID});
Statement delete_alias("DELETE FROM flowctl_catalog.alias WHERE flow_id = $1 AND alias = $2", {UUIDOID, TEXTOID});
Statement aliases_to(
    "SELECT alias FROM flowctl_catalog.alias WHERE flow_id = $1 AND $2 IN (version, second_version) ORDER BY 1",
    {UUIDOID, INT4OID});
Statement open_runs_of_version(R"(
    SELECT pg_catalog.count(*) FROM flowctl_catalog.run WHERE flow_id = $1 AND version = $2 AND status = 'RUNNING')",
                               {UUIDOID, INT4OID});
Statement retire_version(R"(
    UPDATE flowctl_catalog.flow_version SET dropped_by = pg_catalog.pg_current_xact_id()
    WHERE flow_id = $1 AND version = $2 AND dropped_by IS NULL)",
                         {UUIDOID, INT4OID});

// "1, 2, 4 to 9", so that it stays short.
std::string spans(const Rows& rows) {
    std::string text;
    for (std::size_t i = 0; i < rows.size(); i++) {
        const std::size_t first = i;
        while (i + 1 < rows.size() && rows.int4(i + 1, 0) == rows.int4(i, 0) + 1)
            i++;
        text += (text.empty() ? "" : ", ") + std::to_string(rows.int4(first, 0));
        if (i > first) text += " to " + std::to_string(rows.int4(i, 0));
        if (text.size() > 200) return text + ", ...";
    }
    return text;
}

// `argument` names it in the message.
void require_version(Spi& spi, const FlowIdentity& flow, std::int32_t version, const char* argument) {
    const Rows rows = spi.run(versions_of, std::move(Params().uuid(flow.flow_id)));
    for (std::size_t i = 0; i < rows.size(); i++)
        if (rows.int4(i, 0) == version) return;
    throw UserError(ERRCODE_UNDEFINED_OBJECT,
                    std::string(argument) + ": flow " + in_quotes(flow.name) + " has no version " +
                        std::to_string(version),
                    "Its versions are: " + spans(rows) + ".");
}

std::string alias_argument(FunctionCallInfo fcinfo) {
    std::string alias = required_argument(fcinfo, 1, "alias", "Name the alias.");
    if (!asl::is_flow_name(alias) || alias.find_first_not_of("0123456789") == std::string::npos)
        throw UserError(ERRCODE_INVALID_NAME, in_quotes(shortened_name(alias)) + " cannot be an alias",
                        "An alias has 1 to 80 of the characters A-Z, a-z, 0-9, _ and -, and not only digits, "
                        "since a number is a version.");
    return alias;
}

std::int32_t version_argument(FunctionCallInfo fcinfo, int index) {
    if (PG_ARGISNULL(index))
        throw UserError(ERRCODE_NULL_VALUE_NOT_ALLOWED, "version must not be null",
                        "The view flowctl.flow_versions lists the versions.");
    return PG_GETARG_INT32(index);
}

struct AliasTarget {
    std::int32_t version = 0;
    std::optional<std::int32_t> second_version;
    std::int32_t second_weight = 0;
};

AliasTarget target_arguments(FunctionCallInfo fcinfo) {
    AliasTarget target{version_argument(fcinfo, 2), std::nullopt, PG_ARGISNULL(4) ? 0 : PG_GETARG_INT32(4)};
    if (!PG_ARGISNULL(3)) target.second_version = PG_GETARG_INT32(3);
    if (target.second_weight < 0 || target.second_weight > 100)
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE,
                        "second_weight must not be " + std::to_string(target.second_weight),
                        "It is a percentage from 0 to 100: so many of 100 starts go to second_version.");
    if (!target.second_version && target.second_weight != 0)
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE, "second_weight needs a second_version",
                        "Name the version to which these starts go, or leave second_weight out.");
    if (target.second_version == target.version)
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE, "second_version must be another version",
                        "Leave it out: all starts go to version " + std::to_string(target.version) + ".");
    return target;
}

[[noreturn]] void refuse_drop(const FlowIdentity& flow, std::int32_t version, int sqlstate,
                              const std::string& why, std::string hint, std::string detail = {}) {
    throw UserError(sqlstate,
                    "cannot drop version " + std::to_string(version) + " of flow " + in_quotes(flow.name) +
                        " because " + why,
                    std::move(hint), std::move(detail));
}

void require_version_unused(Spi& spi, const FlowIdentity& flow, std::int32_t version) {
    if (version == flow.latest_version)
        refuse_drop(flow, version, ERRCODE_OBJECT_IN_USE, "it is the newest",
                    "A start that names no version begins it. Define a newer one first, or drop the flow.");
    const Rows aliases = spi.run(aliases_to, std::move(Params().uuid(flow.flow_id).int4(version)));
    if (aliases.size() > 0)
        refuse_drop(flow, version, ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST,
                    "alias " + in_quotes(aliases.text(0, 0)) + " leads to it",
                    "Let its aliases lead to other versions by flowctl.set_alias(), or drop them.");
    std::string triggers = list_triggers(spi, flow, std::to_string(version));
    if (!triggers.empty())
        refuse_drop(flow, version, ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST, "triggers start it",
                    "Drop the triggers first.", std::move(triggers));
    if (auto named = named_by_other_flows(spi, flow, std::to_string(version)))
        refuse_drop(flow, version, ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST, named->why, named->hint,
                    std::move(named->detail));
    const std::int64_t open =
        spi.run(open_runs_of_version, std::move(Params().uuid(flow.flow_id).int4(version))).int8(0, 0);
    if (open > 0)
        refuse_drop(flow, version, ERRCODE_OBJECT_IN_USE,
                    "it has " + std::to_string(open) + (open == 1 ? " open run" : " open runs"),
                    "Wait for them with flowctl.wait(), or end them with flowctl.stop().");
}

}  // namespace

FLOWCTL_FUNCTION(flowctl_set_alias) {
    require_writable("set an alias");
    const Oid user = GetUserId();
    const std::string name = flow_argument(fcinfo);
    const std::string alias = alias_argument(fcinfo);
    const AliasTarget target = target_arguments(fcinfo);
    const AsExtensionOwner owner;
    Spi spi;
    const FlowIdentity flow = get_own_flow(spi, name, FlowLock::Change, user, "set an alias of");
    require_version(spi, flow, target.version, "version");
    if (target.second_version) require_version(spi, flow, *target.second_version, "second_version");
    Params params;
    params.uuid(flow.flow_id).text(alias).int4(target.version);
    target.second_version ? params.int4(*target.second_version) : params.null();
    spi.run(upsert_alias, std::move(params.int4(target.second_weight).oid(user)));
    PG_RETURN_VOID();
}

FLOWCTL_FUNCTION(flowctl_drop_alias) {
    require_writable("drop an alias");
    const Oid user = GetUserId();
    const std::string name = flow_argument(fcinfo);
    const std::string alias = required_argument(fcinfo, 1, "alias", "Name the alias.");
    const AsExtensionOwner owner;
    Spi spi;
    const FlowIdentity flow = get_own_flow(spi, name, FlowLock::Update, user, "drop an alias of");
    std::string triggers = list_triggers(spi, flow, alias);
    if (!triggers.empty())
        throw UserError(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST,
                        "cannot drop alias " + in_quotes(shortened_name(alias)) + " of flow " +
                            in_quotes(flow.name) + " because triggers start it",
                        "Drop the triggers first.", std::move(triggers));
    if (auto named = asl::is_flow_name(alias) ? named_by_other_flows(spi, flow, alias) : std::nullopt)
        throw UserError(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST,
                        "cannot drop alias " + in_quotes(shortened_name(alias)) + " of flow " + in_quotes(flow.name) +
                            " because " + named->why,
                        std::move(named->hint), std::move(named->detail));
    if (spi.run(delete_alias, std::move(Params().uuid(flow.flow_id).text(alias))).processed() == 0)
        throw UserError(ERRCODE_UNDEFINED_OBJECT,
                        "flow " + in_quotes(flow.name) + " has no alias " + in_quotes(shortened_name(alias)),
                        "The view flowctl.aliases lists them.");
    PG_RETURN_VOID();
}

FLOWCTL_FUNCTION(flowctl_drop_version) {
    require_writable("drop a version of a flow");
    const Oid user = GetUserId();
    const std::string name = flow_argument(fcinfo);
    const std::int32_t version = version_argument(fcinfo, 1);
    const AsExtensionOwner owner;
    Spi spi;
    const FlowIdentity flow = get_own_flow(spi, name, FlowLock::Update, user, "drop a version of");
    require_version(spi, flow, version, "version");
    require_version_unused(spi, flow, version);
    spi.run(retire_version, std::move(Params().uuid(flow.flow_id).int4(version)));
    PG_RETURN_VOID();
}

}  // namespace flowctl::pg
