// Map runs in the worker's turn; see map_part.hpp.
#include "pg/map_runs/map_part.hpp"

#include <algorithm>
#include <map>
#include <stdexcept>

#include "core/json.hpp"
#include "pg/engine/batch.hpp"
#include "pg/server/guc.hpp"
#include "pg/server/timestamps.hpp"

namespace flowctl::pg {

namespace {

using store::MapPhase;

constexpr std::size_t kBegunAtOnce = 256;  // children, in one turn

// What a row says by itself.
MapRun without_plan(const store::MapRunRow& row) {
    MapRun run;
    run.id = row.map_run_id;
    run.parent = row.run_id;
    run.call_id = row.call_id;
    run.owner = row.flow_owner;
    run.type = row.type;
    run.phase = row.phase;
    run.status = row.status;
    run.error = row.error;
    run.cause = row.cause;
    return run;
}

MapRun make_map_run(const store::MapRunRow& row, std::shared_ptr<const CompiledVersion> whole) {
    MapRun run = without_plan(row);
    run.items = row.items;
    run.written = row.children;
    run.starts = row.read_attempts;
    run.results_written = row.results_written;
    run.all_read = row.all_read;
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
    if (run.phase != MapPhase::Reading) Phases::begin_running(run, row.of_items, row.runs);
    return run;
}

// Of whose row not enough can be used: it can only be closed.
MapRun unusable_map_run(const store::MapRunRow& row, const CompiledVersion& whole, const char* problem) {
    MapRun run = without_plan(row);
    auto unusable = std::make_shared<CompiledVersion>(whole);
    unusable->flow = nullptr;
    unusable->problem = problem;
    run.whole = run.children = std::move(unusable);
    return run;
}

}  // namespace

// --------------------------------------------------------------------------------------------- between turns

// How many children may begin now.
std::size_t MapPart::room() const {
    const std::size_t taken = state_.live.children() + maps_.waiting_to_begin();
    const auto most = static_cast<std::size_t>(guc::map_children);
    if (taken >= most || state_.calls.waiting() >= kMaxInLineLive) return 0;
    return std::min(most - taken, kBegunAtOnce);
}

void MapPart::give(std::vector<FreshRun>& runs) {
    if (maps_.empty()) return;
    const std::vector<FreshRun> given = maps_.give(room());
    runs.insert(runs.end(), given.begin(), given.end());
}

std::optional<machine::Instant> MapPart::next_at() const {
    if (maps_.has_queued() && room() > 0) return 0;
    return maps_.next_attempt();
}

void MapPart::answered(net::Response&& response) {
    if (MapRun* run = maps_.find_request(response.id)) Exchange::take(*run, std::move(response));
}

void MapPart::load(Spi& spi) {
    for (const Uuid& id : maps_.ids())
        maps_.remove(id);
    for (const store::MapRunRow& row : store::find_open_map_runs(spi, claim_.shard, claim_.shards)) {
        std::shared_ptr<const CompiledVersion> whole =
            state_.versions.find_now(spi, {row.flow_id, row.version, row.flow, InvalidOid, row.run_id});
        try {
            maps_.add(make_map_run(row, whole));
        } catch (const std::runtime_error& error) {
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

// ---------------------------------------------------------------------------------------- in the transaction

bool MapPart::effect(const EffectOf& run, machine::Effect& effect, std::vector<machine::Event>& events,
                     Changes& changes) {
    if (auto* begun = std::get_if<machine::StartMapRun>(&effect)) {
        start(run, std::move(*begun), changes);
    } else if (const auto* cancel = std::get_if<machine::CancelMapRun>(&effect)) {
        staged_.cancelled.emplace_back(run.run, cancel->id);
    } else if (const auto* wait = std::get_if<machine::AwaitMapRun>(&effect)) {
        if (!is_there(run.run, wait->id))
            events.push_back(map_run::failed(wait->id, {"States.Runtime", "the map run is gone"}));
    } else if (const auto* redriven = std::get_if<machine::RedriveMapRun>(&effect)) {
        redrive(run, redriven->id, events);
    } else {
        return false;
    }
    return true;
}

void MapPart::redrive(const EffectOf& run, std::int64_t call_id, std::vector<machine::Event>& events) {
    Spi spi;
    auto row = store::reopen_map_run(spi, run.run, call_id, unix_micros_now());
    if (row)
        staged_.redriven.push_back({std::move(*row), run.version});
    else
        events.push_back(map_run::failed(
            call_id, {"States.Runtime", "the data that the map run needs to go on is not kept any more"}));
}

bool MapPart::is_there(const Uuid& parent, std::int64_t call_id) {
    return maps_.find(parent, call_id) != nullptr ||
           staged_.begins([&](const Started& started) {
               return started.row.run_id == parent && started.row.call_id == call_id;
           });
}

void MapPart::start(const EffectOf& run, machine::StartMapRun&& start, Changes& changes) {
    Started& started = staged_.started.emplace_back();
    started.whole = run.version;
    store::MapRunRow& row = started.row;
    row.map_run_id = uuid_from_text(start.plan.uuid);
    row.run_id = run.run;
    row.flow_owner = run.owner;
    row.call_id = start.id;
    row.flow_id = run.version->flow_id;
    row.flow = run.version->name;
    row.version = run.version->version;
    row.path = start.plan.path;
    row.state = start.plan.state;
    row.label = start.plan.label;
    row.type = start.plan.express ? "EXPRESS" : "STANDARD";
    row.phase = MapPhase::Reading;
    row.max_concurrency = start.plan.max_concurrency;
    row.tolerated_count = start.plan.tolerated_count;
    row.tolerated_percentage = start.plan.tolerated_percentage;
    row.started_at = unix_micros_now();
    row.plan = json::dump(start.plan.save());
    changes.bytes += row.plan.size();
}

// The parent is told the end of its map run.
void MapPart::apply(const Item& item) {
    const auto& ended = std::get<machine::MapRunEnded>(*item.event);
    const bool succeeded = ended.outcome == machine::MapRunEnded::Outcome::Succeeded;
    end(item, succeeded ? machine::Status::Succeeded : machine::Status::Failed);
}

void MapPart::failed(const Item& item) {
    end(item, machine::Status::Failed);
}

void MapPart::end(const Item& item, machine::Status status) {
    const auto& ended = std::get<machine::MapRunEnded>(*item.event);
    if (const MapRun* run = maps_.find(item.run, ended.map_run)) staged_.over.emplace_back(run->id, status);
}

void MapPart::write(Spi& spi, const Changes& changes) {
    for (const Started& started : staged_.started)
        store::insert_map_run(spi, started.row);
    write_counts(spi, changes);
    const std::int64_t now = unix_micros_now();
    for (const auto& [id, status] : staged_.over)
        store::end_map_run(spi, id, status, now, maps_.find(id)->keeps_plan(status));
    std::vector<Uuid> parents_ended;
    for (const Uuid& id : changes.ended) {
        const bool starts = staged_.begins([&](const Started& one) { return one.row.run_id == id; });
        if (starts || maps_.has_parent(id)) parents_ended.push_back(id);
    }
    store::close_map_runs_of(spi, parents_ended);
    for (const auto& [parent, call_id] : staged_.cancelled)
        store::cancel_map_run(spi, parent, call_id);
}

void MapPart::write_counts(Spi& spi, const Changes& changes) {
    if (changes.children_ended.empty()) return;
    std::map<Uuid, store::MapDelta> deltas;
    for (const Changes::EndedChild& ended : changes.children_ended) {
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
}

void MapPart::committed(const Changes& changes) {
    for (const Started& started : staged_.started)
        maps_.add(make_map_run(started.row, started.whole));
    for (const Started& redriven : staged_.redriven)
        maps_.add(make_map_run(redriven.row, redriven.whole));
    if (maps_.empty()) return;
    for (const ChildOf& child : changes.children_begun)
        maps_.child_begun(child);
    for (const Changes::EndedChild& ended : changes.children_ended)
        maps_.child_ended(ended.id, ended.child, ended.status);
    for (const auto& [id, map_run] : changes.children_gone)
        maps_.child_gone(id, map_run);
    for (const auto& [id, status] : staged_.over)
        maps_.remove(id);
    for (const auto& [parent, call_id] : staged_.cancelled)
        if (MapRun* run = maps_.find(parent, call_id)) phases_.close(*run, machine::Status::Aborted);
    for (const Uuid& id : changes.ended)
        for (MapRun* run : maps_.of_parent(id))
            phases_.close(*run, machine::Status::Aborted);
}

// ---------------------------------------------------------------------------------------------- children

std::shared_ptr<const CompiledVersion> MapPart::version_of_child(const ChildOf& child) const {
    const MapRun* run = maps_.find(child.map_run);
    return run != nullptr ? run->children : nullptr;
}

void MapPart::place_child(const ChildOf& child, const std::string& name, machine::RunContext& context) const {
    const MapRun* run = maps_.find(child.map_run);
    if (run != nullptr)
        context = map_run::child_context(context, run->plan, name, context.started_at, context.input);
}

}  // namespace flowctl::pg
