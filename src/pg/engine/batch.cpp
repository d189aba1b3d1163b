// One transaction of the engine: which items it does, and the runs that it loads for them. See batch.hpp.
#include "pg/engine/batch.hpp"

#include <algorithm>
#include <utility>

#include "pg/engine/load.hpp"
#include "pg/evaluation/suspects.hpp"
#include "pg/server/guc.hpp"
#include "pg/server/timestamps.hpp"

namespace flowctl::pg {

namespace {

// The run that is not looked at any more: no more of it than what its end needs.
std::unique_ptr<LiveRun> convict(const store::StoredRun& row, std::string& problem) {
    auto run = std::make_unique<LiveRun>();
    if (row.map_run_id) run->child = ChildOf{*row.map_run_id, row.map_index, row.map_items};
    problem = "a worker has ended abnormally " + std::to_string(suspects::kMost) +
              " times while it evaluated the run; the server's log says how";
    return run;
}

}  // namespace

void Batch::begin_parts() {
    for (const auto& part : state_.parts)
        part->begin();
}

void Batch::run(Spi& spi, const std::vector<Item>& items) {
    begin_parts();
    std::optional<suspects::Marking> marking(std::in_place);
    load(spi, items);
    load_ended(spi, items);
    std::int64_t now = unix_micros_now();
    const std::int64_t until = now + kMaxMicros;
    for (; done_ < items.size() && (done_ == 0 || (now < until && !full())); done_++) {
        if (later_.contains(items[done_].run)) {
            left_over_.push_back(items[done_]);
            continue;
        }
        const auto known = working_.find(items[done_].run);
        const std::int64_t loading =
            known == working_.end() ? 0 : std::exchange(known->second.load_micros, 0);
        apply(spi, items[done_]);
        const std::int64_t before = std::exchange(now, unix_micros_now());
        state_.intake.charge(items[done_], now - before + loading);
    }
    left_over_.insert(left_over_.end(), items.begin() + static_cast<std::ptrdiff_t>(done_), items.end());
    marking.reset();
    write(spi);
}

// Loads the runs of these items that are not live; those that cannot be loaded end here. They are loaded in
// the order of the items, which is fair, and only as many as the time and the memory for definitions are
// enough for; the others come again in the next turn.
void Batch::load(Spi& spi, const std::vector<Item>& items) {
    std::vector<Uuid> missing;
    std::set<Uuid> seen;
    for (const Item& item : items)
        if (state_.live.find(item.run) == nullptr && !is_redrive(item) &&
            (!item.event || item.load || state_.calls.holds(item.run)) && seen.insert(item.run).second)
            missing.push_back(item.run);
    hold_back(spi, items, missing);
    if (missing.empty()) return;
    const std::size_t most_definitions = static_cast<std::size_t>(guc::definition_memory) * 1024;
    std::set<const CompiledVersion*> definitions;
    const CompiledVersion* last = nullptr;  // of the runs that have been loaded, which hold it
    std::size_t definition_bytes = 0;
    std::int64_t now = unix_micros_now();
    const std::int64_t until = now + kMaxMicros;
    const std::vector<Uuid> later = store::each_run(spi, missing, kMaxBytes, store::Frames::Open, [&](store::StoredRun&& row) {
        load_run(spi, row);
        const std::int64_t before = std::exchange(now, unix_micros_now());
        if (const auto loaded = working_.find(row.run_id); loaded != working_.end()) {
            loaded->second.load_micros = now - before;
            const CompiledVersion* const version = loaded->second.run->version.get();
            if (version != last && definitions.insert(version).second) definition_bytes += version->bytes;
            last = version;
        }
        return now < until && definition_bytes <= most_definitions;
    });
    later_.insert(later.begin(), later.end());
    hold_back_loaded(spi);
}

// Of the runs that come here for the first time, some may not begin yet. A run that is told something, which
// can only be its end, is told it all the same.
void Batch::hold_back(Spi& spi, const std::vector<Item>& items, std::vector<Uuid>& missing) {
    for (const Item& item : items)
        if (!item.event && state_.live.find(item.run) == nullptr) fresh_.insert(item.run);
    for (const Item& item : items)
        if (item.event) fresh_.erase(item.run);
    const std::set<Uuid> held = held_back(spi, fresh_);
    std::erase_if(missing, [&](const Uuid& run) { return held.contains(run); });
}

// A run may have become visible only after it was asked for, so it is asked for again.
void Batch::hold_back_loaded(Spi& spi) {
    std::set<Uuid> loaded;
    for (const Uuid& run : fresh_)
        if (const auto working = working_.find(run); working != working_.end() && !working->second.begun)
            loaded.insert(run);
    for (const Uuid& run : held_back(spi, loaded))
        working_.erase(run);
}

std::set<Uuid> Batch::held_back(Spi& spi, const std::set<Uuid>& runs) const {
    if (runs.empty()) return {};
    std::vector<Uuid> left(runs.begin(), runs.end());
    for (const auto& part : state_.parts)
        part->hold_back(spi, left);
    if (left.size() == runs.size()) return {};
    std::set<Uuid> held = runs;
    for (const Uuid& run : left)
        held.erase(run);
    return held;
}

void Batch::load_run(Spi& spi, const store::StoredRun& row) {
    if (!row.open()) {
        if (row.map_run_id) changes_.children_gone.emplace_back(row.run_id, *row.map_run_id);
        return;
    }
    const bool is_redriven = !row.frame && row.redrive_count > 0 && !row.express;
    if (is_redriven)
        if (auto frame = store::find_ended_frame(row.run_id)) return load_redriven(spi, row, std::move(*frame));
    std::string problem;
    suspects::mark(row.run_id);
    std::unique_ptr<LiveRun> run = suspects::times(row.run_id) < suspects::kMost
                                       ? make_live(spi, state_, row, problem)
                                       : convict(row, problem);
    if (run == nullptr) {
        later_.insert(row.run_id);
        return;
    }
    // A child that was to be redriven may have ended before it began.
    if (is_redriven && !row.map_run_id) problem = "its state was not kept";
    if (!problem.empty()) return fail_loaded(spi, row, *run, problem, !row.express);
    add_loaded(row, std::move(run));
}

void Batch::fail_loaded(Spi& spi, const store::StoredRun& row, const LiveRun& run, const std::string& problem,
                        bool with_history) {
    store::fail_run(spi, row.run_id, "States.Runtime", "the engine cannot carry this run on: " + problem,
                    with_history);
    changes_.ended.push_back(row.run_id);
    changes_.cut_short.push_back(row.run_id);
    if (store::is_awaitable(row)) changes_.awaitable_ended.push_back({row.run_id});
    evaluated_.push_back(row.run_id);
    if (run.child)
        changes_.end_child(row.run_id, *run.child, machine::Status::Failed);
    else
        changes_.failed.push_back({row.run_id});
}

void Batch::add_loaded(const store::StoredRun& row, std::unique_ptr<LiveRun> run) {
    Working& working = working_[row.run_id];
    run->calls = state_.calls.held(row.run_id);
    working.frame = run->frame;
    working.frame_bytes = run->bytes - run->fixed_bytes;
    working.begun = row.frame.has_value();
    working.loaded = std::move(run);
    working.run = working.loaded.get();
}

void Batch::fail(Spi& spi, const Item& item, const std::string& reason, bool with_history) {
    begin_parts();
    const LiveRun* run = state_.live.find(item.run);
    std::optional<ChildOf> child;
    if (run != nullptr) child = run->child;
    for (const auto& part : state_.parts)
        if (run == nullptr && !child) child = part->find_child(item.run);
    const bool has_history = run == nullptr || !run->express;
    const std::string place = run != nullptr ? run->frame.place() : "";
    const bool failed = store::fail_run(spi, item.run, "States.Runtime",
                                        place + "the engine cannot carry this run on: " + reason,
                                        with_history && has_history);
    changes_.ended.push_back(item.run);
    changes_.cut_short.push_back(item.run);
    if (failed) changes_.awaitable_ended.push_back({item.run});
    evaluated_.push_back(item.run);
    if (failed && child) changes_.end_child(item.run, *child, machine::Status::Failed);
    if (failed && !child) changes_.failed.push_back({item.run});
    if (!failed && child) changes_.children_gone.emplace_back(item.run, child->map_run);
    if (item.from != nullptr) item.from->failed(item);
    for (const auto& part : state_.parts)
        part->write(spi, changes_);
}

}  // namespace flowctl::pg
