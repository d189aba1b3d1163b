// ItemInputs: the inputs that the items of a distributed Map become: the value of ItemSelector, or the item
// itself.
//
// Items are taken one by one after the Map's visit has ended, so the values that the selector sees come from
// the plan. One object serves a whole map run.
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
    BranchFrame visit_;  // the visit as it was when the map run began
    json::Value context_;
};

// The input of a child without ItemSelector: the item's value, or key and value of a member.
json::Value plain_input(const MapItem& item);

}  // namespace flowctl::machine
