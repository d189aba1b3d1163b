// Denied attempts and leases as events: types denial, lease.made, lease.ended.
//
// Denials are recorded by several processes and at once, also while a transaction is about to roll back
// (rights/denials.hpp), and leases by the worker that makes them. Neither knows of events. So the worker looks for new
// rows while somebody asks for such events. The id of the event follows from the row, so no row is two events, however
// often it is looked at.
#pragma once

#include <cstdint>

#include "pg/server/spi.hpp"

namespace flowctl::pg::events {

// What has been looked at, by the times of the rows.
struct WatchedUntil {
    std::int64_t from = 0;  // somebody asks for such events since then
    std::int64_t last = 0;
};
// Each records events for new rows, at most some hundred, and moves the position on. Gives how many. In a transaction
// of the worker of shard 0.
std::size_t record_denials(Spi& spi, WatchedUntil& position);
std::size_t record_leases(Spi& spi, WatchedUntil& position);

}  // namespace flowctl::pg::events
