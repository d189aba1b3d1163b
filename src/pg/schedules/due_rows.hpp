// What the worker reads and writes of schedules that are due. See schedule_rows.hpp for what sessions do.
//
// Rows that a session has locked are left out: the worker waits for no session. Everything runs inside the caller's
// transaction and raises PgError.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "pg/schedules/schedule_definition.hpp"

namespace flowctl::pg::schedules {

struct DueSchedule {
    Definition definition;
    std::int64_t armed_at = 0;
    schedule::Instant next_due = 0;
    bool behind = false;
};
// Those that are to be looked at by `now`, the earliest first; their states are locked.
std::vector<DueSchedule> lock_due(Spi& spi, int shard, int shards, std::int64_t now, std::size_t most);
// When the first one is to be looked at.
std::optional<std::int64_t> earliest(Spi& spi, int shard, int shards);
// Schedules whose rows came in without their trigger are armed.
void arm_missing(Spi& spi, std::int64_t now);

// What has become of a schedule.
struct Outcome {
    Uuid id{};
    std::optional<schedule::Instant> next_due;
    std::optional<std::int64_t> fire_at;
    std::optional<Uuid> waits_for;
    bool behind = false;
    std::optional<schedule::Instant> last_due;  // nullopt: as before, with last_run
    std::optional<Uuid> last_run;
    std::int64_t fired = 0, missed = 0, skipped = 0;  // more than before
    std::optional<std::string> error;
    bool keeps_error = false;  // nothing was tried
};
void save_outcomes(Spi& spi, const std::vector<Outcome>& outcomes);
// The schedule could not be dealt with at all, and is looked at again then.
void postpone(Spi& spi, const Uuid& id, std::int64_t until, const std::string& error);
// By a failure. A schedule that a session has locked is left as it is.
void pause_failed(Spi& spi, const Uuid& id, const std::string& reason);

// The open runs of schedules that follow their runs.
std::map<Uuid, std::vector<Uuid>> find_open_runs(Spi& spi, const std::vector<Uuid>& schedules);
void note_runs(Spi& spi, const std::vector<Uuid>& runs, const std::vector<Uuid>& schedules);
void mark_replaced(Spi& spi, const std::vector<Uuid>& runs);

// A run that a schedule follows and that has ended, or is to be stopped since another one has replaced it.
struct FollowedRun {
    Uuid run{};
    Uuid schedule{};
    Oid owner = InvalidOid;  // of the flow
    bool is_open = false;
    bool has_failed = false;
    bool replaced = false;
};
// Of these runs those that schedules follow.
std::vector<FollowedRun> find_followed(Spi& spi, const std::vector<Uuid>& runs);
// Of all that schedules of the shard follow, those that have ended or are replaced.
std::vector<FollowedRun> find_all_to_tell(Spi& spi, int shard, int shards);
// The run has ended, and its schedule knows. False: a session has locked the schedule.
bool tell_end(Spi& spi, const FollowedRun& run, std::int64_t now);

// Flows that are paused, and whose schedules leave out what is due meanwhile.
std::set<std::string> find_dropping_flows(Spi& spi);
// Runs of these ids that exist.
std::set<Uuid> find_existing(const std::vector<Uuid>& runs);

}  // namespace flowctl::pg::schedules
