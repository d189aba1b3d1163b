// The store of requests: what sessions ask of open runs, as rows of flowctl_catalog.control.
//
// Only the worker that owns a run may change it, so a session that wants it stopped leaves a row here, and
// the worker deletes the row in the turn that carries it out. Every function runs inside the caller's
// transaction and raises PgError.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pg/server/spi.hpp"

namespace flowctl::pg::store {

struct Control {
    std::int64_t control_id = 0;
    Uuid run_id{};
    std::optional<std::string> error;
    std::optional<std::string> cause;
};
// Requests about the runs of a shard: of each role that has made some the oldest first, the roles in turn.
std::vector<Control> find_controls(Spi& spi, int shard, int shards, std::size_t limit);
void delete_controls(Spi& spi, const std::vector<std::int64_t>& ids);
void insert_stop(Spi& spi, const Uuid& run_id, const std::optional<std::string>& error,
                 const std::optional<std::string>& cause, Oid requested_by);

}  // namespace flowctl::pg::store
