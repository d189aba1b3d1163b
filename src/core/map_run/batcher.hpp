// Batcher: from the items of a map run, one by one, to the inputs of its children.
//
// Items come from anywhere and are never held together: whoever reads them asks wants_item(), gives the next
// one to take(), and keeps the children that come back. So a map run over a million rows needs the memory of
// the batch that is being filled. After a restart a new Batcher goes on behind the children that have been
// kept; a batch that was not full is read again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/machine/item_input.hpp"
#include "core/map_run/map_run.hpp"

namespace flowctl::map_run {

// The children that have been made, and the items in them.
struct Made {
    std::int64_t items = 0;
    std::int64_t children = 0;
};

class Batcher {
  public:
    // `map` is the state that the plan names, and must outlive this.
    Batcher(const asl::State& map, machine::MapRunPlan plan, const machine::Limits& limits,
            const Made& made = {});

    // Whether take() may be called: nothing has failed, and the source has not ended.
    bool wants_item() const { return !failure_ && !source_ended_; }
    // The next item of the plan's own `items`, if it has them and wants one.
    std::optional<Item> next_own_item() const;
    // Takes the next item; gives the children that are complete by it, none while a batch fills. `now` has a
    // fresh seed, for the expressions of ItemSelector.
    std::vector<Child> take(const Item& item, const machine::Now& now);
    // No more items come; gives the child that was filling.
    std::vector<Child> end_of_items();

    // Why the map run fails, if an item cannot become the input of a child.
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
    std::int64_t taken_ = 0;  // items, those in the batch included
    std::vector<json::Value> batch_;
    std::size_t batch_bytes_ = 0;
};

}  // namespace flowctl::map_run
