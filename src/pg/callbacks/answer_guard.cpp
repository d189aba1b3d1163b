// The bound on transactions that answer tasks. See answer_guard.hpp.
#include "pg/callbacks/answer_guard.hpp"

#include "pg/server/bridge.hpp"

namespace flowctl::pg::answer_guard {

namespace {

TimestampTz first_answer = 0;  // of this transaction; 0: none

// Called by the server's own code, so it raises as the server does.
void at_end_of_transaction(XactEvent event, void*) {
    switch (event) {
        case XACT_EVENT_PRE_COMMIT:
            if (first_answer == 0 || GetCurrentTimestamp() - first_answer <= kMostOpen) return;
            first_answer = 0;
            ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                            errmsg("TaskTimedOut: answers to tasks must be committed within %d seconds",
                                   static_cast<int>(kMostOpen / 1'000'000)),
                            errhint("Nothing of this transaction counts. Answer again, and commit soon after that.")));
            break;
        case XACT_EVENT_PRE_PREPARE:
            if (first_answer == 0) return;
            first_answer = 0;
            ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                            errmsg("cannot PREPARE a transaction that has answered a task"),
                            errhint("Answer in a transaction of its own, and commit it.")));
            break;
        default:
            first_answer = 0;
            break;
    }
}

}  // namespace

void install_at_load() {
    guarded([] { RegisterXactCallback(at_end_of_transaction, nullptr); });
}

void note_answer() noexcept {
    if (first_answer == 0) first_answer = GetCurrentTimestamp();
}

}  // namespace flowctl::pg::answer_guard
