// What the functions on schedules have in common: reading and checking what a user asks for.
#pragma once

#include <string>

#include "pg/schedules/schedule_rows.hpp"
#include "pg/server/arguments.hpp"

namespace flowctl::pg::schedules {

std::string schedule_name_argument(FunctionCallInfo fcinfo);

// Puts the arguments from `flow` to `comment` of create_schedule() and alter_schedule() into the definition; a NULL
// leaves a member as it is. True: when the times are has changed.
bool take_arguments(FunctionCallInfo fcinfo, int comment_index, Definition& definition);

// Raises if the definition has no time after `now`, or its text is no schedule.
void check_times(const Definition& definition, std::int64_t now);
// Raises if the owner may not start the flow with this input.
void check_start(const Definition& definition, std::int64_t now);
// From when on the times of a new schedule count: in the past, where it catches up.
std::int64_t begins_at(const Definition& definition, std::int64_t now);

// The schedule, which the user may `what` ("drop") as its owner. Raises 42501 with the same words where there is
// none. As the extension's owner; locks its row.
Definition get_own_schedule(Spi& spi, const std::string& name, Oid user, const char* what);
// The same, also for who may operate the flow.
Definition get_operated_schedule(Spi& spi, const std::string& name, Oid user, const char* what);

}  // namespace flowctl::pg::schedules
