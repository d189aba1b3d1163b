// Where sessions that poll for tasks of activities wait: condition variables in shared memory.
//
// Several activities may share one: whoever wakes looks again.
#pragma once

#include <string_view>

#include "pg/server/prelude.hpp"

namespace flowctl::pg::task_signals {

void request_at_load();  // _PG_init

// After the commit that has made tasks of the activity.
void tasks_wait(Oid database, std::string_view activity) noexcept;
ConditionVariable* signal_of(Oid database, std::string_view activity) noexcept;  // null without shared memory

}  // namespace flowctl::pg::task_signals
