// A trial: one visit of one state, where what the state's work gives is said beforehand.
//
// It is advance() cut short: the same code enters the state, evaluates its fields, matches Retry and Catch
// and leaves, but a Task calls nobody, a Parallel or Map runs no branch, a Wait does not wait, and the run is
// not carried on. Nothing is called and nothing is kept.
//
// Caller: core/test_state.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/machine/machine.hpp"
#include "core/machine/observed.hpp"
#include "core/path/path.hpp"

namespace flowctl::machine {

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
    std::vector<json::Value> item_inputs;  // of a Map with an ItemSelector: what it gave for each item
};

// Never throws for anything that flow, input or result can cause.
Tried try_state(const asl::Flow& flow, const RunContext& run, const Limits& limits, const Trial& trial,
                const Now& now);

}  // namespace flowctl::machine
