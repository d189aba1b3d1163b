// The map runs of a worker, in memory; see open_map_runs.hpp.
#include "pg/map_runs/open_map_runs.hpp"

#include <algorithm>

#include "core/json.hpp"
#include "pg/server/arn_space.hpp"

namespace flowctl::pg {

namespace {

constexpr std::int64_t kMostUnderWay = 10'000;  // AWS's limit, and what 0 means

}  // namespace

map_run::ChildEnd child_end(const MapRun& run, const store::ChildResult& child) {
    map_run::ChildEnd end;
    end.index = child.index;
    end.status = child.status;
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
    whole.state_machine_id = arn_space().state_machine(run.whole->name);
    const machine::RunContext context =
        map_run::child_context(whole, run.plan, end.name, child.started_at, json::Value());
    end.arn = context.execution_id;
    end.state_machine_arn = context.state_machine_id;
    end.started_at = child.started_at;
    end.ended_at = child.ended_at.value_or(child.started_at);
    return end;
}

std::size_t MapRun::most_under_way() const {
    const std::int64_t wanted = plan.max_concurrency;
    return static_cast<std::size_t>(wanted <= 0 ? kMostUnderWay : std::min(wanted, kMostUnderWay));
}

MapRun& MapRuns::add(MapRun run) {
    const Uuid id = run.id;
    by_parent_.emplace(run.parent, id);
    return runs_.insert_or_assign(id, std::move(run)).first->second;
}

MapRun* MapRuns::find(const Uuid& id) {
    const auto found = runs_.find(id);
    return found == runs_.end() ? nullptr : &found->second;
}

const MapRun* MapRuns::find(const Uuid& id) const {
    const auto found = runs_.find(id);
    return found == runs_.end() ? nullptr : &found->second;
}

MapRun* MapRuns::find(const Uuid& parent, std::int64_t call_id) {
    for (MapRun* run : of_parent(parent))
        if (run->call_id == call_id) return run;
    return nullptr;
}

MapRun* MapRuns::find_request(std::uint64_t request) {
    for (auto& [id, run] : runs_)
        if (run.request == request) return &run;
    return nullptr;
}

void MapRuns::remove(const Uuid& id) {
    const auto found = runs_.find(id);
    if (found == runs_.end()) return;
    by_parent_.erase({found->second.parent, id});
    runs_.erase(found);
}

std::vector<MapRun*> MapRuns::of_parent(const Uuid& parent) {
    std::vector<MapRun*> found;
    for (auto one = by_parent_.lower_bound({parent, Uuid{}}); one != by_parent_.end() && one->first == parent;
         ++one)
        found.push_back(&runs_.at(one->second));
    return found;
}

bool MapRuns::has_parent(const Uuid& parent) const {
    const auto first = by_parent_.lower_bound({parent, Uuid{}});
    return first != by_parent_.end() && first->first == parent;
}

std::vector<Uuid> MapRuns::ids() const {
    std::vector<Uuid> all;
    all.reserve(runs_.size());
    for (const auto& [id, run] : runs_)
        all.push_back(id);
    return all;
}

bool MapRuns::may_give(const MapRun& run) {
    return run.phase == store::MapPhase::Running && !run.queued.empty() &&
           run.under_way.size() < run.most_under_way();
}

bool MapRuns::has_queued() const {
    return std::any_of(runs_.begin(), runs_.end(), [](const auto& entry) { return may_give(entry.second); });
}

std::vector<FreshRun> MapRuns::give(std::size_t most) {
    std::vector<FreshRun> given;
    std::vector<MapRun*> ready;
    for (auto& [id, run] : runs_)
        if (may_give(run)) ready.push_back(&run);
    // The one behind the last that was served comes first.
    std::rotate(
        ready.begin(),
        std::find_if(ready.begin(), ready.end(), [&](const MapRun* run) { return run->id > last_served_; }),
        ready.end());
    for (bool any = true; any && given.size() < most;) {
        any = false;
        for (MapRun* run : ready) {
            if (given.size() == most) break;
            if (!may_give(*run)) continue;
            any = true;
            const store::ChildId child = run->queued.front();
            run->queued.pop_front();
            run->given_to = child.index + 1;
            run->unbegun.insert(child.index);
            run->under_way.emplace(child.run_id, child);
            given.push_back({child.run_id, run->owner});
            last_served_ = run->id;
        }
    }
    return given;
}

std::size_t MapRuns::waiting_to_begin() const {
    std::size_t waiting = 0;
    for (const auto& [id, run] : runs_)
        if (!run.express()) waiting += run.unbegun.size();
    return waiting;
}

std::optional<std::int64_t> MapRuns::next_attempt() const {
    std::optional<std::int64_t> next;
    const auto consider = [&](std::int64_t at) { next = next ? std::min(*next, at) : at; };
    for (const auto& [id, run] : runs_) {
        if (run.not_before != 0) consider(run.not_before);
        if (const auto deadline = run.helper.deadline()) consider(*deadline);
    }
    return next;
}

std::optional<ChildOf> MapRuns::child(const Uuid& id) const {
    for (const auto& [map_run, run] : runs_)
        if (const auto found = run.under_way.find(id); found != run.under_way.end())
            return ChildOf{map_run, found->second.index, found->second.items};
    return std::nullopt;
}

store::MapDelta delta_of(const ChildOf& child, machine::Status status) {
    store::MapDelta delta;
    delta.map_run_id = child.map_run;
    delta.runs.add(status, 1);
    delta.of_items.add(status, child.items);
    return delta;
}

void MapRuns::child_gone(const Uuid& id, const Uuid& map_run) {
    MapRun* run = find(map_run);
    if (run == nullptr) return;
    const auto found = run->under_way.find(id);
    if (found == run->under_way.end()) return;
    run->unbegun.erase(found->second.index);
    run->under_way.erase(found);
}

void MapRuns::child_begun(const ChildOf& child) {
    // An EXPRESS child begins again after a crash, however far it was.
    if (MapRun* run = find(child.map_run); run != nullptr && !run->express()) run->unbegun.erase(child.index);
}

void MapRuns::child_ended(const Uuid& id, const ChildOf& child, machine::Status status) {
    MapRun* run = find(child.map_run);
    if (run == nullptr) return;
    run->under_way.erase(id);
    run->unbegun.erase(child.index);
    if (run->tally) run->tally->child_ended(status, child.items);
}

}  // namespace flowctl::pg
