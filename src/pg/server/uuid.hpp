// UUIDs between C++, which has 16 bytes by value, and the server, which passes them by pointer.
#pragma once

#include <string>

#include "base/uuid_value.hpp"
#include "pg/server/bridge.hpp"

namespace flowctl::pg {

using flowctl::Uuid;
using flowctl::UuidHash;

std::string to_string(const Uuid& uuid);       // 8-4-4-4-12, lower case
Uuid uuid_from_text(const std::string& text);  // raises what uuid_in raises
Uuid from_pg(const pg_uuid_t* uuid);
pg_uuid_t* to_pg(const Uuid& uuid);  // palloc'd

}  // namespace flowctl::pg
