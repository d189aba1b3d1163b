// A transaction of the worker: begun by the constructor, committed by commit(), aborted by the destructor
// otherwise. A subtransaction within one, for work that may fail without the rest.
//
// What follows from a transaction may leave the server as soon as commit() has returned: then the rows are
// durable here, and at the synchronous standby, as the setting synchronous_commit says.
//
// A background process has no transaction around its code, so each piece of its work begins and ends one.
// Everything that is palloc'd in a transaction goes with it.
#pragma once

#include "pg/server/bridge.hpp"
#include "pg/server/synchronous_replication.hpp"

namespace flowctl::pg {

class Transaction {
  public:
    explicit Transaction(const char* activity) {
        guarded([&] {
            SetCurrentStatementStartTimestamp();
            StartTransactionCommand();
            PushActiveSnapshot(GetTransactionSnapshot());
            pgstat_report_activity(STATE_RUNNING, activity);
        });
        open_ = true;
    }
    ~Transaction() {
        if (open_) abort();
    }
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;

    void commit() {
        const bool has_written = TransactionIdIsValid(GetTopTransactionIdIfAny());
        guarded([] {
            PopActiveSnapshot();
            CommitTransactionCommand();
        });
        open_ = false;
        if (has_written) wait_for_standby(XactLastCommitEnd);
        guarded([] {
            pgstat_report_stat(false);
            pgstat_report_activity(STATE_IDLE, nullptr);
        });
        MemoryContextSwitchTo(TopMemoryContext);
    }

  private:
    void abort() noexcept {
        try {
            guarded([] {
                AbortCurrentTransaction();
                pgstat_report_activity(STATE_IDLE, nullptr);
            });
        } catch (PgError& error) {
            error.report();
        }
        MemoryContextSwitchTo(TopMemoryContext);
        open_ = false;
    }
    bool open_ = false;
};

// It must begin and end outside of any Spi of the same scope, since its abort ends the connections that were
// made within it.
class Subtransaction {
  public:
    Subtransaction() {
        context_ = CurrentMemoryContext;
        owner_ = CurrentResourceOwner;
        guarded([] { BeginInternalSubTransaction(nullptr); });
        MemoryContextSwitchTo(context_);
        open_ = true;
    }
    ~Subtransaction() {
        if (open_) abort();
    }
    Subtransaction(const Subtransaction&) = delete;
    Subtransaction& operator=(const Subtransaction&) = delete;

    void commit() {
        guarded([] { ReleaseCurrentSubTransaction(); });
        open_ = false;
        restore();
    }

  private:
    void abort() noexcept {
        try {
            guarded([] { RollbackAndReleaseCurrentSubTransaction(); });
        } catch (PgError& error) {
            error.report();
        }
        restore();
        open_ = false;
    }
    void restore() noexcept {
        MemoryContextSwitchTo(context_);
        CurrentResourceOwner = owner_;
    }
    MemoryContext context_ = nullptr;
    ResourceOwner owner_ = nullptr;
    bool open_ = false;
};

}  // namespace flowctl::pg
