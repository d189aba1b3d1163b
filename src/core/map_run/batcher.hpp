// Batcher: makes the inputs of a map run's children from its items, one item after the other.
//
// Items may come from anywhere and are never held together. The reader of the items asks wants_item(), passes
// the next item to take(), and keeps the children that take() returns. So a map run over a million rows needs
// memory only for the batch that is being filled. After a restart a new Batcher continues behind the children
// that have been kept; the items of an unfinished batch are read again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/machine/item_input.hpp"
#include "core/map_run/map_run.hpp"

namespace flowctl::map_run {

// The children that have been made so far, and the items in them.
struct Made {
    std::int64_t items = 0;
    std::int64_t children = 0;
};

class Batcher {
  public:
    // `map` is the state that the plan names, and must outlive this object.
    Batcher(const asl::State& map, machine::MapRunPlan plan, const machine::Limits& limits,
            const Made& made = {});

    // Whether take() may be called: nothing has failed, and the source has not ended.
    bool wants_item() const { return !failure_ && !source_ended_; }
    // The next of the plan's own `items`. Nothing if it has none left or no item is wanted.
    std::optional<Item> next_own_item() const;
    // Takes the next item and returns the children that it completes, or none while a batch is being filled.
    // `now` needs a fresh seed for the expressions of ItemSelector.
    std::vector<Child> take(const Item& item, const machine::Now& now);
    // No more items come. Returns the child whose batch was being filled, if there is one.
    std::vector<Child> end_of_items();

    // Why the map run fails, if an item could not become the input of a child.
    const std::optional<Failure>& failure() const noexcept { return failure_; }
    bool source_ended() const noexcept { return source_ended_; }
    const Made& made() const noexcept { return made_; }

  private:
    std::vector<Child> add_to_batch(const json::Value& input);
    void flush(std::vector<Child>& children);
    void make(std::vector<Child>& children, json::Value input, std::int64_t items);

    machine::MapRunPlan plan_;
    machine::ItemInputs inputs_;
    machine::Limits limits_;
    std::string source_;
    Made made_;
    std::optional<Failure> failure_;
    bool source_ended_ = false;
    std::int64_t taken_ = 0;  // items, including those in the batch
    std::vector<json::Value> batch_;
    std::size_t batch_bytes_ = 0;
};

}  // namespace flowctl::map_run
