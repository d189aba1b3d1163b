// How many runs are open, of each role with a quota of open runs: the last count, and what was started since.
//
// A session counts the open runs of a role in the table when it needs a new count, and publishes it here. Each
// transaction that commits adds what it has started. Runs that end, or are opened again, are noticed by the next
// count.
//
// All of it is in shared memory: after a restart of the server the first start counts. There is room for 1,024
// roles; one more takes the place of the role that was counted longest ago, which is then counted again.
#pragma once

#include <cstdint>
#include <optional>

#include "pg/server/prelude.hpp"

namespace flowctl::pg::open_run_counts {

void request_at_load();  // _PG_init

struct Count {
    std::int64_t open = 0;
    std::int64_t counted_at = 0;  // micros since 1970 UTC
    std::int64_t took = 0;        // micros that the count has taken
    std::int64_t up_to = 0;       // the count ended here, and more may have been open; 0: it did not
};
// nullopt: the role has not been counted yet.
std::optional<Count> find(Oid role) noexcept;

// To be called before the table is read, and given to publish().
std::uint64_t started(Oid role) noexcept;
void publish(Oid role, const Count& count, std::uint64_t started_before) noexcept;

// This transaction has committed, and has started so many.
void add(Oid role, std::int64_t runs) noexcept;

}  // namespace flowctl::pg::open_run_counts
