// The store of requests: what sessions ask of runs, as rows of flowctl_catalog.control, and what has become of
// each, as rows of flowctl_catalog.intervention.
//
// Only the worker that owns a run may change it. So a session leaves a row here, and the worker deletes the row
// in the turn that carries it out. A role has at most one request of a kind for a run, which is the primary
// key: a flood of requests for one run is one row, and a request that is not committed makes nobody wait but
// its own role. Every function runs inside the caller's transaction and raises PgError.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pg/server/spi.hpp"
#include "pg/store/runs.hpp"

namespace flowctl::pg::store {

struct Request {
    Uuid run_id{};
    std::string kind;
    Oid requested_by = InvalidOid;
    std::optional<std::string> error;
    std::optional<std::string> cause;
    std::optional<std::string> reason;
};
// False: the role has asked for this already. Waits for another transaction in which the role does.
bool insert_request(Spi& spi, const Request& request);

// Requests of these kinds about the runs of a shard: of each role that has made some the oldest first, the
// roles in turn.
std::vector<Request> find_requests(Spi& spi, const std::vector<std::string>& kinds, int shard, int shards,
                                   std::size_t limit);

struct Outcome {
    Uuid run_id{};
    std::string kind;
    Oid requested_by = InvalidOid;
    std::optional<std::string> text;  // "done", or why not; nullopt: the run's status is the reason against it
};
// Deletes the requests and records their outcomes. A request that is gone is left out.
void close_requests(Spi& spi, const std::vector<Outcome>& outcomes);

// Records what a session has done by itself, as one of the current transaction.
void record_intervention(Spi& spi, const Uuid& run_id, const std::string& action, Oid role,
                         const std::optional<std::string>& reason, const std::string& outcome);

// Records that a run has paused by its flow's option on_exhausted.
void record_exhausted(Spi& spi, const Uuid& run_id, const std::string& reason);

// The answer to who wants to pause a run that may not begin yet: it has nothing that could be held, and as a paused
// run it would count as one that has begun.
inline constexpr const char* kWaitsToBegin =
    "the run has not begun: it waits for a limit of its flow, or its flow is paused";

// What the functions on runs need to know of one.
struct OperatedRun : RunStatus {
    bool is_requested = false;  // somebody has asked for this kind, and the worker has not come to it
    bool is_paused = false;     // or is going to be, by a request
    bool waits_to_begin = false;  // asked for pause only
    std::optional<std::string> objection_to_redrive;
};
// As it is at this moment, even in a transaction that uses an older snapshot. `kind`: of request.
std::optional<OperatedRun> find_operated(Spi& spi, const Uuid& id, const std::string& kind);

}  // namespace flowctl::pg::store
