// Run ids: UUIDs of version 7 (RFC 9562, section 5.7), which sort by the time at which their runs start.
//
// Rows that are stored by run id are therefore stored by time, and a span of time is a span of ids:
// partitions have such bounds, and flowctl.run_id_at() lets users ask in the same way. Invariant: the ids
// that one process makes increase.
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

// A run that has been started and may not have begun: its id, and the owner of its flow, between whom turns
// are dealt out. InvalidOid: not known.
struct FreshRun {
    Uuid id{};
    Oid owner = InvalidOid;
    // It waits at a limit, so the worker that admits runs is to hear of it, and not the one that will have it.
    bool waits = false;
};
constexpr int kAdmittingShard = 0;

// The least id of a run that starts in the millisecond of this time (microseconds since 1970). A time before
// 1970 counts as 1970, and one that 48 bits of milliseconds cannot say (from the year 10889 on) as the last.
Uuid first_run_id(std::int64_t unix_micros);
// Microseconds since 1970, to the millisecond.
std::int64_t time_of_run_id(const Uuid& id);

}  // namespace flowctl::pg
