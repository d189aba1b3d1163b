// The session's user, kept as PostgreSQL keeps settings: a value of the session, and above it what the open
// (sub)transactions have set. See session_user.hpp.
#include "pg/rights/session_user.hpp"

#include <vector>

namespace flowctl::pg::session_user {

namespace {

struct Change {
    std::shared_ptr<const User> user;
    bool is_local;
    SubTransactionId made_in;
};

// Heap memory of this process; the callbacks below only shrink it.
std::shared_ptr<const User> of_session;
std::vector<Change> changes;  // of the open transaction, in order

void at_end_of_transaction(XactEvent event, void*) noexcept {
    if (event == XACT_EVENT_COMMIT) {
        for (Change& change : changes)
            if (!change.is_local) of_session = std::move(change.user);
        changes.clear();
    } else if (event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE) {
        changes.clear();
    }
}

void at_end_of_subtransaction(SubXactEvent event, SubTransactionId subtransaction, SubTransactionId parent,
                              void*) noexcept {
    if (event == SUBXACT_EVENT_ABORT_SUB)
        while (!changes.empty() && changes.back().made_in >= subtransaction)
            changes.pop_back();
    if (event == SUBXACT_EVENT_COMMIT_SUB)
        for (Change& change : changes)
            if (change.made_in >= subtransaction) change.made_in = parent;
}

}  // namespace

void install_at_load() {
    guarded([] {
        RegisterXactCallback(at_end_of_transaction, nullptr);
        RegisterSubXactCallback(at_end_of_subtransaction, nullptr);
    });
}

std::shared_ptr<const User> current() {
    return changes.empty() ? of_session : changes.back().user;
}

void set(std::shared_ptr<const User> user, bool is_local) {
    changes.push_back({std::move(user), is_local, GetCurrentSubTransactionId()});
}

void forget() noexcept {
    changes.clear();
    of_session.reset();
}

}  // namespace flowctl::pg::session_user
