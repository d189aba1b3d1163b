// Hooks into commands: those that need a database without connections, that drop the extension, that create
// triggers.
#pragma once

namespace flowctl::pg::hooks {

void install_at_load();  // _PG_init

}  // namespace flowctl::pg::hooks
