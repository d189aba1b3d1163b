// Slices of work on map runs; see slices.hpp.
#include "pg/map_runs/slices.hpp"

#include <algorithm>

#include "core/json.hpp"
#include "pg/engine/failures.hpp"
#include "pg/engine/machine_limits.hpp"
#include "pg/server/timestamps.hpp"
#include "pg/shared/drain.hpp"
#include "pg/shared/shmem.hpp"

namespace flowctl::pg {

namespace {

using store::MapPhase;
using Kind = asl::DataResource::Kind;

constexpr std::int64_t kAllSlicesMicros = 30'000;  // of a turn
constexpr std::int64_t kFetched = 1'000;           // queued children whose ids are in memory
constexpr std::int64_t kAborted = 1'000;           // queued children, in one slice
constexpr std::int64_t kReopened = 500;            // children, in one slice
constexpr std::size_t kStopped = 200;              // children under way, in one slice
constexpr std::int64_t kCollected = 2'000;         // results, in one slice
constexpr std::size_t kCollectedBytes = 1024 * 1024;
constexpr std::int64_t kForgotten = 1'000;
constexpr std::int64_t kHelperAgainMicros = 1'000'000;
constexpr std::int32_t kMostAttempts = 5;  // helpers that leave nothing
constexpr std::int32_t kMostStarts = 20;   // helpers in all: each may have taken the server down with it

bool is_by_sql(Kind kind) {
    return kind == Kind::SqlQuery || kind == Kind::SqlTable;
}

// What a map run fails with whose helper has failed.
std::string error_of_helper(const MapRun& run) {
    return std::string(run.phase == MapPhase::Reading ? map_run::kItemReaderFailed
                                                      : map_run::kResultWriterFailed);
}

// Whether the map run may fail by an error of a slice. One that has failed already has only to be brought to
// its end, and that is tried until it succeeds.
bool can_fail(const MapRun& run) {
    return run.status == machine::Status::Running ||
           (run.phase == MapPhase::Writing && !run.results_given_up);
}

}  // namespace

bool Slices::work() {
    bool any = false;
    const std::int64_t until = unix_micros_now() + kAllSlicesMicros;
    // Map runs take turns at being first.
    std::vector<Uuid> ids = maps_.ids();
    std::rotate(ids.begin(), std::upper_bound(ids.begin(), ids.end(), last_), ids.end());
    for (const Uuid& id : ids) {
        if (unix_micros_now() >= until) return true;
        MapRun* run = maps_.find(id);
        if (run == nullptr) continue;
        last_ = id;
        try {
            if (work_on(*run)) any = true;
        } catch (PgError& error) {
            const bool transient = is_transient(error.sqlstate());
            const std::string reason = error.what();
            error.report();
            if (!go_on_after(*run, transient, reason)) return false;
        } catch (const std::exception& error) {
            if (!go_on_after(*run, false, error.what())) return false;
        }
    }
    return any;
}

// A slice has failed. Its map run fails by that, unless it is the server that fails (false).
bool Slices::go_on_after(MapRun& run, bool transient, const std::string& reason) {
    run.begin_again();
    if (transient || !can_fail(run) || !storage_works()) {
        state_.pause();
        return false;
    }
    phases_.fail(run, "States.Runtime", "the engine cannot carry this map run on: " + reason);
    return true;
}

// One slice; false: there is nothing to do now.
bool Slices::work_on(MapRun& run) {
    if (run.told) return false;
    if (run.phase != MapPhase::Closing && !run.children->flow && !run.results_given_up) {
        phases_.fail(run, "States.Runtime", run.children->problem);
        return true;
    }
    switch (run.phase) {
        case MapPhase::Reading:
            return read(run);
        case MapPhase::Running:
            return run_children(run);
        case MapPhase::Closing:
            return close(run);
        case MapPhase::Redriving:
            return redrive(run);
        default:
            return write(run);
    }
}

// ---------------------------------------------------------------------------------------------- READING

bool Slices::read(MapRun& run) {
    if (!run.plan.reader) return read_own_items(run);
    if (is_by_sql(run.plan.reader->resource.kind)) return use_helper(run);
    return documents_.read(run);
}

// The items are in the plan.
bool Slices::read_own_items(MapRun& run) {
    if (!run.batcher) run.batcher = make_batcher(*run.whole->whole, run.plan, {run.items, run.written});
    phases_.make_children(run, [](MapRun& from, MakingChildren& making) {
        const std::int64_t until = unix_micros_now() + kMakingMicros;
        for (bool full = false; !making.all && !full && unix_micros_now() < until;) {
            std::optional<map_run::Item> item;
            if (from.batcher->wants_item()) item = from.batcher->next_own_item();
            if (item)
                full = making.children.add(from.batcher->take(*item, fresh_now()));
            else
                making.all = true;
        }
    });
    return true;
}

// A helper process does the work; here it is started, and its result is looked at.
bool Slices::use_helper(MapRun& run) {
    switch (run.helper.look()) {
        case MapHelper::State::UnderWay:
            return false;
        case MapHelper::State::None:
            return start_helper(run);
        default:
            return helper_ended(run);
    }
}

bool Slices::start_helper(MapRun& run) {
    const std::int64_t now = unix_micros_now();
    if (run.not_before > now || drain::is_closed()) return false;
    run.not_before = 0;
    if (MapHelper::count() >= guc::map_helpers) return false;  // the end of another wakes us
    if (run.starts >= kMostStarts) {
        fail_helped(run, run.starts);
        return true;
    }
    if (!run.helper.start(run.id)) {
        run.not_before = now + kHelperAgainMicros;
        return false;
    }
    run.starts++;
    in_transaction("pg_flowctl: a map run has a process",
                   [&](Spi& spi) { store::note_map_helper(spi, run.id); });
    return false;
}

// The row of the map run says what the process has done. One that was terminated, or died, has left nothing
// there.
bool Slices::helper_ended(MapRun& run) {
    std::optional<store::MapProgress> progress;
    in_transaction("pg_flowctl: looking at a map run",
                   [&](Spi& spi) { progress = store::find_map_progress(spi, run.id); });
    if (!progress) throw std::runtime_error("its row is gone");
    if (progress->status == machine::Status::Failed && run.status == machine::Status::Running) {
        run.status = progress->status;
        run.error = progress->error;
        run.cause = progress->cause;
        if (run.phase == MapPhase::Reading) phases_.close(run, machine::Status::Failed);
        return true;
    }
    if (run.phase == MapPhase::Reading && progress->phase == MapPhase::Running) {
        run.items = progress->items;
        run.written = progress->children;
        run.phase = MapPhase::Running;
        Phases::begin_running(run);
        return true;
    }
    if (run.phase == MapPhase::Writing && progress->results_written == run.written) {
        run.results_written = progress->results_written;
        return true;
    }
    if (run.helper.is_overdue())
        fail_overdue(run);
    else if (++run.attempts >= kMostAttempts)
        fail_helped(run, run.attempts);
    else
        run.not_before = unix_micros_now() + kHelperAgainMicros;
    return true;
}

// So many of its helpers have left nothing that no other is started.
void Slices::fail_helped(MapRun& run, std::int32_t times) {
    phases_.fail(run, error_of_helper(run),
                 "the process that did it has ended " + std::to_string(times) + " times without a result");
}

// Another would not end either.
void Slices::fail_overdue(MapRun& run) {
    phases_.fail(run, error_of_helper(run),
                 "the process that did it went on after flowctl.map_helper_timeout and was terminated");
}

// ---------------------------------------------------------------------------------------------- RUNNING

bool Slices::run_children(MapRun& run) {
    if (const auto& failure = run.tally->failure()) {
        phases_.fail(run, failure->error, failure->cause);
        return true;
    }
    if (run.tally->children().ended() >= run.written) {
        if (run.plan.writer)
            in_transaction("pg_flowctl: a map run has done its items",
                           [&](Spi& spi) { store::set_map_phase(spi, run.id, MapPhase::Writing); });
        run.phase = MapPhase::Writing;
        return true;
    }
    if (run.fetched_all || run.queued.size() > static_cast<std::size_t>(kFetched / 2)) return false;
    std::vector<store::ChildId> children;
    in_transaction("pg_flowctl: looking for the next children", [&](Spi& spi) {
        children = store::find_queued_children(spi, run.id, run.fetched_to, run.fetched_to + kFetched);
    });
    run.fetched_to += kFetched;
    run.fetched_all = run.fetched_to >= run.written;
    for (const store::ChildId& child : children)
        if (!run.under_way.contains(child.run_id)) run.queued.push_back(child);
    return true;
}

// ---------------------------------------------------------------------------------------------- CLOSING

// Children under way are stopped as any run is, by an event; children that never began end here.
bool Slices::close(MapRun& run) {
    if (run.helper.look() == MapHelper::State::UnderWay) return false;
    if (!run.to_stop.empty()) {
        for (std::size_t i = 0; i < kStopped && !run.to_stop.empty(); i++) {
            state_.queue({.run = run.to_stop.front(), .event = machine::Stopped{}, .load = true});
            run.to_stop.pop_front();
        }
        return true;
    }
    if (!run.queue_closed) return abort_queued(run);
    if (!run.under_way.empty()) return false;
    if (run.awaited && run.plan.writer && run.written > 0 && run.children->flow) {
        in_transaction("pg_flowctl: a map run has stopped",
                       [&](Spi& spi) { store::set_map_phase(spi, run.id, MapPhase::Writing); });
        run.phase = MapPhase::Writing;
        return true;
    }
    return end(run);
}

bool Slices::abort_queued(MapRun& run) {
    in_transaction("pg_flowctl: aborting the children of a map run", [&](Spi& spi) {
        const std::int64_t now = unix_micros_now();
        // The reader may have finished before it was terminated.
        if (const auto progress = store::find_map_progress(spi, run.id)) run.written = progress->children;
        const store::AbortedChildren aborted =
            store::abort_queued_children(spi, run.id, run.given_to, run.given_to + kAborted, now);
        if (aborted.runs.aborted > 0)
            store::add_map_counts(spi, {{run.id, aborted.runs, aborted.of_items, 0}});
    });
    run.given_to += kAborted;
    run.queue_closed = run.given_to >= run.written;
    shmem::runs_ended(MyDatabaseId);
    return true;
}

// -------------------------------------------------------------------------------------------- REDRIVING

// Children that have not succeeded are queued again, as if they had not begun. It may be done twice, after a
// crash. Then the map run goes on where it was: its other children are read, or all of them run.
bool Slices::redrive(MapRun& run) {
    if (run.redriven_to < run.written) {
        in_transaction("pg_flowctl: redriving the children of a map run", [&](Spi& spi) {
            const store::AbortedChildren again = store::reopen_children(
                spi, run.id, run.redriven_to, run.redriven_to + kReopened, unix_micros_now());
            store::add_map_counts(spi, {{run.id, again.runs.negated(), again.of_items.negated(), 0}});
        });
        run.redriven_to += kReopened;
        return true;
    }
    std::optional<store::MapRunRow> row;
    const MapPhase next = run.all_read ? MapPhase::Running : MapPhase::Reading;
    in_transaction("pg_flowctl: a map run is redriven", [&](Spi& spi) {
        store::set_map_phase(spi, run.id, next);
        row = store::find_map_run(spi, run.id);
    });
    if (!row) throw std::runtime_error("its row is gone");
    run.phase = next;
    if (next == MapPhase::Running) Phases::begin_running(run, row->of_items, row->runs);
    return true;
}

// ---------------------------------------------------------------------------------------------- WRITING

bool Slices::write(MapRun& run) {
    if (run.plan.writer) {
        const bool by_sql = is_by_sql(run.plan.writer->resource.kind);
        const bool all = by_sql ? run.results_written >= run.written : run.files_done;
        const bool given_up = run.results_given_up || run.error == map_run::kResultWriterFailed;
        if (!all && !given_up) return by_sql ? use_helper(run) : files_.write(run);
        if (!run.verdict && run.status == machine::Status::Running)
            run.verdict =
                map_run::succeeded(run.call_id, map_run::writer_output(run.plan, writer_details(run)));
        return end(run);
    }
    if (!run.verdict && run.status == machine::Status::Running) return collect(run);
    return end(run);
}

// The outputs of the children in the order of the items: the result of the state.
bool Slices::collect(MapRun& run) {
    if (!run.results) {
        run.results = std::make_unique<map_run::Results>(run.plan, machine_limits());
        run.collected_to = 0;
        run.collected_bytes = 0;
    }
    store::ChildResults found;
    const std::size_t most = static_cast<std::size_t>(guc::max_payload_bytes);
    if (run.results->wants() && run.collected_bytes <= most && run.collected_to < run.written) {
        in_transaction("pg_flowctl: collecting the results of a map run", [&](Spi& spi) {
            found = store::find_results(spi, run.id, run.collected_to, run.collected_to + kCollected,
                                        kCollectedBytes);
        });
    }
    for (const store::ChildResult& child : found.children) {
        run.collected_bytes += child.output ? child.output->size() : 0;
        run.results->recall(child_end(run, child));
    }
    if (found.next > run.collected_to) {
        run.collected_to = found.next;
        return true;
    }
    auto result = run.results->result();
    run.verdict = result ? map_run::succeeded(run.call_id, std::move(result).value())
                         : map_run::failed(run.call_id, result.error());
    run.results.reset();
    return true;
}

// ---------------------------------------------------------------------------------------------- the end

// All children have ended. Payloads that the flow does not keep are forgotten; then the parent is told. A map
// run that nobody waits for is over at once.
bool Slices::end(MapRun& run) {
    const KeepData keep = run.whole->options.keep_data;
    if (keep != KeepData::All && run.forgotten_to < run.written) {
        in_transaction("pg_flowctl: forgetting the payloads of a map run", [&](Spi& spi) {
            store::forget_children(spi, run.id, run.forgotten_to, run.forgotten_to + kForgotten,
                                   keep == KeepData::Error);
        });
        run.forgotten_to += kForgotten;
        return true;
    }
    if (!run.awaited) {
        in_transaction("pg_flowctl: ending a map run",
                       [&](Spi& spi) {
                           store::end_map_run(spi, run.id, run.status, unix_micros_now(),
                                              run.keeps_plan(run.status));
                       });
        maps_.remove(run.id);
        return true;
    }
    if (!run.verdict)
        run.verdict =
            map_run::failed(run.call_id, {run.error.value_or("States.Runtime"), run.cause.value_or("")});
    run.told = true;
    state_.queue({.run = run.parent, .event = std::move(*run.verdict), .load = true, .from = &part_});
    return true;
}

}  // namespace flowctl::pg
