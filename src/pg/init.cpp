// The library's entry: what PostgreSQL checks and calls when it loads pg_flowctl.
//
// _PG_init is a list of calls. What needs shared memory or a background worker happens only when the server
// loads the library as it starts (shared_preload_libraries); a session that loads it later gets the SQL
// functions, and a function that needs a worker says so (shmem::require).
#include "pg/callbacks/answer_guard.hpp"
#include "pg/evaluation/suspects.hpp"
#include "pg/events/subscriptions.hpp"
#include "pg/hooks.hpp"
#include "pg/processes/launcher.hpp"
#include "pg/rights/session_user.hpp"
#include "pg/server/bridge.hpp"
#include "pg/server/catalog_watch.hpp"
#include "pg/server/guc.hpp"
#include "pg/shared/mailbox.hpp"
#include "pg/shared/restore_marker.hpp"
#include "pg/shared/shmem.hpp"
#include "pg/shared/sql_board.hpp"
#include "pg/shared/subject_tokens.hpp"
#include "pg/shared/task_signals.hpp"
#include "pg/shared/wake.hpp"
#include "pg/starts/open_run_quota.hpp"
#include "pg/starts/pending_runs.hpp"

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
            restore_marker::leave_if_restored();
            shmem::request_at_load();
            mailbox::request_at_load();
            subject_tokens::request_at_load();
            suspects::request_at_load();
            task_signals::request_at_load();
            sql_board::request_at_load();
            launcher::register_at_load();
        }
        catalog_watch::install_at_load();
        events::subscriptions::install_at_load();
        wake::install_at_load();
        pending_runs::install_at_load();
        open_run_quota::install_at_load();
        answer_guard::install_at_load();
        session_user::install_at_load();
        hooks::install_at_load();
    });
}
