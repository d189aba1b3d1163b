// Whether a run that is being started has to wait at a limit, and under which keys.
#pragma once

#include <optional>

#include "pg/starts/start_input.hpp"
#include "pg/store/flows.hpp"
#include "pg/store/new_runs.hpp"

namespace flowctl::pg {

// What the limits of the flow make of the run; nullopt: it may begin at once. Throws UserError where a key or
// a priority cannot be had from the input.
std::optional<store::WaitRow> wait_at_start(const store::FlowRow& flow, const store::NewRun& run,
                                            StartInput& input);
// The same for a run that is redriven at this moment. No window is opened for it: it was started long ago.
std::optional<store::WaitRow> wait_at_redrive(const store::FlowRow& flow, const Uuid& run, std::int64_t now,
                                              StartInput& input);

}  // namespace flowctl::pg
