// The types and functions that the pieces of a map run share; see map_run.hpp.
#include "core/map_run/map_run.hpp"

#include "core/machine/evaluate.hpp"
#include "core/machine/identifiers.hpp"

namespace flowctl::map_run {

namespace {

const asl::State* find_map(const asl::Block& block, std::string_view name) {
    for (const asl::State& state : block.states) {
        if (const auto* parallel = std::get_if<asl::ParallelFields>(&state.fields)) {
            for (const auto& branch : parallel->branches) {
                if (const asl::State* found = find_map(*branch, name)) return found;
            }
        }
        const auto* map = std::get_if<asl::MapFields>(&state.fields);
        if (map == nullptr) continue;
        if (map->distributed != nullptr && state.name == name) return &state;
        if (const asl::State* found = find_map(*map->processor, name)) return found;
    }
    return nullptr;
}

}  // namespace

const asl::State* find_map(const asl::Flow& flow, std::string_view name) {
    return find_map(flow.top, name);
}

Failure too_large(std::string_view state, std::string_view what) {
    return {std::string(machine::kDataLimit), "The state/task '" + std::string(state) + "' " +
                                                  std::string(what) +
                                                  " with a size exceeding the maximum number of bytes "
                                                  "service limit."};
}

machine::MapRunEnded succeeded(std::int64_t map_run, json::Value output) {
    return {map_run, machine::MapRunEnded::Outcome::Succeeded, std::move(output), "", ""};
}

machine::MapRunEnded failed(std::int64_t map_run, const Failure& failure) {
    return {map_run, machine::MapRunEnded::Outcome::Failed, json::Value(), failure.error, failure.cause};
}

machine::RunContext child_context(const machine::RunContext& parent, const machine::MapRunPlan& plan,
                                  const std::string& name, machine::Instant started_at, json::Value input) {
    machine::RunContext child;
    child.state_machine_id = machine::child_state_machine(parent.state_machine_id, plan.label);
    child.state_machine_name = parent.state_machine_name + "/" + plan.label;
    child.execution_id = machine::child_execution(child.state_machine_id, name, plan.express);
    child.execution_name = name;
    child.role_arn = parent.role_arn;
    child.started_at = started_at;
    child.input = std::move(input);
    child.event = parent.event;
    child.express = plan.express;
    return child;
}

}  // namespace flowctl::map_run
