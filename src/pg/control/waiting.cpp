// A session sleeps until a worker says that runs have ended, and looks again. See waiting.hpp.
#include "pg/control/waiting.hpp"

#include <algorithm>

#include "pg/control/operated_run.hpp"
#include "pg/server/guc.hpp"
#include "pg/shared/shmem.hpp"

extern "C" {
#include "storage/condition_variable.h"
}

namespace flowctl::pg {

namespace {

// The signal may be missing (no worker yet), or a worker may go without giving it, so a look comes now and then
// all the same.
constexpr std::int64_t kLookAgain = 1000;  // ms
constexpr std::int64_t kLookWithoutSignal = 100;

// The signal that runs of this database have ended. Whoever waits for it must be told so before he looks.
class EndSignal {
  public:
    EndSignal() { prepare(); }
    ~EndSignal() {
        if (signal_ != nullptr) ConditionVariableCancelSleep();
    }
    EndSignal(const EndSignal&) = delete;
    EndSignal& operator=(const EndSignal&) = delete;

    void sleep(std::int64_t milliseconds, std::uint32_t event) {
        guarded([&] {
            if (signal_ != nullptr) {
                (void)ConditionVariableTimedSleep(
                    signal_, static_cast<long>(std::min(milliseconds, kLookAgain)), event);
            } else {
                (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
                                static_cast<long>(std::min(milliseconds, kLookWithoutSignal)), event);
                ResetLatch(MyLatch);
            }
            CHECK_FOR_INTERRUPTS();
        });
        if (signal_ == nullptr) prepare();
    }

  private:
    void prepare() {
        signal_ = shmem::ended_signal(MyDatabaseId);
        if (signal_ != nullptr) guarded([&] { ConditionVariablePrepareToSleep(signal_); });
    }
    ConditionVariable* signal_ = nullptr;
};

}  // namespace

machine::Status wait_for_end(const Uuid& id, Oid user, std::int64_t micros, Committing* procedure) {
    const TimestampTz deadline = GetCurrentTimestamp() + micros;
    const auto own_xid = static_cast<std::int64_t>(U64FromFullTransactionId(GetTopFullTransactionIdIfAny()));
    const std::uint32_t event = wait_event("FlowctlWait");
    EndSignal signal;
    for (;;) {
        const store::RunStatus run = find_visible_run(id, user);
        if (procedure != nullptr) procedure->commit();
        if (run.start_xid == own_xid)
            throw UserError(
                ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                "run " + to_string(id) + " was started by this very transaction and begins when it commits",
                "Commit first, then call flowctl.wait().");
        const TimestampTz now = GetCurrentTimestamp();
        const bool is_over = run.status != machine::Status::Running && !run.is_redrive_requested;
        if (is_over || now >= deadline) return run.status;
        signal.sleep((deadline - now) / 1000 + 1, event);
    }
}

}  // namespace flowctl::pg
