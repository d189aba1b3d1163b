// Run ids: UUIDs of version 7 (RFC 9562 §5.7), which sort by the time at which their runs start.
//
// What is stored by run id is stored by time, so a time can be asked for by id: partitions have such bounds,
// and flowctl.run_id_at() gives users the same. Invariant: ids of one process increase.
//
// Called by start, trigger and map_children (new ids), store/leaves (bounds).
#pragma once

#include <cstdint>

#include "pg/server/spi.hpp"

namespace flowctl::pg {

Uuid new_run_id();

// The bucket of a run, by the random end of its id. Buckets are dealt out to the workers of a database: the
// one with this shard has the run for its whole life. SQL texts compute the same number.
constexpr int kBuckets = 64;
inline int bucket_of(const Uuid& run) noexcept {
    return run[15] % kBuckets;
}
inline int shard_of(int bucket, int shards) noexcept {
    return bucket % shards;
}

// The least id of a run that starts in the millisecond of this time (microseconds since 1970); earlier times
// are taken as 1970, those that 48 bits of milliseconds cannot say (from the year 10889 on) as the last.
Uuid first_run_id(std::int64_t unix_micros);
// Microseconds since 1970, to the millisecond.
std::int64_t time_of_run_id(const Uuid& id);

}  // namespace flowctl::pg
