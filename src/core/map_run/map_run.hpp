// MapRun: the logic of a map run: from items, one by one, to the inputs of its children, from the ends of
// children to the end of the map run.
//
// Items come from anywhere and are never held together: whoever reads them asks wants_item(), gives the next
// one to take(), and begins the children that come back. So a map run over a million rows needs the memory of
// the batch being filled, and of results if the state's result is made of them; those are bounded by the
// payload limit, beyond which they are dropped and the state fails at its end, as on AWS. What has been done
// is in Progress, a few numbers that its keeper stores with the children that they count; a batch that was
// not full is read again.
//
// Called by src/pg (the worker), test/conformance, tests. Reads no clock and does no I/O.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "core/asl/model.hpp"
#include "core/items/items.hpp"
#include "core/json.hpp"
#include "core/machine/item_input.hpp"
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
    std::int64_t items = 0;
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

// As AWS's DescribeMapRun counts items and executions; `total` is of those that are known.
struct Counts {
    std::int64_t total = 0;
    std::int64_t running = 0;
    std::int64_t succeeded = 0;
    std::int64_t failed = 0;
    std::int64_t timed_out = 0;
    std::int64_t aborted = 0;

    std::int64_t ended() const noexcept { return succeeded + failed + timed_out + aborted; }
    std::int64_t pending() const noexcept { return total - running - ended(); }
};

// What has been done: children that have begun are counted, with the items in them.
struct Progress {
    bool source_ended = false;  // no more items come
    Counts items;
    Counts children;

    // The items that need not be read again, and the index of the next child.
    std::int64_t items_begun() const noexcept { return items.running + items.ended(); }
    std::int64_t children_begun() const noexcept { return children.total; }

    json::Value save() const;
    static Result<Progress, std::string> load(const json::Value& saved);
};

class MapRun {
  public:
    // `map` is the state that the plan names: find_map(); it must outlive this. `most_children` at a time
    // whatever the plan says; 0: any number.
    MapRun(const asl::State& map, machine::MapRunPlan plan, const machine::Limits& limits,
           std::int64_t most_children, const Progress& progress = {});

    // The Map state of this name, in `flow` or in a processor of it; nullptr when there is none.
    static const asl::State* find_map(const asl::Flow& flow, std::string_view name);

    // Whether take() may be called: the map run goes on, its source has not ended, and another child may run.
    bool wants_item() const;
    // The next item of the plan's own `items`, if it has them and wants one.
    std::optional<Item> next_own_item() const;
    // Takes the next item; gives the children that are to begin now, none while a batch fills. `now` has a
    // fresh seed, for the expressions of ItemSelector.
    std::vector<Child> take(const Item& item, const machine::Now& now);
    // No more items come; gives what has been filling.
    std::vector<Child> end_of_items();
    // The source cannot be read (kItemReaderFailed), or the results not be written (kResultWriterFailed).
    void fail(std::string_view error, std::string cause);

    void child_ended(const ChildEnd& end);
    // After a restart: the result of a child that Progress counts already. Needed where keeps_results().
    void recall(const ChildEnd& end);
    bool keeps_results() const;

    // Why the map run has failed, if it has: no child is to begin, and those that run are to be stopped.
    const std::optional<Failure>& failure() const noexcept { return failure_; }
    // All items are done, and the map run has not failed.
    bool done() const;
    // When it is done and has no writer: the state's result, or why there is none.
    Result<json::Value, Failure> result() const;

    const Progress& progress() const noexcept { return progress_; }
    const machine::MapRunPlan& plan() const noexcept { return plan_; }

  private:
    std::vector<Child> add_to_batch(const json::Value& input);
    void flush(std::vector<Child>& children);
    void begin(std::vector<Child>& children, json::Value input, std::int64_t items);
    void keep_result(const ChildEnd& end);
    void judge();

    machine::MapRunPlan plan_;
    machine::ItemInputs inputs_;
    machine::Limits limits_;
    std::int64_t most_children_;  // at a time; 0: any number
    std::string source_;
    Progress progress_;
    std::optional<Failure> failure_;
    std::int64_t taken_ = 0;  // items, those in the batch included
    std::vector<json::Value> batch_;
    std::size_t batch_bytes_ = 0;
    std::map<std::int64_t, std::vector<json::Value>> results_;  // by child
    std::size_t result_bytes_ = 0;
    bool results_too_large_ = false;
};

// What the map run ends with, as an event for the run that waits for it.
machine::MapRunEnded succeeded(std::int64_t map_run, json::Value output);
machine::MapRunEnded failed(std::int64_t map_run, const Failure& failure);

// What a child is to itself. `name` is its own (a UUID); everything else comes from the run whose Map it is.
machine::RunContext child_context(const machine::RunContext& parent, const machine::MapRunPlan& plan,
                                  const std::string& name, machine::Instant started_at, json::Value input);

}  // namespace flowctl::map_run
