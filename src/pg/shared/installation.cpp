// The record of where the database was when its flows were last allowed to act, flowctl_catalog.installation.
//
// A copied database holds the original's open runs, endpoints and mappings; were its worker to go on with
// them, calls would leave twice. So CREATE EXTENSION records the server's system identifier, the database's
// oid and flowctl.installation, and a worker that finds another place there waits. A database made with
// TEMPLATE differs in the oid, a restored dump runs CREATE EXTENSION itself, a server made by initdb differs
// in the identifier, a restored base backup has a restore marker whose id is not recorded. A data directory
// that was copied in another way (a snapshot of its storage) differs only if it is given another
// flowctl.installation, as a promoted standby should not be.
#include "pg/shared/installation.hpp"

#include <cstdint>
#include <string>

#include "pg/server/acting_role.hpp"
#include "pg/server/guc.hpp"
#include "pg/server/spi.hpp"
#include "pg/shared/figures.hpp"
#include "pg/shared/restore_marker.hpp"
#include "pg/shared/shmem.hpp"
#include "pg/shared/wake.hpp"

namespace flowctl::pg {

namespace {

Statement record_place(R"(
    INSERT INTO flowctl_catalog.installation (system_identifier, database_oid, installation, restore_id)
    VALUES ($1, $2, $3, $4)
    ON CONFLICT (only_row) DO UPDATE SET system_identifier = EXCLUDED.system_identifier,
        database_oid = EXCLUDED.database_oid, installation = EXCLUDED.installation,
        restore_id = EXCLUDED.restore_id, at = pg_catalog.now())",
                       {INT8OID, OIDOID, TEXTOID, TEXTOID});

// The id may be recorded where there is no marker: the standbys of a server that was restored have the rows
// of that server, and not always its marker.
Statement compare_place(R"(
    SELECT $4 = '' OR restore_id = $4 FROM flowctl_catalog.installation
    WHERE system_identifier = $1 AND database_oid = $2 AND installation = $3)",
                        {INT8OID, OIDOID, TEXTOID, TEXTOID});

Params this_place() {
    Params place;
    place.int8(static_cast<std::int64_t>(GetSystemIdentifier()))
        .oid(MyDatabaseId)
        .text(std::string_view(guc::installation))
        .text(restore_marker::current());
    return place;
}

void record() {
    Spi spi;
    spi.run(record_place, this_place());
}

}  // namespace

Standing find_standing() {
    Spi spi;
    const Rows rows = spi.run(compare_place, this_place());
    if (rows.size() == 0) return Standing::Copy;
    return rows.boolean(0, 0) ? Standing::Original : Standing::Restored;
}

namespace {

// A session looks at the table until it has once been in the right place. A copy is made without sessions, so
// only flowctl.installation can change that meanwhile, and the worker that sees it says so in its figures.
bool is_waiting() {
    static bool was_in_place = false;
    for (int slot = 0; slot < shmem::slots(); slot++) {
        const shmem::View worker = shmem::view(slot);
        if (worker.state == shmem::State::kClaimed && worker.database == MyDatabaseId && worker.serving &&
            figures::view(slot).waits)
            return true;
    }
    if (was_in_place) return false;
    const AsExtensionOwner owner;
    was_in_place = find_standing() == Standing::Original;
    return !was_in_place;
}

}  // namespace

void notice_if_waiting() {
    static LocalTransactionId told = InvalidLocalTransactionId;
    if (told == local_transaction()) return;
    if (shmem::available() && !guc::run) {
        told = local_transaction();
        guarded([] {
            ereport(NOTICE, (errmsg("runs wait while flowctl.run is off"),
                             errhint("Set flowctl.run to on and reload the configuration.")));
        });
        return;
    }
    if (!is_waiting()) return;
    told = local_transaction();
    guarded([] {
        ereport(NOTICE, (errmsg("runs of this database wait for flowctl.activate()"),
                         errdetail("It may be a copy or restored from a backup; its runs begin when the "
                                   "extension's owner lets them.")));
    });
}

}  // namespace flowctl::pg

using namespace flowctl::pg;

// For the end of the extension script. Payloads are JSON in UTF-8, so a database of another encoding cannot
// hold them all.
FLOWCTL_FUNCTION(flowctl_register_installation) {
    if (GetDatabaseEncoding() != PG_UTF8)
        throw UserError(ERRCODE_FEATURE_NOT_SUPPORTED, "pg_flowctl needs a database whose encoding is UTF8",
                        "Create the database with ENCODING 'UTF8' TEMPLATE template0.",
                        std::string("This database has encoding ") + GetDatabaseEncodingName() + ".");
    record();
    wake::note_extension_created();
    return Datum(0);
}

FLOWCTL_FUNCTION(flowctl_activate) {
    require_writable("activate a copy");
    {
        AsExtensionOwner owner;
        record();
    }
    wake::note_poke();
    wake::note_extension_created();
    return Datum(0);
}
