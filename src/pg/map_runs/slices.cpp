// Turns of the engine: what map runs have to do between their beginning and their end, a slice at a time. See
// engine.hpp and map_runs.hpp.
//
// After the items of a turn, each map run that has something to do gets a slice of bounded work in a
// transaction of its own: children from items, the ids of the next children, queued children to abort,
// results to collect. What can take long (a user's query, a user's table) a helper process does; what waits
// for the network does so without a transaction. A slice that fails fails its map run, unless it is the
// server that fails. Memory changes after the commit of what it says.
#include <algorithm>

#include "core/json.hpp"
#include "pg/engine/batch.hpp"
#include "pg/engine/machine_limits.hpp"
#include "pg/map_runs/children.hpp"
#include "pg/server/transaction.hpp"

namespace flowctl::pg {

namespace {

using store::MapPhase;
using Kind = asl::DataResource::Kind;

constexpr std::int64_t kSliceMicros = 10'000;      // of making children from items
constexpr std::int64_t kAllSlicesMicros = 30'000;  // of a turn
constexpr std::int64_t kFetched = 1'000;           // queued children whose ids are in memory
constexpr std::int64_t kAborted = 1'000;           // queued children, in one slice
constexpr std::size_t kStopped = 200;              // children under way, in one slice
constexpr std::int64_t kCollected = 2'000;         // results, in one slice
constexpr std::size_t kCollectedBytes = 1024 * 1024;
constexpr std::int64_t kForgotten = 1'000;
constexpr std::int64_t kHelperAgainMicros = 1'000'000;
constexpr std::int32_t kMostAttempts = 5;  // of helpers that leave nothing
constexpr std::int32_t kMostStarts = 20;   // of helpers in all: one may take the server down with it

bool is_by_sql(Kind kind) {
    return kind == Kind::SqlQuery || kind == Kind::SqlTable;
}

// Whether something may be given up for an error of a slice. What only ends it must come to its end.
bool can_fail(const MapRun& run) {
    return run.status == "RUNNING" || (run.phase == MapPhase::Writing && !run.results_given_up);
}

// A slice's transaction.
template <class Body>
void in_transaction(const char* activity, Body&& body) {
    Transaction transaction(activity);
    {
        Spi spi;
        body(spi);
    }
    transaction.commit();
}

}  // namespace

bool Engine::work_on_maps() {
    bool any = false;
    const std::int64_t until = now_micros() + kAllSlicesMicros;
    // Map runs take turns at being first.
    std::vector<Uuid> ids = maps_.ids();
    std::rotate(ids.begin(), std::upper_bound(ids.begin(), ids.end(), last_map_), ids.end());
    for (const Uuid& id : ids) {
        if (now_micros() >= until) return true;
        MapRun* run = maps_.find(id);
        if (run == nullptr) continue;
        last_map_ = id;
        try {
            if (work_on(*run)) any = true;
        } catch (PgError& error) {
            const bool again = is_transient(error.sqlstate());
            const std::string reason = error.what();
            error.report();
            run->begin_again();
            if (again || !can_fail(*run) || !storage_works()) {
                pause();
                return false;
            }
            fail_map_run(*run, "States.Runtime", "the engine cannot carry this map run on: " + reason);
        } catch (const std::exception& error) {
            run->begin_again();
            if (!can_fail(*run)) {
                pause();
                return false;
            }
            fail_map_run(*run, "States.Runtime",
                         std::string("the engine cannot carry this map run on: ") + error.what());
        }
    }
    return any;
}

// One slice; false: there is nothing to do now.
bool Engine::work_on(MapRun& run) {
    if (run.told) return false;
    if (run.phase != MapPhase::Closing && !run.children->flow && !run.results_given_up) {
        fail_map_run(run, "States.Runtime", run.children->problem);
        return true;
    }
    switch (run.phase) {
        case MapPhase::Reading:
            return read_slice(run);
        case MapPhase::Running:
            return run_slice(run);
        case MapPhase::Closing:
            return close_slice(run);
        default:
            return write_slice(run);
    }
}

// In a transaction of its own. What is open of the map run is aborted next; results that cannot be written
// are given up, whether it has failed before or fails by that.
void Engine::fail_map_run(MapRun& run, const std::string& error, const std::string& cause) {
    try {
        in_transaction("pg_flowctl: failing a map run",
                       [&](Spi& spi) { store::fail_map_run(spi, run.id, run.phase, error, cause); });
    } catch (PgError& again) {
        again.report();
        pause();
        return;
    }
    if (run.phase != MapPhase::Writing) return close_in_memory(run, "FAILED", error, cause);
    run.results_given_up = true;
    if (run.status != "RUNNING") return;
    run.status = "FAILED";
    run.error = error;
    run.cause = cause;
}

// ---------------------------------------------------------------------------------------------- READING

bool Engine::read_slice(MapRun& run) {
    if (!run.plan.reader) return read_own_items(run);
    if (is_by_sql(run.plan.reader->resource.kind)) return use_helper(run);
    return read_document(run);
}

// Items that the plan has itself.
bool Engine::read_own_items(MapRun& run) {
    if (!run.builder) run.builder = make_builder(*run.whole->whole, run.plan, run.items, run.written);
    MapChildren children(run.id, run.parent, run.type);
    const std::int64_t until = now_micros() + kSliceMicros;
    bool more = true;
    for (bool full = false; more && !full && now_micros() < until;) {
        std::optional<map_run::Item> item;
        if (run.builder->wants_item()) item = run.builder->next_own_item();
        if (item)
            full = children.add(run.builder->take(*item, fresh_now()));
        else
            more = false;
    }
    return keep_children(run, children, !more);
}

// The children that a slice has made go into the table; when they are all there, they may begin.
bool Engine::keep_children(MapRun& run, MapChildren& children, bool all) {
    if (const auto& failure = run.builder->failure()) {
        fail_map_run(run, failure->error, failure->cause);
        return true;
    }
    if (all) children.add(run.builder->end_of_items());
    if (const auto& failure = run.builder->failure()) {
        fail_map_run(run, failure->error, failure->cause);
        return true;
    }
    in_transaction("pg_flowctl: writing the children of a map run", [&](Spi& spi) {
        children.write(spi);
        store::add_map_children(spi, run.id, children.items(), children.children(), all);
    });
    run.items += children.items();
    run.written += children.children();
    if (!all) return true;
    run.builder.reset();
    run.source.reset();
    run.plan.items = json::Value();
    judge_children(run, {}, {});
    run.phase = MapPhase::Running;
    return true;
}

// Has a helper process do it, and looks what came of it.
bool Engine::use_helper(MapRun& run) {
    switch (run.helper.look()) {
        case MapHelper::State::UnderWay:
            return false;
        case MapHelper::State::None: {
            const std::int64_t now = now_micros();
            if (run.not_before > now) return false;
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
        default:
            break;
    }
    std::optional<store::MapProgress> progress;
    in_transaction("pg_flowctl: looking at a map run",
                   [&](Spi& spi) { progress = store::find_map_progress(spi, run.id); });
    if (!progress) throw std::runtime_error("its row is gone");
    if (progress->status == "FAILED" && run.status == "RUNNING") {
        run.status = progress->status;
        run.error = progress->error;
        run.cause = progress->cause;
        if (run.phase == MapPhase::Reading) close_in_memory(run, "FAILED");
        return true;
    }
    if (run.phase == MapPhase::Reading && progress->phase == MapPhase::Running) {
        run.items = progress->items;
        run.written = progress->children;
        judge_children(run, {}, {});
        run.phase = MapPhase::Running;
        return true;
    }
    if (run.phase == MapPhase::Writing && progress->results_written == run.written) {
        run.results_written = progress->results_written;
        return true;
    }
    // It was ended, or died.
    if (++run.attempts >= kMostAttempts)
        fail_helped(run, run.attempts);
    else
        run.not_before = now_micros() + kHelperAgainMicros;
    return true;
}

// Its helpers have come to nothing so often that there will be no other.
void Engine::fail_helped(MapRun& run, std::int32_t times) {
    const bool reads = run.phase == MapPhase::Reading;
    fail_map_run(run, std::string(reads ? map_run::kItemReaderFailed : map_run::kResultWriterFailed),
                 "the process that did it has ended " + std::to_string(times) + " times without a result");
}

// ---------------------------------------------------------------------------------------------- RUNNING

bool Engine::run_slice(MapRun& run) {
    if (const auto& failure = run.judge->failure()) {
        fail_map_run(run, failure->error, failure->cause);
        return true;
    }
    if (run.judge->progress().children.ended() >= run.written) {
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

// Children under way end by the event that stops any run; those that never began end here.
bool Engine::close_slice(MapRun& run) {
    if (run.helper.look() == MapHelper::State::UnderWay) return false;
    if (!run.to_stop.empty()) {
        for (std::size_t i = 0; i < kStopped && !run.to_stop.empty(); i++) {
            queue_.push_back({run.to_stop.front(), machine::Stopped{}, std::nullopt, 0, true, std::nullopt});
            run.to_stop.pop_front();
        }
        return true;
    }
    if (!run.queue_closed) {
        store::AbortedChildren aborted;
        in_transaction("pg_flowctl: aborting the children of a map run", [&](Spi& spi) {
            const std::int64_t now = now_micros();
            // A reader that was ended may have come to its end before.
            if (const auto progress = store::find_map_progress(spi, run.id)) run.written = progress->children;
            aborted = store::abort_queued_children(spi, run.id, run.given_to, run.given_to + kAborted, now);
            if (aborted.runs.aborted > 0)
                store::add_map_counts(spi, {{run.id, aborted.runs, aborted.of_items, 0}});
        });
        run.given_to += kAborted;
        run.queue_closed = run.given_to >= run.written;
        shmem::runs_ended(MyDatabaseId);
        return true;
    }
    if (!run.under_way.empty()) return false;
    if (run.awaited && run.plan.writer && run.written > 0 && run.children->flow) {
        in_transaction("pg_flowctl: a map run has stopped",
                       [&](Spi& spi) { store::set_map_phase(spi, run.id, MapPhase::Writing); });
        run.phase = MapPhase::Writing;
        return true;
    }
    return end_slice(run);
}

// ---------------------------------------------------------------------------------------------- WRITING

bool Engine::write_slice(MapRun& run) {
    if (run.plan.writer) {
        const bool by_sql = is_by_sql(run.plan.writer->resource.kind);
        const bool all = by_sql ? run.results_written >= run.written : run.files_done;
        const bool given_up = run.results_given_up || run.error == map_run::kResultWriterFailed;
        if (!all && !given_up) return by_sql ? use_helper(run) : write_documents(run);
        if (!run.verdict && run.status == "RUNNING")
            run.verdict =
                map_run::succeeded(run.call_id, map_run::writer_output(run.plan, writer_details(run)));
        return end_slice(run);
    }
    if (!run.verdict && run.status == "RUNNING") return collect_slice(run);
    return end_slice(run);
}

// The outputs of the children in the order of the items: the result of the state.
bool Engine::collect_slice(MapRun& run) {
    if (!run.results) {
        run.results =
            std::make_unique<map_run::MapRun>(*map_run::MapRun::find_map(*run.whole->whole, run.plan.state),
                                              run.plan, machine_limits(), 0, run.judge->progress());
        run.collected_to = 0;
        run.collected_bytes = 0;
    }
    store::ChildResults found;
    const std::size_t most = static_cast<std::size_t>(guc::max_payload_bytes);
    if (run.results->keeps_results() && run.collected_bytes <= most && run.collected_to < run.written) {
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

map_run::ChildEnd Engine::child_end(const MapRun& run, const store::ChildResult& child) const {
    map_run::ChildEnd end;
    end.index = child.index;
    end.items = child.items;
    end.status = status_of(child.status);
    json::ParseLimits limits;
    limits.max_bytes = static_cast<std::size_t>(MaxAllocSize);
    if (child.output)
        if (auto output = json::parse(*child.output, limits)) end.output = std::move(output).value();
    if (!child.input.empty())
        if (auto input = json::parse(child.input, limits)) end.input = std::move(input).value();
    end.error = child.error;
    end.cause = child.cause;
    end.name = to_string(child.run_id);
    machine::RunContext whole;
    whole.state_machine_name = run.whole->name;
    whole.state_machine_id = arn_prefix() + "stateMachine:" + run.whole->name;
    whole.execution_id = arn_prefix() + "execution:" + run.whole->name + ":" + to_string(run.parent);
    const machine::RunContext context =
        map_run::child_context(whole, run.plan, end.name, child.started_at, json::Value());
    end.arn = context.execution_id;
    end.state_machine_arn = context.state_machine_id;
    end.started_at = child.started_at;
    end.ended_at = child.ended_at.value_or(child.started_at);
    return end;
}

// ---------------------------------------------------------------------------------------------- the end

// All its children have ended. What the flow does not keep is forgotten, then the parent is told; a map run
// that nobody waits for is over.
bool Engine::end_slice(MapRun& run) {
    const KeepData keep = run.whole->keep_data;
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
                       [&](Spi& spi) { store::end_map_run(spi, run.id, run.status, now_micros()); });
        maps_.remove(run.id);
        return true;
    }
    if (!run.verdict)
        run.verdict =
            map_run::failed(run.call_id, {run.error.value_or("States.Runtime"), run.cause.value_or("")});
    run.told = true;
    queue_.push_back({run.parent, std::move(*run.verdict), std::nullopt, 0, true, run.id});
    return true;
}

}  // namespace flowctl::pg
