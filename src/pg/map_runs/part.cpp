// Turns of the engine: map runs, as steps of their parents and ends of their children change them. See
// engine.hpp and map_runs.hpp.
//
// The row of a map run is written with the step of its parent that begins it; its counts change with the
// children that end; its end and what the parent makes of it are one transaction. Memory follows after the
// commit. What it does in between: engine_map_slices.cpp.
#include <algorithm>
#include <stdexcept>

#include "core/json.hpp"
#include "pg/engine/batch.hpp"
#include "pg/engine/machine_limits.hpp"

namespace flowctl::pg {

namespace {

using store::MapPhase;

constexpr std::size_t kBegunAtOnce = 256;  // children, in one turn

map_run::Counts counts_of(std::int64_t total, const store::MapCounts& ended) {
    map_run::Counts counts;
    counts.total = total;
    counts.running = total - ended.ended();
    counts.succeeded = ended.succeeded;
    counts.failed = ended.failed;
    counts.timed_out = ended.timed_out;
    counts.aborted = ended.aborted;
    return counts;
}

// What a row says by itself.
MapRun without_plan(const store::MapRunRow& row) {
    MapRun run;
    run.id = row.map_run_id;
    run.parent = row.run_id;
    run.call_id = row.call_id;
    run.type = row.type;
    run.phase = row.phase;
    run.status = row.status;
    run.error = row.error;
    run.cause = row.cause;
    return run;
}

}  // namespace

// ---------------------------------------------------------------------------------------------- turns

std::size_t Engine::room_for_children() const {
    const std::size_t taken = live_.children() + maps_.waiting_to_begin();
    const auto most = static_cast<std::size_t>(guc::map_children);
    if (taken >= most || lanes_.waiting() >= kMaxInLineLive) return 0;
    return std::min(most - taken, kBegunAtOnce);
}

void Engine::map_effect(LiveRun& run, machine::Effect&& effect, std::vector<machine::Event>& events,
                        Batch& batch) {
    if (auto* start = std::get_if<machine::StartMapRun>(&effect)) {
        start_map_run(run, std::move(*start), batch);
    } else if (const auto* cancel = std::get_if<machine::CancelMapRun>(&effect)) {
        batch.maps_cancelled.emplace_back(run.id, cancel->id);
    } else if (const auto* wait = std::get_if<machine::AwaitMapRun>(&effect)) {
        const bool there =
            maps_.find(run.id, wait->id) != nullptr ||
            std::any_of(batch.maps_started.begin(), batch.maps_started.end(), [&](const auto& started) {
                return started.row.run_id == run.id && started.row.call_id == wait->id;
            });
        if (!there) events.push_back(map_run::failed(wait->id, {"States.Runtime", "the map run is gone"}));
    }
}

// A map run begins with the step of its parent that says so: its row is written with that step.
void Engine::start_map_run(LiveRun& run, machine::StartMapRun&& start, Batch& batch) {
    Batch::StartedMap& started = batch.maps_started.emplace_back();
    started.whole = run.version;
    store::MapRunRow& row = started.row;
    row.map_run_id = uuid_from_text(start.plan.uuid);
    row.run_id = run.id;
    row.call_id = start.id;
    row.flow_id = run.version->flow_id;
    row.flow = run.version->name;
    row.version = run.version->version;
    row.path = start.plan.path;
    row.state = start.plan.state;
    row.label = start.plan.label;
    row.type = start.plan.express ? "EXPRESS" : "STANDARD";
    row.status = "RUNNING";
    row.phase = MapPhase::Reading;
    row.max_concurrency = start.plan.max_concurrency;
    row.tolerated_count = start.plan.tolerated_count;
    row.tolerated_percentage = start.plan.tolerated_percentage;
    row.started_at = now_micros();
    row.plan = json::dump(start.plan.save());
    batch.bytes += row.plan.size();
}

void Engine::write_maps(Spi& spi, Batch& batch) {
    for (const Batch::StartedMap& started : batch.maps_started)
        store::insert_map_run(spi, started.row);
    std::map<Uuid, store::MapDelta> deltas;
    for (const Batch::EndedChild& ended : batch.children_ended) {
        const store::MapDelta one = delta_of(ended.child, ended.status);
        store::MapDelta& delta = deltas[one.map_run_id];
        delta.map_run_id = one.map_run_id;
        delta.runs += one.runs;
        delta.of_items += one.of_items;
        if (const MapRun* run = maps_.find(one.map_run_id)) delta.begun = run->begun_to();
    }
    std::vector<store::MapDelta> rows;
    for (const auto& [id, delta] : deltas)
        rows.push_back(delta);
    store::add_map_counts(spi, rows);
    const std::int64_t now = now_micros();
    for (const auto& [id, status] : batch.maps_over)
        store::end_map_run(spi, id, status, now);
    std::vector<Uuid> ended;
    for (const Uuid& id : batch.ended)
        if (maps_.has_parent(id)) ended.push_back(id);
    for (const Batch::StartedMap& started : batch.maps_started)
        if (std::find(batch.ended.begin(), batch.ended.end(), started.row.run_id) != batch.ended.end())
            ended.push_back(started.row.run_id);
    store::close_map_runs_of(spi, ended);
    for (const auto& [parent, call_id] : batch.maps_cancelled)
        store::cancel_map_run(spi, parent, call_id);
}

void Engine::carry_out_maps(Batch& batch) {
    for (Batch::StartedMap& started : batch.maps_started)
        maps_.add(make_map_run(started.row, started.whole));
    for (const ChildOf& child : batch.children_begun)
        maps_.child_begun(child);
    for (const Batch::EndedChild& ended : batch.children_ended)
        maps_.child_ended(ended.id, ended.child, ended.status);
    for (const auto& [id, map_run] : batch.children_gone)
        maps_.child_gone(id, map_run);
    for (const auto& [id, status] : batch.maps_over)
        maps_.remove(id);
    for (const auto& [parent, call_id] : batch.maps_cancelled)
        if (MapRun* run = maps_.find(parent, call_id)) close_in_memory(*run, "ABORTED");
    for (const Uuid& id : batch.ended)
        for (MapRun* run : maps_.of_parent(id))
            close_in_memory(*run, "ABORTED");
}

// ---------------------------------------------------------------------------------------------- in memory

MapRun Engine::make_map_run(const store::MapRunRow& row, std::shared_ptr<const CompiledVersion> whole) {
    MapRun run = without_plan(row);
    run.items = row.items;
    run.written = row.children;
    run.starts = row.read_attempts;
    run.results_written = row.results_written;
    run.source = row.source;
    run.files = ResultFiles::load(row.writer_state);
    run.whole = std::move(whole);

    json::ParseLimits limits;
    limits.max_bytes = row.plan.size() + 1;
    limits.max_depth = machine::kMaxFrameDepth;
    const auto saved = json::parse(row.plan, limits);
    if (!saved) throw std::runtime_error("the plan of a map run is not JSON: " + saved.error().message);
    auto plan = machine::MapRunPlan::load(*saved);
    if (!plan) throw std::runtime_error(plan.error());
    run.plan = std::move(plan).value();

    auto children = std::make_shared<CompiledVersion>(*run.whole);
    children->flow = nullptr;
    if (run.whole->whole) {
        const auto found = run.whole->whole->processors.find(run.plan.state);
        if (found != run.whole->whole->processors.end()) children->flow = found->second;
    }
    if (!children->flow && children->problem.empty())
        children->problem = "there is no distributed Map \"" + run.plan.state + "\"";
    run.children = std::move(children);

    run.given_to = run.fetched_to = row.begun;
    if (run.phase != MapPhase::Reading) judge_children(run, row.of_items, row.runs);
    return run;
}

MapRun Engine::unusable_map_run(const store::MapRunRow& row, const CompiledVersion& whole,
                                const char* problem) {
    MapRun run = without_plan(row);
    auto unusable = std::make_shared<CompiledVersion>(whole);
    unusable->flow = nullptr;
    unusable->problem = problem;
    run.whole = run.children = std::move(unusable);
    return run;
}

// From now on the children that end are counted, and the machine's rules say what follows.
void Engine::judge_children(MapRun& run, const store::MapCounts& of_items, const store::MapCounts& of_runs) {
    const asl::State* map =
        run.whole->whole ? map_run::MapRun::find_map(*run.whole->whole, run.plan.state) : nullptr;
    if (map == nullptr) return;  // work_on() says so
    machine::MapRunPlan plan = run.plan;
    plan.items = json::Value();
    plan.keeps_outputs = false;  // they are collected from the table when all are there
    map_run::Progress progress;
    progress.source_ended = true;
    progress.items = counts_of(run.items, of_items);
    progress.children = counts_of(run.written, of_runs);
    run.judge = std::make_unique<map_run::MapRun>(*map, std::move(plan), machine_limits(), 0, progress);
}

// Nothing of it begins any more, and what is open is to be aborted; the rows say so already.
void Engine::close_in_memory(MapRun& run, const std::string& status, const std::optional<std::string>& error,
                             const std::optional<std::string>& cause) {
    if (status == "ABORTED") run.awaited = false;
    if (run.told) return;
    if (run.status == "RUNNING") {
        run.status = status;
        run.error = error;
        run.cause = cause;
    }
    if (run.phase == MapPhase::Closing) return;
    run.phase = MapPhase::Closing;
    run.builder.reset();
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
        client_.cancel(run.request);
        forget_request(run.request);
        run.request = 0;
    }
}

// At the start of a worker, before any run is loaded.
void Engine::load_map_runs(Spi& spi) {
    for (const Uuid& id : maps_.ids())
        maps_.remove(id);
    for (const store::MapRunRow& row : store::find_open_map_runs(spi, claim_.shard, claim_.shards)) {
        std::shared_ptr<const CompiledVersion> whole = version(spi, row.flow_id, row.version, row.flow);
        try {
            maps_.add(make_map_run(row, whole));
        } catch (const std::runtime_error& error) {
            // Without its plan it can only be closed.
            maps_.add(unusable_map_run(row, *whole, error.what()));
        }
    }
    if (maps_.empty()) return;
    for (const store::BegunChild& begun : store::find_begun_children(spi))
        if (MapRun* run = maps_.find(begun.map_run_id))
            run->under_way.emplace(begun.child.run_id, begun.child);
    for (const Uuid& id : maps_.ids()) {
        MapRun& run = *maps_.find(id);
        if (run.phase != MapPhase::Closing) continue;
        for (const auto& [child_id, child] : run.under_way)
            run.to_stop.push_back(child_id);
    }
}

}  // namespace flowctl::pg
