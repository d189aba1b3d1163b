// What a statement has changed as a whole: the transition tables of a trigger FOR EACH STATEMENT.
#pragma once

#include "pg/triggers/trigger_plan.hpp"

namespace flowctl::pg {

// Starts a run for each row that the statement changed, or one for all of them. A statement that changed no row starts
// none.
void start_for_statement(const TriggerData& data, TriggerPlan& plan);

}  // namespace flowctl::pg
