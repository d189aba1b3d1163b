// Hooks into commands that need a database without connections, drop the extension or create triggers.
#pragma once

namespace flowctl::pg::hooks {

void install_at_load();  // _PG_init

}  // namespace flowctl::pg::hooks
