// From phase to phase; see phases.hpp.
#include "pg/map_runs/phases.hpp"

#include "pg/engine/machine_limits.hpp"

namespace flowctl::pg {

namespace {

using store::MapPhase;

map_run::Counts counts_of(std::int64_t total, const store::MapCounts& ended) {
    map_run::Counts counts;
    counts.total = total;
    counts.succeeded = ended.succeeded;
    counts.failed = ended.failed;
    counts.timed_out = ended.timed_out;
    counts.aborted = ended.aborted;
    return counts;
}

}  // namespace

void Phases::fail(MapRun& run, const std::string& error, const std::string& cause) {
    try {
        in_transaction("pg_flowctl: failing a map run",
                       [&](Spi& spi) { store::fail_map_run(spi, run.id, run.phase, error, cause); });
    } catch (PgError& again) {
        again.report();
        host_.pause();
        return;
    }
    if (run.phase != MapPhase::Writing) return close(run, machine::Status::Failed, error, cause);
    run.results_given_up = true;
    if (run.status != machine::Status::Running) return;
    run.status = machine::Status::Failed;
    run.error = error;
    run.cause = cause;
}

void Phases::close(MapRun& run, machine::Status status, const std::optional<std::string>& error,
                   const std::optional<std::string>& cause) {
    if (status == machine::Status::Aborted) run.awaited = false;
    if (run.told) return;
    if (run.status == machine::Status::Running) {
        run.status = status;
        run.error = error;
        run.cause = cause;
    }
    if (run.phase == MapPhase::Closing) return;
    run.phase = MapPhase::Closing;
    run.making.reset();
    run.batcher.reset();
    run.source.reset();
    run.answer.reset();
    run.queued.clear();
    run.queue_closed = false;
    run.not_before = 0;
    run.to_stop.clear();
    for (const auto& [id, child] : run.under_way)
        run.to_stop.push_back(id);
    run.helper.terminate();
    if (run.request != 0) {
        host_.cancel(run.request);
        run.request = 0;
    }
}

void Phases::make_children(MapRun& run, const Make& make) {
    if (!run.making) {
        run.making =
            std::make_unique<MakingChildren>(MakingChildren{{run.id, run.parent, run.type}, false, {}, {}});
        MakingChildren& making = *run.making;
        making.work = std::make_unique<Sliced>([&run, &making, make] { make(run, making); });
    }
    if (!run.making->work->go_on(kMakingMicros)) return;
    const std::unique_ptr<MakingChildren> made = std::move(run.making);
    if (made->problem) return fail(run, std::string(map_run::kItemReaderFailed), *made->problem);
    keep_children(run, made->children, made->all);
}

void Phases::keep_children(MapRun& run, MapChildren& children, bool all) {
    if (all && !run.batcher->failure()) children.add(run.batcher->end_of_items());
    if (const auto& failure = run.batcher->failure()) return fail(run, failure->error, failure->cause);
    in_transaction("pg_flowctl: writing the children of a map run", [&](Spi& spi) {
        children.write(spi);
        store::add_map_children(spi, run.id, children.items(), children.children(), all);
    });
    run.items += children.items();
    run.written += children.children();
    if (!all) return;
    run.batcher.reset();
    run.source.reset();
    run.plan.items = json::Value();
    run.phase = MapPhase::Running;
    begin_running(run);
}

void Phases::begin_running(MapRun& run, const store::MapCounts& of_items, const store::MapCounts& of_runs) {
    run.tally = std::make_unique<map_run::Tally>(run.plan, counts_of(run.items, of_items),
                                                 counts_of(run.written, of_runs));
}

}  // namespace flowctl::pg
