// Repeats the wait for the synchronous standby. See synchronous_replication.hpp.
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

// The position of the standby that synchronous_commit asks for. SyncRepRequested() must be true.
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

// Whether a synchronous standby is configured at all, as the checkpointer has told all processes. The caller
// holds SyncRepLock.
bool standby_is_defined() {
#ifdef SYNC_STANDBY_DEFINED
    // After a start of the server the checkpointer has not told it yet.
    if ((WalSndCtl->sync_standbys_status & SYNC_STANDBY_INIT) == 0)
        return SyncRepStandbyNames != nullptr && SyncRepStandbyNames[0] != '\0';
    return (WalSndCtl->sync_standbys_status & SYNC_STANDBY_DEFINED) != 0;
#else
    // Minor releases before May 2025 have this field instead.
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

// A cancel ends a statement, and no statement is under way here; so only the request to end the process
// counts.
void end_if_told_to() {
    if (!PostmasterIsAlive()) proc_exit(1);
    QueryCancelPending = false;
    // The server's wait notes the request to end the process without setting the flag that makes
    // CHECK_FOR_INTERRUPTS() look at it.
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
            // The server's wait returns when the standby has confirmed the commit, or when the wait was given
            // up.
            HOLD_INTERRUPTS();
            SyncRepWaitForLSN(commit, true);
            RESUME_INTERRUPTS();
        }
    });
} catch (PgError& error) {
    // Nothing in here is expected to raise an error. If something does, the commit is not confirmed, and no
    // effect of it may leave.
    error.report();
    proc_exit(1);
}

}  // namespace flowctl::pg
