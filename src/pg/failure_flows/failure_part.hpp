// A flow that is started when a run of another flow fails (option on_failure of the flow that fails).
//
// It starts in the very transaction that ends the run, so it starts exactly once whatever crashes. Its role is
// the flow's owner, who also must be allowed to start it at that moment; if he is not, or the flow is gone, the run
// fails all the same, and flowctl.denials says why nothing was started. A run that is started so is one flow
// deeper than the failed one, and flowctl.max_flow_depth ends a circle of flows that fail.
#pragma once

#include "pg/turn/part.hpp"

namespace flowctl::pg {

class FailurePart : public Part {
  public:
    void write(Spi& spi, const Changes& changes) override;
};

}  // namespace flowctl::pg
