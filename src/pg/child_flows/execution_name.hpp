// Names of runs that other runs start.
//
// AWS's rule: a name stands for one execution. Whoever starts an open one again with the same input gets it,
// and everything else is refused. That differs from flowctl.start(), which gives a run that has ended, too.
#pragma once

#include <variant>

#include "calls/protocol.hpp"
#include "core/machine/machine.hpp"
#include "pg/store/new_runs.hpp"

namespace flowctl::pg {

struct NameIsNew {};
// Another transaction is about to take or to change the name.
struct NameIsBusy {};
struct NameIsOf {
    Uuid run{};
};
// Takes the name of a run that is about to be written. `is_own`: the name was made for this call, so whoever has
// it was started by the call, which a crash repeats. Waits for nobody. In a transaction.
std::variant<NameIsNew, NameIsBusy, NameIsOf, calls::Refusal> take_execution_name(const store::NewRun& run,
                                                                                  bool is_own);

// A name for what an EXPRESS run starts: after a crash such a run begins again, and its calls have the same names
// as before.
std::string name_of_call(const std::string& run_id, const machine::Call& call, int redrive_count);

}  // namespace flowctl::pg
