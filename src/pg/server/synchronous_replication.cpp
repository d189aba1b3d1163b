// Waiting for the synchronous standby again. See synchronous_replication.hpp.
#include "pg/server/synchronous_replication.hpp"

#include "pg/server/bridge.hpp"

extern "C" {
#include "replication/syncrep.h"
#include "replication/walsender.h"
#include "replication/walsender_private.h"
#include "storage/pmsignal.h"
}

namespace flowctl::pg {

namespace {

// Which position of the standby synchronous_commit is about; SyncRepRequested() holds.
int wait_mode() {
    switch (synchronous_commit) {
        case SYNCHRONOUS_COMMIT_REMOTE_WRITE:
            return SYNC_REP_WAIT_WRITE;
        case SYNCHRONOUS_COMMIT_REMOTE_APPLY:
            return SYNC_REP_WAIT_APPLY;
        default:
            return SYNC_REP_WAIT_FLUSH;
    }
}

// Under SyncRepLock: whether there is a synchronous standby at all. The checkpointer tells everybody.
bool standby_is_defined() {
#ifdef SYNC_STANDBY_DEFINED
    // Not told yet, after a start of the server.
    if ((WalSndCtl->sync_standbys_status & SYNC_STANDBY_INIT) == 0)
        return SyncRepStandbyNames != nullptr && SyncRepStandbyNames[0] != '\0';
    return (WalSndCtl->sync_standbys_status & SYNC_STANDBY_DEFINED) != 0;
#else
    // The minor releases before May 2025.
    return WalSndCtl->sync_standbys_defined;
#endif
}

bool is_confirmed(XLogRecPtr commit) {
    if (!SyncRepRequested()) return true;
    LWLockAcquire(SyncRepLock, LW_SHARED);
    const bool confirmed = !standby_is_defined() || commit <= WalSndCtl->lsn[wait_mode()];
    LWLockRelease(SyncRepLock);
    return confirmed;
}

// A cancel is meant for a statement, and none is under way.
void end_if_told_to() {
    if (!PostmasterIsAlive()) proc_exit(1);
    QueryCancelPending = false;
    // The server's wait notes that the process is to end, and does not say that there is something to look at.
    InterruptPending = true;
    HOLD_CANCEL_INTERRUPTS();
    CHECK_FOR_INTERRUPTS();
    RESUME_CANCEL_INTERRUPTS();
}

void report_waiting() {
    ereport(LOG, (errmsg("pg_flowctl: waiting for the synchronous standby again"),
                  errdetail("What was committed last is not confirmed, and no call leaves before it is.")));
}

}  // namespace

void wait_for_standby(XLogRecPtr commit) noexcept try {
    guarded([&] {
        while (!is_confirmed(commit)) {
            end_if_told_to();
            report_waiting();
            // It returns when the standby has confirmed, or when the wait was given up.
            HOLD_INTERRUPTS();
            SyncRepWaitForLSN(commit, true);
            RESUME_INTERRUPTS();
        }
    });
} catch (PgError& error) {
    // Nothing in it raises. If something does, what has not been confirmed must not be acted on.
    error.report();
    proc_exit(1);
}

}  // namespace flowctl::pg
