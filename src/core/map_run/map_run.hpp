// A map run: the words that its pieces share.
//
// A map run goes from items, one by one, to the inputs of its children, and from the ends of the children to
// its own end. Batcher makes the children, Tally counts how they end and says when too many have failed,
// Results keeps what they gave for the state's result. None of them reads a clock or does I/O. Whoever
// carries a map run out (src/pg, or a simulation in tests) stores what they count.
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

// The errors that a reader and a writer fail with; Retry and Catch of the Map see them.
inline constexpr std::string_view kItemReaderFailed = "States.ItemReaderFailed";
inline constexpr std::string_view kResultWriterFailed = "States.ResultWriterFailed";

using items::Item;

// A child that is to begin: its place among the children, its input, and of how many items it is made.
struct Child {
    std::int64_t index = 0;
    std::int64_t items = 0;
    json::Value input;
};

// A child that is over.
struct ChildEnd {
    std::int64_t index = 0;
    machine::Status status = machine::Status::Succeeded;
    json::Value output;  // Succeeded
    std::optional<std::string> error;
    std::optional<std::string> cause;
    // For results that say all that is known of the child.
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
// The failure of data over a limit: "The state/task '...' <what> with a size exceeding ...".
Failure too_large(std::string_view state, std::string_view what);

// The Map state of this name, in `flow` or in a processor of it; nullptr when there is none.
const asl::State* find_map(const asl::Flow& flow, std::string_view name);

// What the map run ends with, as an event for the run that waits for it.
machine::MapRunEnded succeeded(std::int64_t map_run, json::Value output);
machine::MapRunEnded failed(std::int64_t map_run, const Failure& failure);

// What a child is to itself. `name` is its own (a UUID); everything else comes from the run whose Map it is.
machine::RunContext child_context(const machine::RunContext& parent, const machine::MapRunPlan& plan,
                                  const std::string& name, machine::Instant started_at, json::Value input);

}  // namespace flowctl::map_run
