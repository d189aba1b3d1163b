// The store of redactions: replaces what runs hold by markers, and records that it was done.
//
// Which function turns a value into a marker is the business of records/markers: the statements call it by
// its SQL name, flowctl_catalog.redacted(). Every function runs inside the caller's transaction, as the
// extension's owner, and raises PgError.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/machine/status.hpp"
#include "pg/server/spi.hpp"

namespace flowctl::pg::store {

// A run as one who keeps its records sees it.
struct RecordedRun {
    Uuid run_id{};
    machine::Status status = machine::Status::Running;
    Uuid flow_id{};
    std::string flow;
    std::int32_t version = 0;
    Oid flow_owner = InvalidOid;  // the flow's present owner, or the one it had
    Oid role = InvalidOid;
    Oid starter = InvalidOid;
    std::optional<Uuid> parent_run_id;
    bool redacted = false;
};
std::optional<RecordedRun> find_recorded(Spi& spi, const Uuid& id);
// The same of a run that has ended, and locks its row against other redactions, and against a redrive. It
// does not wait; nullopt: the run is open, or another transaction has locked it.
std::optional<RecordedRun> lock_recorded(Spi& spi, const Uuid& id);
// Locks the rows of these runs in the same way, and does not wait. False: not all of them have ended and are free.
bool lock_ended(Spi& spi, const std::vector<Uuid>& ids);
// Whether a map run of these runs has still something to do.
bool has_open_map_run(Spi& spi, const std::vector<Uuid>& ids);
// The children of these runs' map runs, some thousands at a time, until `take` returns false.
void each_map_child(Spi& spi, const std::vector<Uuid>& ids, const std::function<bool(const RecordedRun&)>& take);

// The runs of child flows that these runs have started.
std::vector<RecordedRun> find_child_flows(Spi& spi, const std::vector<Uuid>& ids);

// The salts that these runs have, which are destroyed.
struct Salt {
    Uuid run_id{};
    std::string bytes;
};
std::vector<Salt> take_salts(Spi& spi, const std::vector<Uuid>& ids);

// Replaces or deletes everything that these runs hold.
void redact_runs(Spi& spi, const std::vector<Uuid>& ids);

struct Redaction {
    const RecordedRun& run;
    std::string reason;
    Oid redacted_by = InvalidOid;
    std::int64_t runs = 0;
};
void insert_redaction(Spi& spi, const Redaction& redaction);

}  // namespace flowctl::pg::store
