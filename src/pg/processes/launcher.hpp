// The launcher: one background worker of the server that sees to it that each database with the extension has
// its workers.
#pragma once

namespace flowctl::pg::launcher {

void register_at_load();  // _PG_init, while the server starts

}  // namespace flowctl::pg::launcher
