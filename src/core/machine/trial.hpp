// A trial: one visit of one state, for which the result of the state's work is given beforehand.
//
// It is a short form of advance(): the same code enters the state, evaluates its fields, matches Retry and
// Catch, and leaves. But a Task calls nobody, a Parallel runs no branch, a Map runs no item or child, a Wait
// does not wait, and the run does not go on. Nothing is stored.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/machine/machine.hpp"
#include "core/machine/observed.hpp"
#include "core/path/path.hpp"

namespace flowctl::machine {

// The inputs of the children that a distributed Map would begin.
struct TriedItems {
    std::optional<std::size_t> count;   // not known if an ItemReader would have to be asked
    std::vector<json::Value> inputs;    // the children's inputs
    std::optional<TaskFailed> failure;  // why an item, or its input, cannot be made
};

struct Trial {
    const asl::Block* block = nullptr;  // the block of the flow in which the state is
    const asl::State* state = nullptr;
    json::Value input;
    path::Variables variables;
    std::int64_t retries_used = 0;  // by the retrier that matches
    // The result or the failure that replaces the work of a Task, Parallel or Map.
    std::variant<json::Value, TaskFailed> work;
    // For a Map: how many of its items count as failed.
    std::int64_t failed_items = 0;
    std::function<TriedItems(const MapRunPlan&)> take_items;  // for a distributed Map
    std::function<bool()> interrupted;                        // asked now and then; true ends the trial
};

struct Tried {
    enum class Status { Succeeded, Failed, Retriable, Caught };
    Status status = Status::Failed;
    std::optional<json::Value> output;  // with Succeeded and Caught
    std::optional<std::string> next;    // where the run would go on; nothing if its block ends here
    std::optional<std::string> error;   // with all statuses but Succeeded; a Fail state may have neither
    std::optional<std::string> cause;
    std::optional<Instant> retry_delay;  // with Retriable
    path::Variables variables;           // the variables after the visit
    Observed observed;
    // For a Map: the input of each item, or batch of items. For an inline Map only if it has an ItemSelector.
    std::vector<json::Value> item_inputs;
    std::optional<std::size_t> item_count;  // for a Map, if the number is known
};

// Never throws for anything that flow, input or result can cause.
Tried try_state(const asl::Flow& flow, const RunContext& run, const Limits& limits, const Trial& trial,
                const Now& now);

}  // namespace flowctl::machine
