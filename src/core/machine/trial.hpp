// A trial: one visit of one state, where what the state's work gives is said beforehand.
//
// It is advance() cut short: the same code enters the state, evaluates its fields, matches Retry and Catch
// and leaves, but a Task calls nobody, a Parallel or Map runs neither branch nor child, a Wait does not wait,
// and the run is not carried on. Nothing is called and nothing is kept.
//
// Caller: core/test_state.
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

// What a distributed Map's items become before its children would begin.
struct TriedItems {
    std::optional<std::size_t> count;   // not known where an ItemReader would have to be asked
    std::vector<json::Value> inputs;    // of the children
    std::optional<TaskFailed> failure;  // an item, or its input, cannot be had
};

struct Trial {
    const asl::Block* block = nullptr;  // of the flow: where the state is
    const asl::State* state = nullptr;
    json::Value input;
    path::Variables variables;
    std::int64_t retries_used = 0;  // of whichever retrier matches
    // In place of the work of a Task, Parallel or Map: its result or its failure.
    std::variant<json::Value, TaskFailed> work;
    // Of a Map: how many of its items are to have failed.
    std::int64_t failed_items = 0;
    std::function<TriedItems(const MapRunPlan&)> take_items;  // of a distributed Map
    std::function<bool()> interrupted;                        // asked now and then; true ends the trial
};

struct Tried {
    enum class Status { Succeeded, Failed, Retriable, Caught };
    Status status = Status::Failed;
    std::optional<json::Value> output;  // Succeeded, Caught
    std::optional<std::string> next;    // where the run would go on; none: its block ends here
    std::optional<std::string> error;   // all but Succeeded; a Fail state may say neither
    std::optional<std::string> cause;
    std::optional<Instant> retry_delay;  // Retriable
    path::Variables variables;           // after the visit
    Observed observed;
    // Of a Map: what each item, or batch of items, begins with; of an inline one, if it has an ItemSelector.
    std::vector<json::Value> item_inputs;
    std::optional<std::size_t> item_count;  // of a Map, where it is known
};

// Never throws for anything that flow, input or result can cause.
Tried try_state(const asl::Flow& flow, const RunContext& run, const Limits& limits, const Trial& trial,
                const Now& now);

}  // namespace flowctl::machine
