// flowctl.fork(): a new run that keeps what another run has recorded before a state, and goes on from there by
// another version of the flow.
//
// The data comes from the history: the input with which the state was entered, and the variables that states at
// the top level had assigned until then. Data within a branch or an item is not recorded as a whole, so a fork
// begins at the top level only. The new run is started like any other, so its starter needs the right to start
// the flow, beside the right to operate the run.
#include <map>

#include "core/json.hpp"
#include "pg/control/operated_run.hpp"
#include "pg/control/run_arguments.hpp"
#include "pg/rights/denials.hpp"
#include "pg/rights/run_rights.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/arguments.hpp"
#include "pg/server/guc.hpp"
#include "pg/server/quoting.hpp"
#include "pg/shared/installation.hpp"
#include "pg/shared/shmem.hpp"
#include "pg/starts/start.hpp"
#include "pg/store/forks.hpp"

namespace flowctl::pg {

namespace {

struct Fork {
    Uuid run_id{};
    std::string state;
    std::optional<std::int32_t> version;
    std::optional<std::string> input;  // JSON
    std::optional<std::string> reason;
    Oid user = InvalidOid;
};

std::string state_of_flow(const std::string& state) {
    return "\"" + shortened_name(state) + "\"";
}

store::ForkedRun get_forked(Spi& spi, const Fork& fork) {
    const std::optional<store::ForkedRun> run = store::find_forked(spi, fork.run_id);
    if (!run) no_such_run(fork.run_id);
    const std::string name = "run " + to_string(fork.run_id);
    if (!run->has_flow)
        throw UserError(ERRCODE_UNDEFINED_OBJECT, "flow \"" + run->flow + "\" has been dropped",
                        "Define it again, and start a run with the input of this one.");
    if (run->is_express)
        throw UserError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                        name + " is of an EXPRESS flow, whose runs have no history to go on from",
                        "Start a new run with the same input.");
    if (run->is_redacted)
        throw UserError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                        name + " has been redacted, so its data is gone", "Start a new run.");
    if (run->is_child)
        throw UserError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                        name + " is a child of a distributed Map and cannot be forked",
                        "Fork the run that has the Map.");
    return *run;
}

// What the new run is entered with.
store::ForkPoint find_point(Spi& spi, const Fork& fork) {
    const std::optional<store::Visit> visit = store::find_visit(spi, fork.run_id, fork.state);
    if (!visit)
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE,
                        "run " + to_string(fork.run_id) + " has not entered a state " +
                            state_of_flow(fork.state) + " at the top level",
                        "The view flowctl.steps lists the states that it has entered; those with an empty "
                        "path are at the top level.");
    store::ForkPoint point{fork.state, fork.input.value_or(visit->input.value_or("")), ""};
    if (point.input.empty())
        throw UserError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                        "the input of state " + state_of_flow(fork.state) + " of run " +
                            to_string(fork.run_id) + " is not kept",
                        "Pass the state's input as the argument input.");
    std::map<std::string, json::Value> variables;
    if (const auto earlier = store::find_fork(spi, fork.run_id))
        if (const auto parsed = json::parse(earlier->variables); parsed && parsed->is_object())
            for (const json::Member& member : parsed->members())
                variables[std::string(member.key)] = member.value;
    for (const auto& [name, text] : store::find_assigned(spi, fork.run_id, visit->event_id)) {
        json::ParseLimits limits;
        limits.max_bytes = text.size() + 1;
        auto value = json::parse(text, limits);
        variables[name] = value ? std::move(value).value() : json::Value();
    }
    json::ObjectBuilder all;
    for (const auto& [name, value] : variables)
        all.add(name, value);
    point.variables = json::dump(all.build());
    return point;
}

// A run of a version with run_as = INVOKER acts as who forks it, and a run's role sees its payloads.
void require_payloads(const Fork& fork, const store::RunStatus& run) {
    if (may_read_payload(fork.user, run)) return;
    denials::report(fork.user, "fork", to_string(fork.run_id), "the role may not read payloads of the run");
    throw UserError(ERRCODE_INSUFFICIENT_PRIVILEGE, "permission denied to fork run " + to_string(fork.run_id),
                    "The owner of the flow can grant it: flowctl.grant_flow(flow, role, '{read_payload}').",
                    "The version has the option run_as = INVOKER, so the new run would act as the current role, which "
                    "may not read payloads of this run.");
}

std::int32_t find_version(Spi& spi, const Fork& fork, const store::ForkedRun& run, const store::RunStatus& status) {
    const auto found = store::find_fork_version(spi, run.flow_id, fork.version, fork.state);
    if (!found)
        throw UserError(ERRCODE_UNDEFINED_OBJECT,
                        "flow \"" + run.flow + "\" has no version " +
                            std::to_string(fork.version.value_or(0)),
                        "The view flowctl.flow_versions lists them.");
    if (!found->has_state)
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE,
                        "version " + std::to_string(found->version) + " of flow \"" + run.flow +
                            "\" has no state " + state_of_flow(fork.state) + " at the top level",
                        "Name a version that has this state, or a state that both versions have.");
    if (found->runs_as_invoker) require_payloads(fork, status);
    return found->version;
}

Uuid carry_out(const Fork& fork) {
    store::ForkPoint point;
    StartRequest request;
    {
        const AsExtensionOwner owner;
        Spi spi;
        const store::OperatedRun operated = get_operated(spi, fork.run_id, fork.user, "fork");
        store::ForkedRun run = get_forked(spi, fork);
        point = find_point(spi, fork);
        request.flow = run.flow + ":" + std::to_string(find_version(spi, fork, run, operated));
        request.input = std::move(run.input);
        request.event = std::move(run.event);
    }
    request.input_is_fit = true;
    request.starter = request.must_may_start = fork.user;
    request.forked_from = fork.run_id;
    const Uuid id = start_run(request);
    const AsExtensionOwner owner;
    Spi spi;
    store::insert_fork(spi, id, point);
    store::record_intervention(spi, fork.run_id, "fork", fork.user, fork.reason, to_string(id));
    return id;
}

// Compact, as payloads are kept.
std::optional<std::string> state_input(FunctionCallInfo fcinfo, int index) {
    const std::optional<std::string> text = jsonb_argument_text(fcinfo, index);
    if (!text) return std::nullopt;
    json::ParseLimits limits;
    limits.max_bytes = 2 * static_cast<std::size_t>(guc::max_payload_bytes);
    const auto parsed = json::parse(*text, limits);
    std::string input = parsed ? json::dump(*parsed) : std::string();
    if (!parsed || input.size() > static_cast<std::size_t>(guc::max_payload_bytes))
        throw UserError(ERRCODE_PROGRAM_LIMIT_EXCEEDED,
                        "input is larger than " + std::to_string(guc::max_payload_bytes) +
                            " bytes, or cannot be kept as JSON",
                        "Pass a key instead of the data, or raise flowctl.max_payload_bytes.",
                        parsed ? "" : parsed.error().message);
    return input;
}

}  // namespace

FLOWCTL_FUNCTION(flowctl_fork) {
    shmem::require("flowctl.fork()");
    require_writable("fork a run");
    Fork fork;
    fork.run_id = run_id_argument(fcinfo);
    fork.user = GetUserId();
    fork.state = required_argument(fcinfo, 1, "from_state", "Name the state that the new run begins at.");
    if (!PG_ARGISNULL(2)) fork.version = PG_GETARG_INT32(2);
    fork.input = state_input(fcinfo, 3);
    fork.reason = reason_argument(fcinfo, 4);
    const Uuid id = carry_out(fork);
    notice_if_waiting();
    return UUIDPGetDatum(to_pg(id));
}

}  // namespace flowctl::pg
