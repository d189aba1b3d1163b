// The tables of schedules, and how a schedule is armed: which time comes next, and when the worker looks at it.
//
// Everything runs inside the caller's transaction, as the extension's owner, and raises PgError.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pg/schedules/schedule_definition.hpp"
#include "pg/store/run_id.hpp"

namespace flowctl::pg::schedules {

// Both are in one bucket.
inline int bucket_of_schedule(const Uuid& schedule) {
    return bucket_of(schedule);
}

std::optional<Definition> find_definition(Spi& spi, const std::string& name, bool to_change);
std::optional<Definition> find_definition(Spi& spi, const Uuid& id);
// False: there is a schedule of this name. Its trigger arms the new one.
bool insert_definition(Spi& spi, const Definition& definition);
// Everything but name, owner and pause; the revision goes up by one.
void update_definition(Spi& spi, const Definition& definition);
void delete_schedule(Spi& spi, const Uuid& id);
// The pause ends where `by` is InvalidOid.
void set_pause(Spi& spi, const Uuid& id, Oid by, const std::optional<std::string>& reason);

// Computes the next time of a schedule. Its times count from `since` on; those before `now` are late.
void arm(Spi& spi, const Definition& definition, std::int64_t since, std::int64_t now);
// The worker leaves the schedule alone until it is armed.
void disarm(Spi& spi, const Uuid& id);
// The definition has another revision, and its times are the same.
void follow_revision(Spi& spi, const Uuid& id);

// The runs whose end the schedule is going to hear of.
void note_run(Spi& spi, const Uuid& run, const Uuid& schedule);

}  // namespace flowctl::pg::schedules
