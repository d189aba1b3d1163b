// What somebody has asked for with a schedule: a row of flowctl_catalog.schedule.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/schedule/due.hpp"
#include "pg/server/spi.hpp"

namespace flowctl::pg::schedules {

enum class Overlap { Allow, Skip, Queue, Replace };

struct Definition {
    Uuid id{};
    std::string name;
    Oid owner = InvalidOid;
    std::string flow;
    std::string text;       // when
    std::string input;      // JSON
    std::string time_zone;
    std::int64_t anchor = 0;  // microseconds since 1970, as are the other times
    std::optional<std::int64_t> starts_at, ends_at;
    std::string catch_up, overlap;
    std::int64_t jitter = 0;
    bool pause_on_failure = false;
    std::optional<std::string> comment;
    std::int32_t revision = 1;
    bool paused = false;

    schedule::CatchUp catch_up_mode() const;
    Overlap overlap_mode() const;
    // Whether the end of a run matters to the schedule.
    bool follows_runs() const { return pause_on_failure || overlap != "allow"; }
    bool operator==(const Definition&) const = default;
};

// The columns of a Definition, in the order of the members, of the table with the alias d.
#define FLOWCTL_SCHEDULE_COLUMNS                                                                                  \
    "d.schedule_id, d.name, coalesce(d.owner::oid, 0), d.flow, d.schedule, d.input, d.time_zone, d.anchor, "       \
    "d.starts_at, d.ends_at, d.catch_up, d.overlap, (extract(epoch FROM d.jitter) * 1000000)::bigint, "            \
    "d.pause_on_failure, d.comment, d.revision, d.paused_at IS NOT NULL"
inline constexpr int kScheduleColumns = 17;
Definition read_definition(const Rows& rows, std::size_t row, int first_column = 0);

// The definition, read: when its times are.
struct Timing {
    schedule::Terms terms;
    const schedule::Zone* zone = nullptr;
    schedule::Jitter jitter;
};
// Raises 22023 with what is wrong.
Timing timing_of(const Definition& definition);

// The schedule that a text means. Raises 22023.
schedule::Schedule read_schedule(const std::string& text);

}  // namespace flowctl::pg::schedules
