// test_state(): see test_state.hpp.
//
// The definition of a single state becomes a flow with that state, called StateName as on AWS. The flow gets
// another state for each name that the tested state leads to, because the real ones are not given.
#include "core/test_state/test_state.hpp"

#include <algorithm>
#include <set>

#include "core/asl/asl.hpp"
#include "core/machine/trial.hpp"
#include "core/test_state/inspection.hpp"
#include "core/test_state/map_items.hpp"
#include "core/test_state/parsed_request.hpp"

namespace flowctl::test_state {

namespace {

constexpr std::string_view kSingleState = "StateName";

std::string quoted(std::string_view text) {
    return json::dump(json::Value::string(text));
}

// The names of the states that this one can lead to.
std::set<std::string_view> targets_of(const json::Value& state) {
    std::set<std::string_view> names;
    const auto add = [&names](const json::Value& owner, std::string_view field) {
        const json::Value* name = owner.find(field);
        if (name != nullptr && name->is_string() && name->as_string() != kSingleState)
            names.insert(name->as_string());
    };
    add(state, "Next");
    add(state, "Default");
    for (const std::string_view list_name : {"Choices", "Catch"}) {
        const json::Value* list = state.find(list_name);
        if (list == nullptr || !list->is_array()) continue;
        for (const json::Value& entry : list->items())
            add(entry, "Next");
    }
    return names;
}

// The text of a state machine in which the single state can be tested. It contains the state's own text, so
// that a field that is written twice is found.
std::string machine_of(std::string_view state_text, const json::Value& state) {
    std::string text = "{\"StartAt\":" + quoted(kSingleState) + ",\"States\":{" + quoted(kSingleState) + ":";
    text += state_text;
    for (const std::string_view name : targets_of(state))
        text += "," + quoted(name) + ":{\"Type\":\"Succeed\"}";
    return text + "}}";
}

ApiError refusal(const std::vector<asl::Finding>& findings) {
    std::string text;
    for (const asl::Finding& finding : findings) {
        if (finding.severity != asl::Finding::Severity::Error) continue;
        if (!text.empty()) text += ", ";
        text += finding.code + ": " + finding.message;
        if (!finding.location.empty()) text += " at " + finding.location;
    }
    return {"InvalidDefinition", "Invalid State Machine Definition: '" + text + "'",
            "flowctl.validate shows the findings of a state machine one by one."};
}

// What a tested state sees as its token, if the test does not give a Context Object.
class PlaceholderTokens : public machine::TaskTokens {
  public:
    std::string token(const std::string&) const override { return std::string(machine::kTokenMarker); }
};

struct Found {
    const asl::Block* block = nullptr;
    const asl::State* state = nullptr;
};

// Looks for the state in the block and in the blocks within it.
Found find_state(const asl::Block& block, std::string_view name) {
    if (const asl::State* state = block.find(name)) return {&block, state};
    for (const asl::State& state : block.states) {
        if (const auto* parallel = std::get_if<asl::ParallelFields>(&state.fields)) {
            for (const auto& branch : parallel->branches) {
                if (const Found found = find_state(*branch, name); found.state != nullptr) return found;
            }
        } else if (const auto* map = std::get_if<asl::MapFields>(&state.fields)) {
            if (const Found found = find_state(*map->processor, name); found.state != nullptr) return found;
        }
    }
    return {};
}

machine::Trial trial_of(const Found& found, const Request& request, const Checked& checked) {
    machine::Trial trial;
    trial.block = found.block;
    trial.state = found.state;
    trial.input = request.input;
    for (const json::Member& member : request.variables.members())
        trial.variables[member.key] = member.value;
    trial.retries_used = checked.configuration.retries;
    trial.failed_items = checked.configuration.failed_items.value_or(0);
    trial.interrupted = request.interrupted;
    if (!checked.mock) return trial;
    if (const auto& error = checked.mock->error) {
        machine::TaskFailed failed;
        failed.error = error->error;
        failed.cause = error->cause;
        trial.work = failed;
    } else {
        trial.work = *checked.mock->result;
    }
    return trial;
}

std::string_view name_of(machine::Tried::Status status) {
    switch (status) {
        case machine::Tried::Status::Succeeded:
            return "SUCCEEDED";
        case machine::Tried::Status::Retriable:
            return "RETRIABLE";
        case machine::Tried::Status::Caught:
            return "CAUGHT_ERROR";
        case machine::Tried::Status::Failed:
            break;
    }
    return "FAILED";
}

json::Value answer_of(const machine::Tried& tried) {
    json::ObjectBuilder answer;
    answer.add("status", name_of(tried.status));
    if (tried.output) answer.add("output", *tried.output);
    if (tried.error) answer.add("error", *tried.error);
    if (tried.cause) answer.add("cause", *tried.cause);
    if (tried.next) answer.add("nextState", *tried.next);
    return answer.build();
}

}  // namespace

Result<json::Value, ApiError> test_state(const Request& request, machine::RunContext run,
                                         const machine::Limits& limits, const machine::Now& now) {
    const auto checked = check(request, limits);
    if (!checked.ok()) return Err{checked.error()};

    std::string text = request.definition;
    std::string name(kSingleState);
    if (request.state_name) {
        name = *request.state_name;
    } else if (auto state = json::parse(text); state.ok()) {
        text = machine_of(text, state.value());
    }
    const asl::Compiled compiled = asl::compile(text);
    if (compiled.flow == nullptr) return Err{refusal(compiled.findings)};
    const Found found = find_state(compiled.flow->top, name);
    if (found.state == nullptr) {
        return Err{invalid("State not found in definition",
                           "The definition has no state '" + name + "', at the top or within a state.")};
    }
    if (auto problem = check_for_state(checked.value(), *found.state)) return Err{std::move(*problem)};

    run.input = request.input;
    run.context_object = request.context;
    const PlaceholderTokens placeholder;
    if (!request.context) run.tokens = &placeholder;
    machine::Trial trial = trial_of(found, request, checked.value());
    trial.take_items = [&](const machine::MapRunPlan& plan) {
        return take_items(*found.state, plan, checked.value().configuration.reader_data, limits, now,
                          request.interrupted);
    };
    const machine::Tried tried = machine::try_state(*compiled.flow, run, limits, trial, now);
    if (auto problem = check_failed_items(checked.value().configuration, tried.item_count))
        return Err{std::move(*problem)};
    json::Value answer = answer_of(tried);
    if (checked.value().level == Level::Info) return answer;
    return json::with_member(answer, "inspectionData",
                             inspection_data(*found.state, request.input, checked.value(), tried));
}

}  // namespace flowctl::test_state
