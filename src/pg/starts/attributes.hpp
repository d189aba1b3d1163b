// Attributes of a run: values of its input by which it is found again (option attributes of its flow).
#pragma once

#include <vector>

#include "pg/starts/start_input.hpp"
#include "pg/store/flows.hpp"
#include "pg/store/new_runs.hpp"

namespace flowctl::pg {

// What the expressions of the flow give for the input of this start. An expression that finds nothing, fails, or
// gives no text, number or truth value gives no attribute: a start must not fail for something that is only
// looked at later. An array gives one value for each of its items.
std::vector<store::NewRun::Attribute> attributes_of(const store::FlowRow& flow, StartInput& input);

}  // namespace flowctl::pg
