// Turns of the engine: from stored rows to live runs. A run that cannot be loaded ends here, with the reason.
// See engine.hpp.
#include <algorithm>

#include "core/asl/asl.hpp"
#include "core/json.hpp"
#include "pg/engine/batch.hpp"
#include "pg/store/flows.hpp"

namespace flowctl::pg {

namespace {

constexpr std::size_t kMaxVersions = 1'000;  // compiled and cached

}  // namespace

std::shared_ptr<const CompiledVersion> Engine::version(Spi& spi, const Uuid& flow_id, std::int32_t number,
                                                       const std::string& name) {
    const auto key = std::make_pair(flow_id, number);
    if (const auto found = versions_.find(key); found != versions_.end()) return found->second;
    auto compiled = std::make_shared<CompiledVersion>();
    compiled->flow_id = flow_id;
    compiled->name = name;
    compiled->version = number;
    if (const auto stored = store::find_version(spi, flow_id, number)) {
        asl::Compiled result = asl::compile(stored->definition);
        compiled->flow = compiled->whole = result.flow;
        for (const asl::Finding& finding : result.findings)
            if (finding.severity == asl::Finding::Severity::Error && compiled->problem.empty())
                compiled->problem = finding.location + ": " + finding.message;
        if (stored->keep_data == "ERROR") compiled->keep_data = KeepData::Error;
        if (stored->keep_data == "NONE") compiled->keep_data = KeepData::None;
    } else {
        compiled->problem = "version " + std::to_string(number) + " of flow \"" + name + "\" is gone";
        return compiled;
    }
    if (versions_.size() >= kMaxVersions) versions_.clear();
    return versions_[key] = compiled;
}

// The worker leaves before its database gets another name.
const std::string& Engine::arn_prefix() const {
    if (arn_prefix_.empty())
        arn_prefix_ =
            "arn:flowctl:" + std::string(guarded([] { return get_database_name(MyDatabaseId); })) + ":";
    return arn_prefix_;
}

std::unique_ptr<LiveRun> Engine::make_live(Spi& spi, const store::StoredRun& row, std::string& problem) {
    auto run = std::make_unique<LiveRun>();
    run->id = row.run_id;
    run->id_text = to_string(row.run_id);
    run->flow = row.flow;
    const MapRun* const map_run = row.map_run_id ? maps_.find(*row.map_run_id) : nullptr;
    if (row.map_run_id) {
        run->child = ChildOf{*row.map_run_id, row.map_index, row.map_items};
        if (map_run == nullptr) {
            problem = "its map run is over";
            return run;
        }
    }
    run->version = map_run != nullptr ? map_run->children : version(spi, row.flow_id, row.version, row.flow);
    run->express = row.express;
    run->resumed = row.frame.has_value() || row.express;
    run->role = row.role;
    run->flow_owner = row.flow_owner;
    run->flow_version = row.version;
    run->subject = row.subject;
    run->subject_issuer = row.subject_issuer;
    run->subject_claims = row.subject_claims;
    run->subject_handle = row.subject_handle;
    run->traceparent = row.traceparent;
    if (!run->version->flow) {
        problem = run->version->problem;
        return run;
    }
    machine::RunContext& context = run->context;
    const std::string& arn = arn_prefix();
    context.execution_id = arn + "execution:" + row.flow + ":" + run->id_text;
    context.execution_name = row.name.value_or(run->id_text);
    context.role_arn = arn + "role/" + role_name(row.role);
    context.state_machine_id = arn + "stateMachine:" + row.flow;
    context.state_machine_name = row.flow;
    context.started_at = row.started_at;
    if (const auto seconds = run->version->flow->timeout_seconds)
        run->ends_at = row.started_at + *seconds * 1'000'000;
    context.express = row.express;
    context.redrive_count = row.redrive_count;
    context.redriven_at = row.redriven_at;
    json::ParseLimits limits;
    limits.max_bytes = static_cast<std::size_t>(MaxAllocSize);
    auto input = json::parse(row.input, limits);
    if (!input) {
        problem = "its input is not JSON: " + input.error().message;
        return run;
    }
    context.input = std::move(input).value();
    if (map_run != nullptr)
        context = map_run::child_context(context, map_run->plan, run->id_text, row.started_at, context.input);
    if (row.event)
        if (auto event = json::parse(*row.event, limits)) context.event = std::move(event).value();
    if (!row.frame) return run;
    json::ParseLimits frame_limits = limits;
    frame_limits.max_depth = machine::kMaxFrameDepth;
    auto saved = json::parse(*row.frame, frame_limits);
    if (!saved) {
        problem = "its frame is not JSON: " + saved.error().message;
        return run;
    }
    auto frame = machine::Frame::load(*saved, &context.input);
    if (!frame) {
        problem = frame.error();
        return run;
    }
    run->frame = std::move(frame).value();
    return run;
}

// Loads the runs of this turn that are not live; runs that cannot be loaded end here.
void Engine::load_missing(Spi& spi, const std::vector<Item>& items, Batch& batch) {
    std::vector<Uuid> missing;
    for (const Item& item : items)
        if (live_.find(item.run) == nullptr && (!item.event || item.load)) missing.push_back(item.run);
    if (missing.empty()) return;
    std::sort(missing.begin(), missing.end());
    missing.erase(std::unique(missing.begin(), missing.end()), missing.end());
    const store::LoadedRuns stored = store::load_runs(spi, missing, Batch::kMaxBytes);
    batch.later.insert(stored.later.begin(), stored.later.end());
    for (const store::StoredRun& row : stored.runs) {
        if (!row.open) {
            if (row.map_run_id) batch.children_gone.emplace_back(row.run_id, *row.map_run_id);
            continue;
        }
        std::string problem;
        std::unique_ptr<LiveRun> run = make_live(spi, row, problem);
        if (!problem.empty()) {
            store::fail_run(spi, row.run_id, "States.Runtime",
                            "the engine cannot carry this run on: " + problem, !row.express);
            batch.ended.push_back(row.run_id);
            if (run->child) batch.end_child(row.run_id, *run->child, "FAILED");
            continue;
        }
        Batch::Working& working = batch.working[row.run_id];
        working.frame = run->frame;
        working.begun = row.frame.has_value();
        working.loaded = std::move(run);
        working.run = working.loaded.get();
    }
}

}  // namespace flowctl::pg
