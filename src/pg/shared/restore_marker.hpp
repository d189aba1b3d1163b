// The restore marker: a file in the data directory which says that this server was restored from a backup.
//
// A base backup holds the runs that were open when it was made. The original server has carried these runs on
// since then, so the restored server would repeat work that has been done. Nothing in its tables shows this:
// system identifier, database and settings are the same as the original's. A restored server can be
// recognised only before its first recovery. At that time its data directory has backup_label (a base backup)
// or recovery.signal (recovery to a point in time), and it does not have standby.signal, which a standby has.
// Recovery removes these files. So the postmaster looks for them when it loads the library, before recovery
// begins, and leaves the marker.
//
// The marker holds a random id, and flowctl.activate() records the id in flowctl_catalog.installation. So the
// flows of each database wait until activate() is called there. The marker itself stays. It becomes part of
// base backups of this server, so a standby that is made from such a backup knows the id, and after its
// promotion it goes on without another activate(). A server that is restored from such a backup gets a new
// id.
//
// A crash leaves neither file, because a backup in progress keeps its label outside of the data directory.
#pragma once

#include <string>

namespace flowctl::pg::restore_marker {

// Called in _PG_init while the server starts. If the marker cannot be written, the server does not start.
void leave_if_restored();

// The id in the marker, or an empty string if this server was not restored. Reads the file; raises PgError.
std::string current();

}  // namespace flowctl::pg::restore_marker
