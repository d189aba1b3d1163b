// What the launcher is told, and waking it: "look again at this database", or at all of them.
//
// A poke wakes the launcher while it is there; what is told while it is not stays for the next one. Where
// there is no shared memory, nothing happens.
#pragma once

#include <vector>

#include "pg/server/prelude.hpp"

namespace flowctl::pg::pokes {

void request_at_load();

// A database may have gained the extension, or, with InvalidOid, there may be new databases.
void poke_launcher(Oid database) noexcept;
// Something that the launcher watches has changed.
void wake_launcher() noexcept;

// By the launcher, which pokes then wake until it exits.
void launcher_is_here() noexcept;
// What poke_launcher() was told since the last call. True: the launcher is to look at every database.
bool take(std::vector<Oid>& databases);

}  // namespace flowctl::pg::pokes
