// The store of the children of distributed Maps, among the rows of flowctl_catalog.run.
//
// A child is written once, when its item is read, as an open run without a frame; the worker begins it later.
// So nothing but the table holds the items, and "the next children" are an index scan. Every function runs
// inside the caller's transaction and raises PgError.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pg/store/map_runs.hpp"

namespace flowctl::pg::store {

struct NewChild {
    Uuid run_id{};
    std::int64_t index = 0;
    std::int32_t items = 1;
    std::string input;
};
// Rows like that of the parent, whose flow, role and origin they share.
void insert_children(Spi& spi, const Uuid& map_run_id, const Uuid& parent, const std::string& type,
                     const std::vector<NewChild>& children);

struct ChildId {
    Uuid run_id{};
    std::int64_t index = 0;
    std::int32_t items = 1;
};
// The functions below look at a window of children, from one index to before another. So their work is
// bounded even by a bad plan, which the server may choose because rows of a bulk load have no statistics yet.

// Open children that have not begun, in order.
std::vector<ChildId> find_queued_children(Spi& spi, const Uuid& map_run_id, std::int64_t from,
                                          std::int64_t to);
// Open children that have begun: of all map runs, since a frame does not say whose child it is.
struct BegunChild {
    Uuid map_run_id{};
    ChildId child;
};
std::vector<BegunChild> find_begun_children(Spi& spi);
// Ends queued children without letting them begin.
struct AbortedChildren {
    MapCounts runs, of_items;
};
AbortedChildren abort_queued_children(Spi& spi, const Uuid& map_run_id, std::int64_t from, std::int64_t to,
                                      std::int64_t at);

// Makes children of these numbers that have not succeeded ready to begin again, and returns how many there
// were. A child that has a history but no frame to go on from stays as it is.
AbortedChildren reopen_children(Spi& spi, const Uuid& map_run_id, std::int64_t from, std::int64_t to,
                                std::int64_t at);

struct ChildResult {
    Uuid run_id{};
    std::int64_t index = 0;
    std::int64_t items = 1;
    machine::Status status = machine::Status::Failed;
    std::string input;
    std::optional<std::string> output, error, cause;
    std::int64_t started_at = 0;
    std::optional<std::int64_t> ended_at;
};
// Ended children of these statuses, or of all, in order, up to so many bytes (but at least one).
struct ChildResults {
    std::vector<ChildResult> children;
    std::int64_t next = 0;  // go on from here
};
ChildResults find_results(Spi& spi, const Uuid& map_run_id, std::int64_t from, std::int64_t to,
                          std::size_t max_bytes, const std::vector<machine::Status>& statuses = {});
// Forgets the payloads of children whose flow does not keep them: of the children that have succeeded, or of
// all.
void forget_children(Spi& spi, const Uuid& map_run_id, std::int64_t from, std::int64_t to,
                     bool succeeded_only);

}  // namespace flowctl::pg::store
