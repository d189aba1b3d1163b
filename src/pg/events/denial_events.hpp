// Denied attempts as events of type denial.
//
// Denials are recorded by several processes and at once, also while a transaction is about to roll back
// (rights/denials.hpp). So nobody can record an event with them; the worker looks for new ones while somebody asks
// for such events. The number of a denial is the id of its event, so no denial is two events.
#pragma once

#include <cstdint>

#include "pg/server/spi.hpp"

namespace flowctl::pg::events {

// Which denials have been looked at, by their numbers, which are times.
struct DenialPosition {
    std::int64_t from = 0;  // somebody asks for such events since then
    std::int64_t last = 0;
};
// Records events for new denials, at most some hundred, and moves the position on. Gives how many. In a transaction of
// the worker of shard 0.
std::size_t record_denials(Spi& spi, DenialPosition& position);

}  // namespace flowctl::pg::events
