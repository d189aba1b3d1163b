// SQL functions pause_flow, resume_flow, pause_endpoint and resume_endpoint, and what becomes of the pause of an
// endpoint that is dropped or renamed.
//
// A pause is a row that names what is paused. Sessions that start a run and the workers see it once it has
// committed. Pausing what is paused already says a new reason.
#include "pg/limits/pauses.hpp"

#include <string>

#include "pg/endpoints/endpoint.hpp"
#include "pg/policies/rule_arguments.hpp"
#include "pg/rights/flow_rights.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/arguments.hpp"
#include "pg/server/catalog_watch.hpp"
#include "pg/server/quoting.hpp"
#include "pg/shared/wake.hpp"
#include "pg/store/limit_rows.hpp"

namespace flowctl::pg {

namespace {

Statement pause_sql(R"(
    INSERT INTO flowctl_catalog.pause (kind, name, schedules, reason, paused_by)
    VALUES ($1, $2, $3, $4, pg_catalog.pg_get_userbyid($5))
    ON CONFLICT (kind, name) DO UPDATE
    SET schedules = excluded.schedules, reason = excluded.reason, paused_by = excluded.paused_by, paused_at = now())",
                    {TEXTOID, TEXTOID, TEXTOID, TEXTOID, OIDOID});
Statement resume_sql("DELETE FROM flowctl_catalog.pause WHERE kind = $1 AND name = $2", {TEXTOID, TEXTOID});
Statement end_pauses_sql(R"(
    DELETE FROM flowctl_catalog.pause p
    WHERE p.kind = 'endpoint' AND NOT EXISTS (SELECT FROM pg_catalog.pg_foreign_server s WHERE s.srvname = p.name))",
                         {});
Statement rename_pause_sql("UPDATE flowctl_catalog.pause SET name = $3 WHERE kind = $1 AND name = $2",
                           {TEXTOID, TEXTOID, TEXTOID});

constexpr std::size_t kMaxReasonBytes = 1024;

std::optional<std::string> reason_argument(FunctionCallInfo fcinfo, int index) {
    auto reason = text_argument(fcinfo, index);
    if (reason && reason->size() > kMaxReasonBytes)
        throw UserError(ERRCODE_PROGRAM_LIMIT_EXCEEDED, "reason of a pause is longer than 1024 bytes", "Shorten it.");
    return reason;
}

// Sessions and workers read the pauses again once this transaction has committed.
void tell_of_pauses() {
    catalog_watch::changed();
    wake::note_poke();
}

void pause(Spi& spi, const char* kind, const std::string& name, const std::string& schedules,
           const std::optional<std::string>& reason, Oid user) {
    Params params;
    params.text(kind).text(name).text(schedules).text(reason).oid(user);
    spi.run(pause_sql, std::move(params));
    tell_of_pauses();
}

void resume(Spi& spi, const char* kind, const std::string& name) {
    spi.run(resume_sql, std::move(Params().text(kind).text(name)));
    tell_of_pauses();
}

void require_endpoint_owner(const std::string& server, const char* what) {
    if (acts_for_owner_of(server)) return;
    throw UserError(ERRCODE_INSUFFICIENT_PRIVILEGE,
                    "permission denied to " + std::string(what) + " endpoint " + in_quotes(shortened_name(server)),
                    "The owner of the foreign server may, and superusers.");
}

void require_endpoint(const std::string& server) {
    if (endpoint_owner(server)) return;
    throw UserError(ERRCODE_UNDEFINED_OBJECT, "endpoint " + in_quotes(shortened_name(server)) + " does not exist",
                    "An endpoint is a foreign server of wrapper flowctl_http.");
}

}  // namespace

void pauses::servers_dropped() {
    if (!OidIsValid(extension_oid()) || !store::has_rows("pause")) return;
    const AsExtensionOwner owner;
    Spi spi;
    if (spi.run(end_pauses_sql).processed() > 0) tell_of_pauses();
}

void pauses::server_renamed(const char* before, const char* after) {
    if (!OidIsValid(extension_oid()) || !store::has_rows("pause")) return;
    const AsExtensionOwner owner;
    Spi spi;
    // A row that a dump has brought may be there without its server.
    spi.run(resume_sql, std::move(Params().text("endpoint").text(after)));
    if (spi.run(rename_pause_sql, std::move(Params().text("endpoint").text(before).text(after))).processed() > 0)
        tell_of_pauses();
}

FLOWCTL_FUNCTION(flowctl_pause_flow) {
    require_writable("pause a flow");
    const std::string name = required_argument(fcinfo, 0, "name", "Name the flow.");
    const std::string schedules = required_argument(fcinfo, 1, "schedules", "It is queue or drop.");
    if (schedules != "queue" && schedules != "drop")
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE,
                        "invalid value for schedules: " + in_quotes(shortened_name(schedules)),
                        "It is queue (runs that are due meanwhile wait) or drop (they are left out).");
    const auto reason = reason_argument(fcinfo, 2);
    const Oid user = GetUserId();
    const AsExtensionOwner owner;
    Spi spi;
    const FlowIdentity flow = get_operated_flow(spi, name, FlowLock::KeyShare, user, "pause");
    pause(spi, "flow", flow.name, schedules, reason, user);
    return Datum(0);
}

FLOWCTL_FUNCTION(flowctl_resume_flow) {
    require_writable("resume a flow");
    const std::string name = required_argument(fcinfo, 0, "name", "Name the flow.");
    const Oid user = GetUserId();
    const AsExtensionOwner owner;
    Spi spi;
    const FlowIdentity flow = get_operated_flow(spi, name, FlowLock::KeyShare, user, "resume");
    resume(spi, "flow", flow.name);
    return Datum(0);
}

FLOWCTL_FUNCTION(flowctl_pause_endpoint) {
    require_writable("pause an endpoint");
    const std::string server = required_argument(fcinfo, 0, "server", "Name the foreign server.");
    const auto reason = reason_argument(fcinfo, 1);
    const Oid user = GetUserId();
    require_endpoint_owner(server, "pause");
    require_endpoint(server);
    const AsExtensionOwner owner;
    Spi spi;
    pause(spi, "endpoint", server, "queue", reason, user);
    return Datum(0);
}

FLOWCTL_FUNCTION(flowctl_resume_endpoint) {
    require_writable("resume an endpoint");
    const std::string server = required_argument(fcinfo, 0, "server", "Name the foreign server.");
    require_endpoint_owner(server, "resume");
    const AsExtensionOwner owner;
    Spi spi;
    resume(spi, "endpoint", server);
    return Datum(0);
}

}  // namespace flowctl::pg
