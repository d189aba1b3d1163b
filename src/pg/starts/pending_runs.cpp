// Holding and writing what row triggers start. See pending_runs.hpp.
#include "pg/starts/pending_runs.hpp"

#include <utility>
#include <vector>

#include "pg/server/acting_role.hpp"

extern "C" {
#include "executor/executor.h"
}

namespace flowctl::pg::pending_runs {

namespace {

constexpr std::size_t kMostRuns = 1'000;
constexpr std::size_t kMostBytes = 1024 * 1024;

ExecutorFinish_hook_type next_finish_hook = nullptr;

struct Held {
    SubTransactionId subtransaction = InvalidSubTransactionId;  // of all of them
    std::vector<store::NewRun> runs;
    std::shared_ptr<const store::NewRun> common;
    std::vector<store::OwnOfRun> similar_runs;  // to `common`
    std::size_t bytes = 0;

    bool empty() const { return runs.empty() && similar_runs.empty(); }
    bool full() const { return runs.size() + similar_runs.size() >= kMostRuns || bytes >= kMostBytes; }
};
Held held;

bool is_held_here() {
    return !held.empty() && held.subtransaction == GetCurrentSubTransactionId();
}

void forget() noexcept {
    held.runs.clear();
    held.similar_runs.clear();
    held.common.reset();
    held.bytes = 0;
}

void write() {
    const std::vector<store::NewRun> runs = std::exchange(held.runs, {});
    const std::vector<store::OwnOfRun> similar_runs = std::exchange(held.similar_runs, {});
    const auto common = std::exchange(held.common, nullptr);
    held.bytes = 0;
    const AsExtensionOwner owner(AsExtensionOwner::For::Rows);
    if (!runs.empty()) store::insert_runs(runs.data(), runs.size());
    if (common) store::insert_similar_runs(*common, similar_runs.data(), similar_runs.size());
}

// The statement's AFTER triggers are fired in here.
void at_end_of_statement(QueryDesc* query) {
    if (next_finish_hook != nullptr)
        next_finish_hook(query);
    else
        standard_ExecutorFinish(query);
    if (is_held_here()) entry([] { write(); });
}

void around_transaction(XactEvent event, void*) {
    if (event == XACT_EVENT_ABORT) forget();
    if ((event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PRE_PREPARE) && is_held_here())
        entry([] { write(); });
}

void around_subtransaction(SubXactEvent event, SubTransactionId subtransaction, SubTransactionId, void*) {
    if (event == SUBXACT_EVENT_ABORT_SUB && held.subtransaction == subtransaction) forget();
    if (event == SUBXACT_EVENT_PRE_COMMIT_SUB && is_held_here()) entry([] { write(); });
}

}  // namespace

void install_at_load() {
    next_finish_hook = ExecutorFinish_hook;
    ExecutorFinish_hook = at_end_of_statement;
    guarded([] {
        RegisterXactCallback(around_transaction, nullptr);
        RegisterSubXactCallback(around_subtransaction, nullptr);
    });
}

void at_end_of_command() {
    if (is_held_here()) write();
}

void add(store::NewRun run) {
    // Runs of an outer subtransaction are held: this one may not join them.
    if (!held.empty() && !is_held_here()) return store::insert_runs(&run, 1);
    held.subtransaction = GetCurrentSubTransactionId();
    held.bytes += run.input.size() + (run.event ? run.event->size() : 0);
    held.runs.push_back(std::move(run));
    if (held.full()) write();
}

void add_similar(const std::shared_ptr<const store::NewRun>& common, store::OwnOfRun run) {
    if (!held.empty() && !is_held_here()) return store::insert_similar_runs(*common, &run, 1);
    if (held.common != nullptr && held.common != common) write();
    held.subtransaction = GetCurrentSubTransactionId();
    held.bytes += run.input.size() + (run.event ? run.event->size() : 0);
    held.common = common;
    held.similar_runs.push_back(std::move(run));
    if (held.full()) write();
}

}  // namespace flowctl::pg::pending_runs
