// The store of runs: rows of flowctl_catalog.run, and the frames of open runs. new_runs.hpp starts them.
//
// A run row is inserted once, by the transaction that starts it, and updated once, when it ends; a frame row
// lives as long as the run is open. Only the worker that owns a run's bucket writes its frame and its end, so
// nothing is locked. Every function runs inside the caller's transaction and raises PgError.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/machine/status.hpp"
#include "pg/server/spi.hpp"

namespace flowctl::pg::store {

// ---------------------------------------------------------------------------------------------- the worker

struct StoredRun {
    Uuid run_id{};
    Uuid flow_id{};
    std::string flow;
    std::int32_t version = 0;
    bool express = false;
    std::optional<std::string> name;
    machine::Status status = machine::Status::Running;
    std::string input;
    std::optional<std::string> event;
    std::optional<std::string> traceparent;
    std::int64_t started_at = 0;
    Oid flow_owner = InvalidOid;
    Oid role = InvalidOid;
    Oid starter = InvalidOid;
    std::optional<std::string> subject;
    std::optional<std::string> subject_issuer;
    std::optional<std::string> subject_claims;
    std::optional<Uuid> subject_handle;
    std::int32_t redrive_count = 0;
    std::optional<std::int64_t> redriven_at;
    std::optional<Uuid> parent_run_id;
    std::int32_t depth = 0;
    std::optional<std::string> handed_token;
    std::optional<Uuid> map_run_id;  // of a child
    std::int64_t map_index = 0;
    std::int32_t map_items = 0;
    bool is_fork = false;
    std::optional<std::string> frame;  // absent: not begun

    bool open() const { return status == machine::Status::Running; }
};
// Whether another run may wait for the end of this one: it has started it, or it gives the same name.
inline bool is_awaitable(const StoredRun& run) {
    return !run.map_run_id && (run.parent_run_id || run.name);
}
// The runs of these ids; an id whose row is not visible is left out. Reading ends when max_bytes have been
// read (the first run is always read); the ids that were not reached are in `later`.
struct LoadedRuns {
    std::vector<StoredRun> runs;
    std::vector<Uuid> later;
};
LoadedRuns load_runs(Spi& spi, const std::vector<Uuid>& ids, std::size_t max_bytes);
// The same one by one, in the order of the ids: `take` gets each run and says whether it wants more. Gives
// the ids that were not reached. Ended: the frame of each is the one that was kept when it ended
// (reopening.hpp).
enum class Frames { Open, Ended };
std::vector<Uuid> each_run(Spi& spi, const std::vector<Uuid>& ids, std::size_t max_bytes, Frames which,
                           const std::function<bool(StoredRun&&)>& take);

struct FrameRow {
    Uuid run_id{};
    machine::Phase phase = machine::Phase::Running;
    std::string current_state;
    std::optional<std::int64_t> due_at;
    std::string frame;
    bool is_new = true;  // the run has none yet
};
void save_frames(Spi& spi, const std::vector<FrameRow>& frames);
void delete_frames(Spi& spi, const std::vector<Uuid>& ids);

struct RunEnd {
    Uuid run_id{};
    machine::Status status = machine::Status::Failed;
    std::optional<std::string> output;
    std::optional<std::int32_t> output_ref;
    std::optional<std::string> error;
    std::optional<std::string> cause;
    std::int64_t ended_at = 0;
};
void end_runs(Spi& spi, const std::vector<RunEnd>& ends);

// Forgets the payloads of runs whose flow does not keep them (option keep_data).
void forget_payloads(Spi& spi, const std::vector<Uuid>& ids);
// The same for the payloads in history only.
void forget_events(Spi& spi, const std::vector<Uuid>& ids);

// Ends a run that the machine cannot carry on: history closes with ExecutionFailed, the frame goes. False: it
// had ended already.
bool fail_run(Spi& spi, const Uuid& id, const std::string& error, const std::string& cause,
              bool with_history);

// Runs of a shard that are due from `since`, or ever, up to `horizon`; the earliest first.
struct DueRun {
    Uuid run_id{};
    std::int64_t due_at = 0;
};
std::vector<DueRun> find_due(Spi& spi, int shard, int shards, std::optional<std::int64_t> since,
                             std::int64_t horizon, std::size_t limit);

// ---------------------------------------------------------------------------------------------- looking

// The status in a row. Raises for a name that this version does not know.
machine::Status read_status(const Rows& rows, std::size_t row, int column);

// If another run has started this one, the starter is the role of that run.
struct RunStatus {
    machine::Status status = machine::Status::Running;
    Uuid flow_id{};
    std::int64_t start_xid = 0;
    Oid flow_owner = InvalidOid;  // the flow's present owner, or the one it had
    Oid role = InvalidOid;
    Oid starter = InvalidOid;
    bool is_redrive_requested = false;  // the worker has not come to it
};
std::optional<RunStatus> find_status(Spi& spi, const Uuid& id);

}  // namespace flowctl::pg::store
