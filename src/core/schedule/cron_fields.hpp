// Reading the fields of a cron expression.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/schedule/schedule.hpp"

namespace flowctl::schedule {

// How days of the week are numbered: from 0 for Sunday, where 7 is Sunday, too (cron), or from 1 for Sunday (AWS).
enum class Weekdays { FromZero, FromOne };

// The fields in the order seconds, minutes, hours, days of the month, months, days of the week, years. Fields of
// which there are none: "0" for seconds, "*" for years.
Result<Cron, Problem> read_fields(const std::vector<std::string_view>& fields, Weekdays weekdays);

}  // namespace flowctl::schedule
