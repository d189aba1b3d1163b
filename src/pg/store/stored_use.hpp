// How much the runs of roles store, for those with a quota of stored bytes (flowctl.set_quota).
#pragma once

#include <cstdint>
#include <map>

#include "pg/server/spi.hpp"

namespace flowctl::pg::store {

// Measures it and writes it down. Tables of more than some thousand pages are measured by a sample of their pages, so
// that this takes about as long however much is stored. False: no role has such a quota, and nothing was read.
bool measure_stored(Spi& spi);

struct StoredUse {
    std::int64_t bytes = 0;
    std::int64_t measured_at = 0;
};
std::map<Oid, StoredUse> find_stored(Spi& spi);

}  // namespace flowctl::pg::store
