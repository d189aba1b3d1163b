// A map run: the types and functions that its pieces share.
//
// A map run makes the inputs of its children from items, and its own end from the ends of the children.
// Batcher makes the children, Tally counts how they end and says when too many have failed, and Results keeps
// their outputs for the state's result. None of them reads a clock or does I/O. The code that carries a map
// run out (src/pg, or a simulation in tests) stores what they count.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/asl/model.hpp"
#include "core/items/items.hpp"
#include "core/json.hpp"
#include "core/machine/machine.hpp"

namespace flowctl::map_run {

// The errors of a failed reader and a failed writer, which Retry and Catch of the Map can match.
inline constexpr std::string_view kItemReaderFailed = "States.ItemReaderFailed";
inline constexpr std::string_view kResultWriterFailed = "States.ResultWriterFailed";

using items::Item;

// A child that is about to begin: its place among the children, its input, and the number of its items.
struct Child {
    std::int64_t index = 0;
    std::int64_t items = 0;
    json::Value input;
};

// A child that is over.
struct ChildEnd {
    std::int64_t index = 0;
    machine::Status status = machine::Status::Succeeded;
    json::Value output;  // with Succeeded
    std::optional<std::string> error;
    std::optional<std::string> cause;
    // For results that describe the whole child.
    std::string arn;
    std::string name;
    std::string state_machine_arn;
    json::Value input;
    machine::Instant started_at = 0;
    machine::Instant ended_at = 0;
};

struct Failure {
    std::string error;
    std::string cause;
};
// The failure for data over a limit: "The state/task '...' <what> with a size exceeding ...".
Failure too_large(std::string_view state, std::string_view what);

// The Map state of this name, in `flow` or in a processor of it; nullptr when there is none.
const asl::State* find_map(const asl::Flow& flow, std::string_view name);

// The end of the map run, as an event for the run that waits for it.
machine::MapRunEnded succeeded(std::int64_t map_run, json::Value output);
machine::MapRunEnded failed(std::int64_t map_run, const Failure& failure);

// The RunContext of a child. `name` is the child's own (a UUID); everything else comes from the run whose Map
// it is.
machine::RunContext child_context(const machine::RunContext& parent, const machine::MapRunPlan& plan,
                                  const std::string& name, machine::Instant started_at, json::Value input);

}  // namespace flowctl::map_run
