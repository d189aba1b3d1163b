// The store of Tasks that wait for events: rows of flowctl_catalog.event_wait, and the events that they may wait for.
//
// Only the worker that owns the run writes its rows. Every function runs inside the caller's transaction and raises
// PgError.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pg/server/spi.hpp"

namespace flowctl::pg::store {

using WaitKey = std::pair<Uuid, std::int64_t>;  // run and call

struct EventWait {
    WaitKey key{};
    Oid role = InvalidOid;
    std::string type;
    std::optional<std::string> subject, match;
    std::int64_t since = 0;
    std::optional<Uuid> since_event;
    // Nobody has said since when. Then events count that have become visible after the start of the run.
    bool is_since_start = true;
    std::string path, state, resource;
    std::int32_t attempt = 0;
    std::int64_t began_at = 0;
    std::optional<std::int64_t> due_at;
};
void insert_event_wait(Spi& spi, const EventWait& wait);
std::int64_t delete_event_waits(Spi& spi, const std::vector<WaitKey>& keys);
std::int64_t delete_event_waits_of(Spi& spi, const std::vector<Uuid>& runs);
std::int64_t count_event_waits(Spi& spi, int shard, int shards);
// Those that are still there, with the columns that decide which events count.
std::vector<EventWait> find_event_waits(Spi& spi, const std::vector<WaitKey>& keys);
// The next ones behind this key.
std::vector<WaitKey> page_of_event_waits(Spi& spi, int shard, int shards, const WaitKey& after, std::size_t limit);

// What is visible now, as the server's type pg_snapshot has it.
std::string current_snapshot(Spi& spi);
// Events that have become visible since the snapshot and that somebody waits for, the oldest first.
std::vector<Uuid> new_awaited_events(Spi& spi, const std::string& snapshot);
// The waits of this shard for an event, behind this key: those for its subject, or those for any subject.
std::vector<EventWait> waits_for_event(Spi& spi, int shard, int shards, const Uuid& event, bool any_subject,
                                       const WaitKey& after, std::size_t limit);
// Events behind this one that a wait may be for, recorded after the time from which on events count.
std::vector<Uuid> events_for_wait(Spi& spi, const EventWait& wait, const Uuid& after, std::size_t limit);
// The same, recorded before that time and committed after the start of the run. There are hardly ever any.
std::vector<Uuid> late_events_for_wait(Spi& spi, const EventWait& wait, std::size_t limit);
// The runs have ended.
void delete_event_starts(Spi& spi, const std::vector<Uuid>& runs);

}  // namespace flowctl::pg::store
