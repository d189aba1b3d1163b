// Rows outside of the leaves, which stay behind when the leaf of their run is emptied.
#pragma once

#include <cstdint>

#include "pg/server/spi.hpp"

namespace flowctl::pg::store {

// Removes rows of runs that are gone and started before `since`, and denials from before it.
// At most some thousand rows go at a time. Returns how many there were; 0: nothing is left to do.
std::int64_t expire_rows(Spi& spi, std::int64_t since);

}  // namespace flowctl::pg::store
