// The pause of an endpoint belongs to the foreign server that it was made for, and names it.
#pragma once

namespace flowctl::pg::pauses {

// After a command that may have dropped foreign servers: their pauses end, so that another server that gets the
// name later is not paused.
void servers_dropped();
// After a foreign server was renamed: its pause goes along.
void server_renamed(const char* before, const char* after);

}  // namespace flowctl::pg::pauses
