// Turns of the engine. See engine.hpp. What a turn writes is collected in a Batch (engine_batch.hpp).
#include "pg/engine.hpp"

#include <algorithm>
#include <chrono>

#include "core/asl/asl.hpp"
#include "pg/call_limit.hpp"
#include "pg/engine_batch.hpp"
#include "pg/guc.hpp"
#include "pg/installation.hpp"
#include "pg/store/flows.hpp"
#include "pg/transaction.hpp"

extern "C" {
#include "common/pg_prng.h"
}

namespace flowctl::pg {

namespace {

constexpr std::size_t kMaxItems = 512;           // of one turn
constexpr std::int64_t kMaxTurnMicros = 50'000;  // of advancing; what is left waits for the next turn
constexpr std::size_t kMaxDueLoaded = 10'000;    // parked runs, at once
constexpr std::size_t kMaxControls = 500;        // fewer than a turn takes
constexpr std::int64_t kNever = INT64_MAX;
constexpr std::size_t kMaxInLineLive = 1'000;  // runs whose call waits for room; more are parked
constexpr std::size_t kMaxBegunInCongestion =
    16;                                      // in a turn: most would only join the line, others must go on
constexpr std::size_t kMaxVersions = 1'000;  // compiled and cached

// Runs that are due within it are held in memory; sweeps, which load the others, come more often.
std::int64_t horizon_micros() {
    return 10'000'000 + 2 * static_cast<std::int64_t>(guc::sweep_interval) * 1000;
}

machine::Instant now_micros() {
    return to_unix_micros(GetCurrentTimestamp());
}

const char* status_text(machine::Status status) {
    switch (status) {
        case machine::Status::Succeeded:
            return "SUCCEEDED";
        case machine::Status::Failed:
            return "FAILED";
        case machine::Status::TimedOut:
            return "TIMED_OUT";
        case machine::Status::Aborted:
            return "ABORTED";
        default:
            return "RUNNING";
    }
}

const char* phase_text(machine::Phase phase) {
    switch (phase) {
        case machine::Phase::Waiting:
            return "WAITING";
        case machine::Phase::Retrying:
            return "RETRYING";
        default:
            return "RUNNING";
    }
}

}  // namespace

// ---------------------------------------------------------------------------------------------- what is
// ready

void Engine::note_fresh(const std::vector<Uuid>& runs) {
    if (!active_) return;  // the sweep at activation finds them
    for (const Uuid& id : runs)
        if (live_.find(id) == nullptr && fresh_known_.insert(id).second) fresh_.push_back(id);
}

// Whether this database may act (promise 10). Looked at when the worker starts and when it is poked.
bool Engine::check_active() {
    if (!poked_) return active_;
    Transaction transaction("pg_flowctl: looking at flowctl.installation");
    {
        Spi spi;
        const bool matches = installation_matches();
        if (matches && !active_) sweep_at_ = 0;
        active_ = matches;
    }
    transaction.commit();
    return active_;
}

void Engine::sweep() {
    const std::int64_t now = now_micros();
    const std::int64_t interval = static_cast<std::int64_t>(guc::sweep_interval) * 1000;
    sweep_at_ = std::min(sweep_at_, now + interval);  // the setting has changed, or the clock was set back
    const bool due = now >= sweep_at_;
    const bool load = due || (now >= load_at_ && fresh_.empty());
    const bool look = poked_ && queue_.size() < kMaxItems;
    if (!load && !look) return;
    Transaction transaction("pg_flowctl: looking for runs");
    std::vector<Uuid> fresh, parked;
    std::vector<store::Control> controls;
    store::SweepPosition next;
    std::int64_t load_at = load_at_;
    {
        Spi spi;
        if (due) {
            next.snapshot = store::current_snapshot(spi);
            fresh = store::find_fresh(spi, position_);
            if (!started_) parked = store::find_interrupted(spi);
        }
        if (load) {
            const std::vector<store::DueRun> soon =
                store::find_due(spi, claim_.shard, claim_.shards, now + horizon_micros(), kMaxDueLoaded);
            for (const store::DueRun& run : soon)
                parked.push_back(run.run_id);
            // Those that are due after them are looked for when they are.
            load_at = soon.size() < kMaxDueLoaded ? kNever : soon.back().due_at;
        }
        if (due || look) controls = store::find_controls(spi, claim_.shard, claim_.shards, kMaxControls);
    }
    transaction.commit();

    const auto is_ours = [&](const Uuid& id) {
        return shmem::shard_of(shmem::bucket_of(id), claim_.shards) == claim_.shard;
    };
    if (due) {
        position_ = next;
        started_ = true;
        sweep_at_ = now + interval;
    }
    load_at_ = load_at;
    std::erase_if(fresh, [&](const Uuid& id) { return !is_ours(id); });
    std::erase_if(parked, [&](const Uuid& id) { return !is_ours(id); });
    note_fresh(fresh);
    note_fresh(parked);
    for (store::Control& control : controls)
        queue_.push_back({control.run_id,
                          machine::Stopped{std::move(control.error), std::move(control.cause)}, std::nullopt,
                          control.control_id});
    // Those found are deleted by this turn or the next ones; then the others are found.
    if (due || look) poked_ = controls.size() == kMaxControls;
}

std::optional<http_task::Pending> Engine::forget_request(std::uint64_t request_id) {
    auto request = pending_.extract(request_id);
    if (request.empty()) return std::nullopt;
    lanes_.end(request.mapped().lane);
    return std::move(request.mapped());
}

void Engine::collect_responses() {
    while (auto response = client_.next_completed()) {
        const std::optional<http_task::Pending> pending = forget_request(response->id);
        if (!pending) continue;
        http_task::Interpreted result = http_task::interpret(*pending, std::move(*response), now_micros());
        queue_.push_back({pending->run_id, std::move(result.event), std::move(result.outcome), 0});
    }
}

void Engine::collect_revocations() {
    while (auto receipt = client_.next_revocation()) {
        store::RevocationRow& row = revocations_.emplace_back();
        // No transaction is open, so what is palloc'd here stays.
        pg_uuid_t* run = guarded([&] {
            return DatumGetUUIDP(DirectFunctionCall1(uuid_in, CStringGetDatum(receipt->run.c_str())));
        });
        row.run_id = from_pg(run);
        pfree(run);
        row.token_id = receipt->fingerprint;
        row.at =
            std::chrono::duration_cast<std::chrono::microseconds>(receipt->at.time_since_epoch()).count();
        row.revoked = receipt->revoked;
        if (!receipt->message.empty()) row.message = receipt->message;
    }
}

void Engine::collect_timers() {
    const machine::Instant now = now_micros();
    while (queue_.size() < kMaxItems) {
        const auto run = live_.take_due(now);
        if (!run) return;
        queue_.push_back({*run, machine::TimerFired{}, std::nullopt, 0});
    }
}

// What open runs wait for and new work take turns, so that neither a flood of starts nor runs that never rest
// hold up the other; new work waits while all calls are taken.
std::vector<Engine::Item> Engine::take_items() {
    std::vector<Item> items;
    for (const Uuid& id : lanes_.take_ready()) {
        if (live_.find(id) != nullptr)
            items.push_back({id, machine::Resumed{}, std::nullopt, 0});
        else
            items.push_back({id, std::nullopt, std::nullopt, 0});
    }
    const std::size_t most = items.size() + kMaxItems;
    std::size_t may_begin = lanes_.waiting() < kMaxInLineLive ? kMaxItems : kMaxBegunInCongestion;
    while (items.size() < most && (!queue_.empty() || (!fresh_.empty() && may_begin > 0))) {
        if (!queue_.empty()) {
            items.push_back(std::move(queue_.front()));
            queue_.pop_front();
        }
        if (!fresh_.empty() && may_begin > 0) {
            may_begin--;
            items.push_back({fresh_.front(), std::nullopt, std::nullopt, 0});
            fresh_known_.erase(fresh_.front());
            fresh_.pop_front();
        }
    }
    return items;
}

bool Engine::turn() {
    // Also while it pauses: what has come in would keep the loop from sleeping.
    collect_responses();
    collect_revocations();
    if (paused()) return false;
    try {
        if (!check_active()) {
            poked_ = false;
            return false;
        }
        sweep();
    } catch (PgError& error) {
        error.report();
        pause();
        return false;
    }
    collect_timers();
    std::vector<Item> items = take_items();
    if (items.empty() && revocations_.empty()) return false;
    run_items(items);
    turns_++;
    events_ += static_cast<std::int64_t>(items.size());
    last_turn_at_ = now_micros();
    return !queue_.empty() || poked_ || !fresh_.empty() || lanes_.has_ready();
}

long Engine::sleep_ms() {
    const machine::Instant now = now_micros();
    machine::Instant until = !active_         ? now + 60'000'000
                             : fresh_.empty() ? std::min(sweep_at_, load_at_)
                                              : sweep_at_;
    if (pause_until_ > now) return static_cast<long>((pause_until_ - now) / 1000 + 1);
    if (const auto due = live_.next_due()) until = std::min(until, *due);
    return until <= now ? 0 : static_cast<long>(std::min<std::int64_t>((until - now + 999) / 1000, 60'000));
}

shmem::Figures Engine::figures() const {
    return {static_cast<std::int64_t>(live_.size()), static_cast<std::int64_t>(pending_.size()), turns_,
            events_, last_turn_at_};
}

// ---------------------------------------------------------------------------------------------- one turn

std::optional<Engine::Failure> Engine::try_items(const std::vector<Item>& items, bool alone) {
    Batch batch;
    batch.with_revocations = !alone;
    std::optional<Failure> failure;
    try {
        Transaction transaction("pg_flowctl: advancing runs");
        {
            Spi spi;
            load_missing(spi, items, batch);
            const std::int64_t until = now_micros() + kMaxTurnMicros;
            std::size_t done = 0;
            for (; done < items.size() && (done == 0 || (now_micros() < until && !batch.full())); done++)
                if (batch.later.contains(items[done].run))
                    batch.left_over.push_back(items[done]);
                else
                    apply(spi, items[done], batch);
            batch.left_over.insert(batch.left_over.end(), items.begin() + static_cast<std::ptrdiff_t>(done),
                                   items.end());
            write(spi, batch);
        }
        transaction.commit();
    } catch (PgError& error) {
        failure = Failure{error.what(), error.sqlstate()};
        if (alone) error.report();
    } catch (const std::exception& error) {
        failure = Failure{error.what(), ERRCODE_INTERNAL_ERROR};
    }
    if (!failure) carry_out(batch);
    return failure;
}

std::shared_ptr<const CompiledVersion> Engine::version(Spi& spi, const store::StoredRun& row) {
    const auto key = std::make_pair(row.flow_id, row.version);
    if (const auto found = versions_.find(key); found != versions_.end()) return found->second;
    auto compiled = std::make_shared<CompiledVersion>();
    if (const auto stored = store::find_version(spi, row.flow_id, row.version)) {
        asl::Compiled result = asl::compile(stored->definition);
        compiled->flow = result.flow;
        for (const asl::Finding& finding : result.findings)
            if (finding.severity == asl::Finding::Severity::Error && compiled->problem.empty())
                compiled->problem = finding.location + ": " + finding.message;
        if (stored->keep_data == "ERROR") compiled->keep_data = KeepData::Error;
        if (stored->keep_data == "NONE") compiled->keep_data = KeepData::None;
    } else {
        compiled->problem =
            "version " + std::to_string(row.version) + " of flow \"" + row.flow + "\" is gone";
        return compiled;
    }
    if (versions_.size() >= kMaxVersions) versions_.clear();
    return versions_[key] = compiled;
}

std::unique_ptr<LiveRun> Engine::make_live(Spi& spi, const store::StoredRun& row, std::string& problem) {
    auto run = std::make_unique<LiveRun>();
    run->id = row.run_id;
    run->id_text = to_string(row.run_id);
    run->version = version(spi, row);
    run->express = row.express;
    run->resumed = row.frame.has_value() || row.express;
    run->role = row.role;
    run->subject = row.subject;
    run->traceparent = row.traceparent;
    if (!run->version->flow) {
        problem = run->version->problem;
        return run;
    }
    const std::string database = guarded([] { return get_database_name(MyDatabaseId); });
    machine::RunContext& context = run->context;
    const std::string arn = "arn:flowctl:" + database + ":";
    context.execution_id = arn + "execution:" + row.flow + ":" + run->id_text;
    context.execution_name = row.name.value_or(run->id_text);
    context.role_arn = arn + "role/" + role_name(row.role);
    context.state_machine_id = arn + "stateMachine:" + row.flow;
    context.state_machine_name = row.flow;
    context.started_at = row.started_at;
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
    auto frame = machine::Frame::load(*saved);
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
        if (live_.find(item.run) == nullptr && (!item.event || item.control_id != 0))
            missing.push_back(item.run);
    if (missing.empty()) return;
    std::sort(missing.begin(), missing.end());
    missing.erase(std::unique(missing.begin(), missing.end()), missing.end());
    const store::LoadedRuns stored = store::load_runs(spi, missing, Batch::kMaxBytes);
    batch.later.insert(stored.later.begin(), stored.later.end());
    for (const store::StoredRun& row : stored.runs) {
        if (!row.open) continue;
        std::string problem;
        std::unique_ptr<LiveRun> run = make_live(spi, row, problem);
        if (!problem.empty()) {
            store::fail_run(spi, row.run_id, "States.Runtime",
                            "the engine cannot carry this run on: " + problem, !row.express);
            batch.ended.push_back(row.run_id);
            continue;
        }
        Batch::Working& working = batch.working[row.run_id];
        working.frame = run->frame;
        working.begun = row.frame.has_value();
        working.loaded = std::move(run);
        working.run = working.loaded.get();
    }
}

void Engine::apply(Spi& spi, const Item& item, Batch& batch) {
    if (item.outcome) batch.outcomes.push_back(*item.outcome);
    if (item.control_id != 0) batch.controls_done.push_back(item.control_id);
    auto working = batch.working.find(item.run);
    if (working == batch.working.end()) {
        LiveRun* run = live_.find(item.run);
        if (run == nullptr || !item.event) return;  // ended meanwhile, not visible, or live already
        working = batch.working.emplace(item.run, Batch::Working{}).first;
        working->second.run = run;
        working->second.frame = run->frame;
        working->second.begun = true;
    }
    Batch::Working& run = working->second;
    if (run.ended()) return;
    if (run.loaded && !run.entered) {
        run.entered = true;
        const bool stop_unbegun = !run.begun && item.event;
        if (!stop_unbegun) {
            if (run.begun)
                advance(spi, *run.run, machine::Resumed{}, batch);
            else
                advance(spi, *run.run, machine::Started{}, batch);
        }
        if (run.begun && !run.ended()) advance(spi, *run.run, machine::TimerFired{}, batch);
    }
    if (item.event && !run.ended()) advance(spi, *run.run, *item.event, batch);
}

// Advances by one event, and by those that follow at once: a call that cannot even be prepared fails its task
// here.
void Engine::advance(Spi& spi, LiveRun& run, const machine::Event& first, Batch& batch) {
    Batch::Working& working = batch.working.at(run.id);
    machine::Limits limits;
    limits.max_payload_bytes = static_cast<std::size_t>(guc::max_payload_bytes);
    limits.max_history_events = guc::max_history_events;
    std::deque<machine::Event> events{first};
    while (!events.empty() && !working.ended()) {
        const machine::Now now{now_micros(), pg_prng_uint64(&pg_global_prng_state)};
        machine::Step step =
            machine::advance(*run.version->flow, run.context, limits, working.frame, events.front(), now);
        const bool resumed = std::holds_alternative<machine::Resumed>(events.front());
        events.pop_front();
        working.next_due = step.next_due;
        if (!step.accepted) continue;
        // Giving calls again changes nothing that is stored.
        working.changed = working.changed || !resumed || !step.history.empty();
        if (!run.express)
            for (machine::HistoryEvent& event : step.history) {
                if (run.version->keep_data == KeepData::None) event.payload.reset();
                if (event.payload) batch.bytes += json::dumped_size(*event.payload);
                batch.history.push_back({run.id, std::move(event)});
            }
        for (machine::Effect& effect : step.effects) {
            if (auto* cancel = std::get_if<machine::CancelCall>(&effect)) {
                batch.drop_call(run.id, cancel->id);
                continue;
            }
            call(spi, run, std::move(std::get<machine::Call>(effect)), events, batch);
        }
        working.outcome = std::move(step.outcome);
        working.phase = step.phase;
        working.current_state = std::move(step.current_state);
    }
}

// Prepares a call, puts its run in line, or fails its task; a call that is under way is given again after
// Resumed.
void Engine::call(Spi& spi, LiveRun& run, machine::Call&& call, std::deque<machine::Event>& events,
                  Batch& batch) {
    if (run.calls.contains(call.id) || batch.begun_calls.contains({run.id, call.id})) return;
    const std::string lane = http_task::lane_of(call);
    std::size_t& planned = batch.planned[lane];
    if (!lanes_.has_room(lane, planned, batch.calls.size())) {
        batch.in_line.emplace_back(lane, run.id);
        return;
    }
    const std::int32_t sending =
        run.resumed ? store::next_sending(spi, run.id, static_cast<std::int32_t>(call.id)) : 1;
    auto prepared = http_task::prepare(run, call, now_micros(), sending);
    if (auto* refusal = std::get_if<http_task::Refusal>(&prepared)) {
        events.push_back(
            machine::TaskFailed{call.id, std::move(refusal->error), std::move(refusal->cause), true});
        return;
    }
    planned++;
    batch.begun_calls.emplace(run.id, call.id);
    batch.calls.push_back(std::get<http_task::Prepared>(std::move(prepared)));
}

void Engine::write(Spi& spi, Batch& batch) {
    std::vector<store::FrameRow> frames;
    std::vector<Uuid> frames_gone, forget_payloads;
    std::vector<store::RunEnd> ends;
    for (auto& [id, working] : batch.working) {
        if (!working.changed) continue;
        const LiveRun& run = *working.run;
        if (!working.ended()) {
            if (!run.express)
                frames.push_back({id, phase_text(working.phase), working.current_state, working.next_due,
                                  json::dump(working.frame.save())});
            continue;
        }
        batch.ended.push_back(id);
        if (working.begun) frames_gone.push_back(id);
        store::RunEnd& end = ends.emplace_back();
        end.run_id = id;
        end.status = status_text(working.outcome.status);
        end.error = working.outcome.error;
        end.cause = working.outcome.cause;
        end.ended_at = now_micros();
        const KeepData keep = run.version->keep_data;
        const bool keeps = keep == KeepData::All ||
                           (keep == KeepData::Error && working.outcome.status != machine::Status::Succeeded);
        if (!keeps) {
            forget_payloads.push_back(id);
        } else if (working.outcome.output_ref && !(run.express && *working.outcome.output_ref != 0)) {
            end.output_ref = static_cast<std::int32_t>(*working.outcome.output_ref);
        } else if (working.outcome.output) {
            end.output = json::dump(*working.outcome.output);
        }
    }
    store::append_history(spi, batch.history);
    store::append_outcomes(spi, batch.outcomes);
    std::vector<store::CallIntent> intents;
    for (const http_task::Prepared& call : batch.calls)
        intents.push_back(call.intent);
    store::append_calls(spi, intents);
    store::save_frames(spi, frames);
    store::delete_frames(spi, frames_gone);
    store::end_runs(spi, ends);
    store::forget_payloads(spi, forget_payloads);
    store::delete_controls(spi, batch.controls_done);
    if (batch.with_revocations) {
        store::append_revocations(spi, revocations_);
        batch.revocations_written = revocations_.size();
    }
}

// After the commit: memory follows the tables, and the effects leave.
void Engine::carry_out(Batch& batch) {
    revocations_.erase(revocations_.begin(),
                       revocations_.begin() + static_cast<std::ptrdiff_t>(batch.revocations_written));
    for (auto item = batch.left_over.rbegin(); item != batch.left_over.rend(); ++item) {
        if (!item->event) fresh_known_.insert(item->run);
        if (item->event)
            queue_.push_front(std::move(*item));
        else
            fresh_.push_front(item->run);
    }
    for (auto& [id, working] : batch.working) {
        if (working.loaded) {
            if (!working.entered) continue;  // left over
            live_.add(std::move(working.loaded));
        }
        working.run->frame = std::move(working.frame);
        if (!working.ended()) live_.set_due(*working.run, working.next_due);
    }
    // A run keeps its call until the answer is written, so that it is not parked meanwhile.
    for (const store::CallOutcome& outcome : batch.outcomes)
        if (LiveRun* run = live_.find(outcome.run_id)) run->calls.erase(outcome.call_id);
    for (const auto& [run_id, call_id] : batch.dropped_calls) {
        LiveRun* run = live_.find(run_id);
        if (run == nullptr) continue;
        if (const auto call = run->calls.find(call_id); call != run->calls.end()) {
            client_.cancel(call->second);
            forget_request(call->second);
            run->calls.erase(call);
        }
    }
    for (http_task::Prepared& call : batch.calls) {
        LiveRun* run = live_.find(call.pending.run_id);
        if (run == nullptr) continue;
        const std::uint64_t request_id = next_request_++;
        call.request.id = request_id;
        run->calls[call.pending.call_id] = request_id;
        run->in_line = false;
        lanes_.begin(call.pending.lane);
        pending_.emplace(request_id, std::move(call.pending));
        client_.start(std::move(call.request));
    }
    for (const auto& [lane, run_id] : batch.in_line) {
        LiveRun* run = live_.find(run_id);
        if (run == nullptr) continue;
        run->in_line = true;
        lanes_.wait(lane, run_id);
    }
    for (const Uuid& id : batch.ended) {
        if (LiveRun* run = live_.find(id)) {
            for (const auto& [call_id, request_id] : run->calls) {
                client_.cancel(request_id);
                forget_request(request_id);
            }
            live_.remove(id);
        }
        client_.end_run(to_string(id));
    }
    if (!batch.ended.empty()) shmem::runs_ended(MyDatabaseId);
    park(batch);
}

// Runs that nothing is expected of soon leave memory; an EXPRESS run has no stored frame to come back from.
void Engine::park(const Batch& batch) {
    const machine::Instant horizon = now_micros() + horizon_micros();
    for (const auto& [id, working] : batch.working) {
        LiveRun* run = live_.find(id);
        if (run == nullptr || run->express || !run->calls.empty()) continue;
        if (run->in_line && lanes_.waiting() <= kMaxInLineLive) continue;
        if (!run->due || *run->due > horizon) live_.remove(id);
    }
}

}  // namespace flowctl::pg
