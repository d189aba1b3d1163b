// UUIDs as C++ has them: 16 bytes by value, while the server passes them by pointer.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>

#include "pg/server/bridge.hpp"

namespace flowctl::pg {

using Uuid = std::array<std::uint8_t, 16>;
std::string to_string(const Uuid& uuid);       // 8-4-4-4-12, lower case
Uuid uuid_from_text(const std::string& text);  // raises what uuid_in raises
Uuid from_pg(const pg_uuid_t* uuid);
pg_uuid_t* to_pg(const Uuid& uuid);  // palloc'd

// For hash tables. The last eight bytes of a run's id are random, so they are a hash already.
struct UuidHash {
    std::size_t operator()(const Uuid& id) const noexcept {
        std::size_t hash;
        std::memcpy(&hash, id.data() + 8, sizeof hash);
        return hash;
    }
};

}  // namespace flowctl::pg
