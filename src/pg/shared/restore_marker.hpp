// The restore marker: a file in the data directory which says that this server was restored from a backup.
//
// A base backup holds the runs that were open at that moment. The original has gone on since, so a server
// that is restored from the backup would do again what has been done, and nothing in its tables shows that:
// system identifier, database and settings are the original's. Only before its first recovery does such a
// server look different: its data directory has backup_label (a base backup) or recovery.signal (recovery to
// a point in time), and no standby.signal, which a standby has. Recovery takes these files away. So the
// postmaster looks for them when it loads the library, which is before, and leaves the marker.
//
// The marker holds a random id. flowctl.activate() records the id in flowctl_catalog.installation, so the
// flows of each database wait until it is called there. The file itself stays. It is part of the base backups
// of this server, so a standby that is made from one goes on, after its promotion, exactly where this server
// does. A server that is restored from such a base backup gets a new id.
//
// A crash leaves neither file, since a backup in progress keeps its label outside of the data directory.
#pragma once

#include <string>

namespace flowctl::pg::restore_marker {

// In _PG_init, while the server starts. A server that cannot leave the marker does not start.
void leave_if_restored();

// The id that the marker holds; empty: this server was not restored. Reads the file; raises PgError.
std::string current();

}  // namespace flowctl::pg::restore_marker
