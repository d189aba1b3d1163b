// The store of what rules with the option within remember: rows of flowctl_catalog.event_window.
//
// Only the worker that owns the rule's bucket writes them. Every function runs inside the caller's transaction and
// raises PgError.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pg/server/spi.hpp"

namespace flowctl::pg::store {

struct WindowRow {
    Uuid rule_id{};
    std::string key;
    Uuid event_id{};
    std::int64_t at = 0;
    std::optional<std::int64_t> due_at;
};
void insert_window(Spi& spi, const WindowRow& row);
// How many events of the key there are from after this time; older ones are deleted.
std::int64_t count_window(Spi& spi, const Uuid& rule_id, const std::string& key, std::int64_t since);
// Of the key, those up to this time.
void delete_window(Spi& spi, const Uuid& rule_id, const std::string& key, std::int64_t until);
void delete_window_row(Spi& spi, const WindowRow& row);
std::vector<WindowRow> find_due_windows(Spi& spi, int shard, int shards, std::int64_t now, std::size_t limit);
std::optional<std::int64_t> next_due_window(Spi& spi, int shard, int shards);

// When a run is expected to begin or to end (option expect of its flow).
struct ExpectationRow {
    Uuid run_id{};
    std::string kind;  // run.late, run.overdue
};
std::vector<ExpectationRow> take_due_expectations(Spi& spi, int shard, int shards, std::int64_t now, std::size_t limit);
std::optional<std::int64_t> next_expectation(Spi& spi, int shard, int shards);

}  // namespace flowctl::pg::store
