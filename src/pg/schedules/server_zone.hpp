// The server's time zones, as core/schedule needs them.
#pragma once

#include <memory>
#include <string>

#include "core/schedule/zone.hpp"
#include "pg/server/prelude.hpp"

namespace flowctl::pg::schedules {

// Lasts as long as the process. Null: the server has no such time zone, or one with leap seconds.
const schedule::Zone* find_zone(const std::string& name);

// Raises 22023 where there is none.
const schedule::Zone& require_zone(const std::string& name);

}  // namespace flowctl::pg::schedules
