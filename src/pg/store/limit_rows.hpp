// The store of limits: the rows of runs that wait, of what open runs hold, and of what rates have been used.
//
// Sessions insert rows in limit_wait and nothing else. All other writes are those of the worker of shard 0, but
// for limit_release, in which other workers tell it who has ended (28_limits.sql). Every function runs inside
// the caller's transaction and raises PgError.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pg/server/spi.hpp"

namespace flowctl::pg::store {

struct WaitRow {
    Uuid run_id{};
    Uuid flow_id{};
    Oid flow_owner = InvalidOid;
    bool debounce = false;
    Uuid line{};
    int priority = 0;
    std::int64_t since = 0;
    std::optional<std::int64_t> due_at, first_at;
    std::optional<std::string> concurrency_key, rate_key;
};

std::vector<Uuid> ids_of(const std::vector<WaitRow>& rows);

// Stands for the line of a run that others have replaced: it is about to end and waits in no line.
inline constexpr Uuid kNoLine{};

void insert_limit_waits(const std::vector<const WaitRow*>& rows);
// Those of these runs that wait.
std::vector<WaitRow> find_limit_waits(const std::vector<Uuid>& runs);
std::vector<Uuid> which_wait(const std::vector<Uuid>& runs);
// The first runs of a line.
std::vector<WaitRow> first_waits(Spi& spi, const Uuid& line, std::size_t most);
// The first run of each line, of all or of these.
std::vector<WaitRow> first_of_lines(Spi& spi);
std::vector<WaitRow> first_of_lines(Spi& spi, const std::vector<Uuid>& lines);
// Runs whose window has begun, of all lines.
std::vector<WaitRow> open_windows(Spi& spi);
// Runs that have begun no window yet and wait for one.
std::vector<WaitRow> unopened_windows(Spi& spi, std::size_t most);
// Runs that are due, the earliest first; and when the next one is.
std::vector<WaitRow> due_waits(Spi& spi, std::int64_t now, std::size_t most);
std::optional<std::int64_t> next_due(Spi& spi, std::int64_t after);
void set_window(Spi& spi, const Uuid& run, std::int64_t first_at, std::int64_t due_at);
// The window has ended: the run stands in this line from now on.
void join_line(Spi& spi, const Uuid& run, const Uuid& line, std::optional<std::int64_t> due_at);
// These runs wait in no line from now on, and are due then.
void leave_lines(Spi& spi, const std::vector<Uuid>& runs, std::int64_t due_at);
void delete_limit_waits(Spi& spi, const std::vector<Uuid>& runs);

// What is paused: kind and name.
std::vector<std::pair<std::string, std::string>> find_pauses(Spi& spi);
// Roles with a quota of calls, and how many they may have under way.
std::vector<std::pair<Oid, std::int64_t>> find_call_quotas(Spi& spi);

struct HoldRow {
    Uuid run_id{};
    Uuid gate{};
    Uuid flow_id{};
    std::optional<std::string> limit_name, key;
};
void insert_holds(const std::vector<HoldRow>& rows);
std::vector<Uuid> which_hold(const std::vector<Uuid>& runs);
// Gives the gates, one for each row.
std::vector<Uuid> delete_holds(Spi& spi, const std::vector<Uuid>& runs);
// Each gate and how many hold it.
std::vector<std::pair<Uuid, std::int64_t>> count_holds(Spi& spi);
// The runs that have held this gate longest.
std::vector<Uuid> oldest_holders(Spi& spi, const Uuid& gate, std::size_t most);

struct RateRow {
    Uuid gate{};
    std::optional<Uuid> flow_id;
    std::optional<std::string> limit_name, key;
    std::int64_t full_at = 0, next_at = 0;
};
void save_rates(Spi& spi, const std::vector<RateRow>& rows);
std::vector<RateRow> load_rates(Spi& spi, std::int64_t now);
// Some thousands at a time. Whether there may be more.
bool delete_full_rates(Spi& spi, std::int64_t now);

struct DecisionRow {
    Uuid run_id{};
    Oid flow_owner = InvalidOid;
    std::optional<std::string> error, cause;
};
// What was decided of a run later counts.
void save_decisions(Spi& spi, const std::vector<DecisionRow>& rows);
std::vector<DecisionRow> find_decisions(Spi& spi, int shard, int shards, std::size_t most);
void delete_decisions(Spi& spi, const std::vector<Uuid>& runs);

struct Releases {
    std::vector<Uuid> ended;
    std::vector<Uuid> come_again;  // which have a row in limit_wait
};
void save_releases(Spi& spi, const Releases& runs);
Releases take_releases(Spi& spi, std::size_t most);
// Whether a row of any of these tables is still there for this run.
bool is_known_to_limits(const Uuid& run);

}  // namespace flowctl::pg::store
