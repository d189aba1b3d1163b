// What the launcher is told, and waking it: "look again at this database", or at all of them.
//
// A poke wakes the launcher. While there is none (it has crashed), pokes wait for the next one. Without
// shared memory nothing happens.
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

// By the launcher: whether the server has no room for a worker of this database (max_worker_processes).
void note_shortage(Oid database, bool is_short) noexcept;
// For the view flowctl.workers.
bool is_short(Oid database) noexcept;

}  // namespace flowctl::pg::pokes
