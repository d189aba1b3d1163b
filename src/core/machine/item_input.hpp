// ItemInputs: what each item of a distributed Map becomes before it is given to a child: its ItemSelector's
// value, or the item itself.
//
// The Map's visit is over when its items are taken one by one, so the values that the selector sees come from
// the plan. It is made once for a map run.
#pragma once

#include "core/machine/evaluate.hpp"
#include "core/machine/frame.hpp"
#include "core/machine/map_run_plan.hpp"

namespace flowctl::machine {

class ItemInputs {
  public:
    // `map` must outlive this.
    ItemInputs(const asl::State& map, const MapRunPlan& plan);

    Evaluated<json::Value> of(const MapItem& item, const Limits& limits, const Now& now) const;

  private:
    BranchFrame visit_;  // as it was when the map run began
    json::Value context_;
};

// What the child gets of an item when there is no ItemSelector: its value; of a member, key and value.
json::Value plain_input(const MapItem& item);

}  // namespace flowctl::machine
