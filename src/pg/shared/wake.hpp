// What a session tells workers and launcher when its transaction ends: notes collected while it runs, sent at
// commit.
//
// Nothing is sent for a transaction that aborts.
#pragma once

#include "pg/server/spi.hpp"
#include "pg/store/run_id.hpp"

namespace flowctl::pg::wake {

void install_at_load();  // _PG_init

// This transaction inserted the run: its worker is told at commit, unless the subtransaction aborts.
void note_started_run(const FreshRun& run);
// The database's workers are to look at flowctl_catalog.control and flowctl_catalog.installation after
// commit.
void note_poke() noexcept;
void note_extension_created() noexcept;  // in this database
void note_extension_dropped() noexcept;
void note_new_database() noexcept;
// No worker comes to the database until this transaction ends, whichever way; then the launcher looks again.
void bar_until_end(Oid database);

}  // namespace flowctl::pg::wake
