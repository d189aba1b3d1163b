// A transaction of the worker: begun by the constructor, committed by commit(), aborted by the destructor
// otherwise.
//
// Worker code has no transaction around it, so a turn begins and ends its own. Everything palloc'd in it goes
// with it. Called by engine and worker.
#pragma once

#include "pg/bridge.hpp"

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
        guarded([] {
            PopActiveSnapshot();
            CommitTransactionCommand();
        });
        open_ = false;
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

}  // namespace flowctl::pg
