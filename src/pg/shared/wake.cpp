// The notes of a transaction, and the callbacks that send or forget them.
//
// An ERROR during a commit is a PANIC of the whole server, so memory is allocated when something is noted, and at
// commit nothing is done but copying, spinlocks and latches.
//
// Whoever is woken looks at the tables at once, and goes by what it has read before as long as no invalidation
// message has come (server/catalog_watch.hpp). The server sends a transaction's messages after XACT_EVENT_COMMIT
// and before it releases the locks; so the notes leave when the locks are gone. Otherwise a worker that is quick
// would look before it knows of the change, and then sleep until the next sweep. Invariant: after the end of each
// transaction, whichever way it ended, the notes are empty and each bar that it raised is down again. That
// holds for a session that is terminated too, because its exit aborts its transaction.
//
// Run ids are hints that a worker checks against the table. They are kept with the subtransaction that noted
// them; numbers of subtransactions only grow, so an abort forgets from the end of the list. More ids than a
// ring takes are not kept: the workers are told to sweep. A prepared transaction forgets its notes; the hook
// of COMMIT PREPARED makes the workers sweep.
#include "pg/shared/wake.hpp"

#include <algorithm>

#include "pg/shared/bars.hpp"
#include "pg/shared/pokes.hpp"
#include "pg/shared/shmem.hpp"

extern "C" {
#include "utils/resowner.h"
}

namespace flowctl::pg::wake {

namespace {

// An array in TopMemoryContext that keeps its memory when emptied.
template <class T>
struct Kept {
    T* items = nullptr;
    std::size_t count = 0;
    std::size_t capacity = 0;

    void add(const T& item) {
        if (count == capacity) grow();
        items[count++] = item;
    }

  private:
    void grow() {
        const std::size_t wanted = std::max<std::size_t>(16, capacity * 2);
        items = guarded([&] {
            return static_cast<T*>(items == nullptr ? MemoryContextAlloc(TopMemoryContext, wanted * sizeof(T))
                                                    : repalloc(items, wanted * sizeof(T)));
        });
        capacity = wanted;
    }
};

struct Notes {
    Kept<FreshRun> runs;
    Kept<SubTransactionId> noted_by;  // for each run
    Kept<Oid> bars;
    bool more_runs = false;
    bool poke = false;
    bool extension_created = false;
    bool extension_dropped = false;
    bool new_database = false;
    bool committed = false;  // so they leave as soon as the locks are gone
};
Notes notes;

void send() noexcept {
    // A run that was paused in the transaction that started it must not begin before its worker looks at the
    // requests, so the poke comes first.
    if (notes.poke) shmem::poke_workers(MyDatabaseId);
    if (notes.more_runs) shmem::announce_unknown_runs(MyDatabaseId);
    if (notes.runs.count != 0) shmem::announce_runs(MyDatabaseId, notes.runs.items, notes.runs.count);
    if (notes.extension_dropped) shmem::extension_dropped(MyDatabaseId);
    if (notes.extension_created) pokes::poke_launcher(MyDatabaseId);
    if (notes.new_database) pokes::poke_launcher(InvalidOid);
}

void forget() noexcept {
    for (std::size_t i = 0; i < notes.bars.count; i++) {
        bars::lower(notes.bars.items[i]);
        pokes::poke_launcher(notes.bars.items[i]);
    }
    notes.runs.count = notes.noted_by.count = notes.bars.count = 0;
    notes.more_runs = notes.poke = notes.extension_created = notes.extension_dropped = notes.new_database =
        notes.committed = false;
}

// CREATE EXTENSION hides messages below WARNING while its script runs, so this waits for the commit.
void say_that_nothing_runs() {
    if (get_extension_oid("pg_flowctl", true) == InvalidOid) return;  // a savepoint has taken it back
    ereport(NOTICE,
            (errmsg("pg_flowctl is not preloaded, so flows can be defined, but no run can be started"),
             errhint("%s", shmem::kPreloadHint)));
}

void at_end_of_transaction(XactEvent event, void*) noexcept {
    switch (event) {
        case XACT_EVENT_PRE_COMMIT:
            if (notes.extension_created && !shmem::available()) say_that_nothing_runs();
            break;
        case XACT_EVENT_COMMIT:
            notes.committed = true;
            break;
        case XACT_EVENT_ABORT:
        case XACT_EVENT_PREPARE:
            forget();
            break;
        default:
            break;
    }
}

void at_release(ResourceReleasePhase phase, bool, bool is_top_level, void*) noexcept {
    if (!notes.committed || !is_top_level || phase != RESOURCE_RELEASE_AFTER_LOCKS) return;
    send();
    forget();
}

void at_end_of_subtransaction(SubXactEvent event, SubTransactionId subtransaction, SubTransactionId,
                              void*) noexcept {
    if (event != SUBXACT_EVENT_ABORT_SUB) return;
    while (notes.runs.count != 0 && notes.noted_by.items[notes.runs.count - 1] >= subtransaction)
        notes.noted_by.count = --notes.runs.count;
}

}  // namespace

void install_at_load() {
    guarded([] {
        RegisterXactCallback(at_end_of_transaction, nullptr);
        RegisterSubXactCallback(at_end_of_subtransaction, nullptr);
        RegisterResourceReleaseCallback(at_release, nullptr);
    });
}

void note_started_run(const FreshRun& run) {
    if (notes.runs.count == shmem::kRingSize) {
        notes.more_runs = true;
        return;
    }
    // In this order, so that running out of memory leaves at most a number without a run.
    notes.noted_by.count = notes.runs.count;
    notes.noted_by.add(GetCurrentSubTransactionId());
    notes.runs.add(run);
}

void note_poke() noexcept {
    notes.poke = true;
}
void note_extension_created() noexcept {
    notes.extension_created = true;
}
void note_extension_dropped() noexcept {
    notes.extension_dropped = true;
}
void note_new_database() noexcept {
    notes.new_database = true;
}

void bar_until_end(Oid database) {
    notes.bars.add(database);
    bars::raise(database);
}

}  // namespace flowctl::pg::wake
