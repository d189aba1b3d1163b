// The library's entry: what PostgreSQL checks and calls when it loads pg_flowctl.
//
// _PG_init is a list of calls. What needs shared memory or a background worker happens only when the server
// loads the library as it starts (shared_preload_libraries); a session that loads it later gets the SQL
// functions, and those that need a worker say so (shmem::require).
#include "pg/bridge.hpp"
#include "pg/catalog_watch.hpp"
#include "pg/guc.hpp"
#include "pg/hooks.hpp"
#include "pg/launcher.hpp"
#include "pg/mailbox.hpp"
#include "pg/pending_runs.hpp"
#include "pg/shmem.hpp"
#include "pg/subject.hpp"
#include "pg/subject_tokens.hpp"
#include "pg/wake.hpp"

extern "C" {
#pragma GCC visibility push(default)
PG_MODULE_MAGIC;
void _PG_init(void);
#pragma GCC visibility pop
}

void _PG_init(void) {
    using namespace flowctl::pg;
    entry([] {
        guc::define();
        if (process_shared_preload_libraries_in_progress) {
            shmem::request_at_load();
            mailbox::request_at_load();
            subject_tokens::request_at_load();
            launcher::register_at_load();
        }
        catalog_watch::install_at_load();
        wake::install_at_load();
        pending_runs::install_at_load();
        subject::install_at_load();
        hooks::install_at_load();
    });
}
