// SQL functions hold and release: records that must stay.
//
// What a hold covers, and how it meets redaction and retention: store/holds. A hold that a superuser placed is
// released by superusers only, so that somebody who answers for a legal hold need not trust the flow's owner.
#include <cctype>
#include <optional>
#include <string>

#include "pg/records/kept_run.hpp"
#include "pg/rights/flow_rights.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/arguments.hpp"
#include "pg/store/holds.hpp"

namespace flowctl::pg::records {

namespace {

bool is_superuser(Oid role) {
    return guarded([&] { return superuser_arg(role); });
}

// An untyped literal of a run's id is text to PostgreSQL, and so comes in as a flow's name.
std::optional<Uuid> as_run_id(Spi& spi, const std::string& name) {
    constexpr std::string_view kForm = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    if (name.size() != kForm.size()) return std::nullopt;
    for (std::size_t i = 0; i < kForm.size(); i++)
        if (kForm[i] == '-' ? name[i] != '-' : std::isxdigit(static_cast<unsigned char>(name[i])) == 0)
            return std::nullopt;
    if (find_flow_by_name(spi, name, FlowLock::None)) return std::nullopt;
    return uuid_from_text(name);
}

std::string hold_run(Spi& spi, const Uuid& id, Oid user, const std::string& reason) {
    const store::RecordedRun run = get_kept_run(spi, id, user, "hold");
    if (const auto hold = store::find_hold_of_run(spi, id)) return "the run is held already: " + hold->reason;
    if (!store::insert_hold(spi, {id, std::nullopt, reason, user, is_superuser(user)}, run.flow_id))
        return "the run is held already";
    // Retention may have deleted the run while the hold waited for it.
    (void)get_kept_run(spi, id, user, "hold");
    return "done";
}

std::string release_run(Spi& spi, const Uuid& id, Oid user, const std::optional<std::string>& reason) {
    const store::RecordedRun run = get_kept_run(spi, id, user, "release");
    const auto hold = store::find_hold_of_run(spi, id);
    if (!hold && store::find_hold_of_flow(spi, run.flow_id)) return "its flow is held, not the run";
    if (!hold) return "the run is not held";
    if (hold->by_superuser && !is_superuser(user)) return "a superuser holds the run, and only superusers release it";
    return store::release_run(spi, id, user, reason) ? "done" : "the run is not held";
}

std::string hold_flow(Spi& spi, const std::string& name, Oid user, const std::string& reason) {
    if (const auto id = as_run_id(spi, name)) return hold_run(spi, *id, user, reason);
    const FlowIdentity flow = get_own_flow(spi, name, FlowLock::KeyShare, user, "hold");
    if (const auto hold = store::find_hold_of_flow(spi, flow.flow_id))
        return "the flow is held already: " + hold->reason;
    if (!store::insert_hold(spi, {std::nullopt, flow.flow_id, reason, user, is_superuser(user)}, flow.flow_id))
        return "the flow is held already";
    return "done";
}

std::string release_flow(Spi& spi, const std::string& name, Oid user, const std::optional<std::string>& reason) {
    if (const auto id = as_run_id(spi, name)) return release_run(spi, *id, user, reason);
    const FlowIdentity flow = get_own_flow(spi, name, FlowLock::KeyShare, user, "release");
    const auto hold = store::find_hold_of_flow(spi, flow.flow_id);
    if (!hold) return "the flow is not held";
    if (hold->by_superuser && !is_superuser(user)) return "a superuser holds the flow, and only superusers release it";
    return store::release_flow(spi, flow.flow_id, user, reason) ? "done" : "the flow is not held";
}

std::optional<std::string> optional_reason(FunctionCallInfo fcinfo, int index) {
    if (PG_ARGISNULL(index)) return std::nullopt;
    return reason_argument(fcinfo, index);
}

// Calls the function as the extension's owner, and gives its answer to SQL.
template <class Body>
Datum answer(Body&& body) {
    std::string text;
    {
        const AsExtensionOwner owner;
        Spi spi;
        text = body(spi);
    }
    return to_text(text);
}

}  // namespace

FLOWCTL_FUNCTION(flowctl_hold_run) {
    require_writable("hold a run");
    const Uuid id = run_id_argument(fcinfo);
    const std::string reason = reason_argument(fcinfo, 1);
    return answer([&, user = GetUserId()](Spi& spi) { return hold_run(spi, id, user, reason); });
}

FLOWCTL_FUNCTION(flowctl_hold_flow) {
    require_writable("hold a flow");
    const std::string name = required_argument(fcinfo, 0, "name of the flow", "Name the flow.");
    const std::string reason = reason_argument(fcinfo, 1);
    return answer([&, user = GetUserId()](Spi& spi) { return hold_flow(spi, name, user, reason); });
}

FLOWCTL_FUNCTION(flowctl_release_run) {
    require_writable("release a run");
    const Uuid id = run_id_argument(fcinfo);
    const std::optional<std::string> reason = optional_reason(fcinfo, 1);
    return answer([&, user = GetUserId()](Spi& spi) { return release_run(spi, id, user, reason); });
}

FLOWCTL_FUNCTION(flowctl_release_flow) {
    require_writable("release a flow");
    const std::string name = required_argument(fcinfo, 0, "name of the flow", "Name the flow.");
    const std::optional<std::string> reason = optional_reason(fcinfo, 1);
    return answer([&, user = GetUserId()](Spi& spi) { return release_flow(spi, name, user, reason); });
}

}  // namespace flowctl::pg::records
