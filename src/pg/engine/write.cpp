// Turns of the engine: what a turn changed goes into the tables; after the commit memory follows and effects
// leave. See engine.hpp.
#include "core/json.hpp"
#include "pg/engine/batch.hpp"
#include "pg/shared/subject_tokens.hpp"

namespace flowctl::pg {

namespace {

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

void Engine::write(Spi& spi, Batch& batch) {
    std::vector<store::FrameRow> frames;
    std::vector<Uuid> frames_gone, forget_payloads, forget_events;
    std::vector<store::RunEnd> ends;
    for (auto& [id, working] : batch.working) {
        if (!working.changed) continue;
        const LiveRun& run = *working.run;
        if (run.child && !working.begun) batch.children_begun.push_back(*run.child);
        if (!working.ended()) {
            if (!run.express)
                frames.push_back({id, phase_text(working.phase), working.current_state, working.next_due,
                                  json::dump(working.frame.save(&run.context.input)), !working.begun});
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
        if (run.child) batch.end_child(id, *run.child, end.status);
        if (!keeps && run.child) {
            // Its map run needs the output, and forgets it when it is over.
            forget_events.push_back(id);
            if (working.outcome.output) end.output = json::dump(*working.outcome.output);
        } else if (!keeps) {
            forget_payloads.push_back(id);
        } else if (working.outcome.output_ref && !(run.express && *working.outcome.output_ref != 0)) {
            end.output_ref = static_cast<std::int32_t>(*working.outcome.output_ref);
        } else if (working.outcome.output) {
            end.output = json::dump(*working.outcome.output);
        }
    }
    store::append_history(batch.history);
    store::append_outcomes(batch.outcomes);
    std::vector<const store::CallIntent*> intents;
    for (const http_task::Prepared& call : batch.calls)
        intents.push_back(&call.intent);
    store::append_calls(intents);
    store::save_frames(spi, frames);
    store::delete_frames(spi, frames_gone);
    store::end_runs(spi, ends);
    store::forget_payloads(spi, forget_payloads);
    store::forget_events(spi, forget_events);
    write_maps(spi, batch);
    store::delete_controls(spi, batch.controls_done);
    if (batch.with_revocations) {
        store::append_revocations(spi, revocations_);
        batch.revocations_written = revocations_.size();
    }
}

// The database leases that calls of this turn carry: their roles are made now, and a call without its lease
// does not leave.
void Engine::grant_leases(Batch& batch) {
    std::vector<Leases::Wanted> wanted;
    for (const http_task::Prepared& call : batch.calls)
        if (call.lease && live_.find(call.pending.run_id) != nullptr)
            wanted.push_back({&*call.lease, nullptr, {}, {}});
    if (wanted.empty()) return;
    leases_.grant(wanted);
    auto next = wanted.begin();
    std::erase_if(batch.calls, [&](http_task::Prepared& call) {
        LiveRun* run = live_.find(call.pending.run_id);
        if (!call.lease || run == nullptr) return false;
        Leases::Wanted& one = *next++;
        if (!one.error.empty()) {
            fail_call(*run, call, one.error, one.cause);
            return true;
        }
        if (one.password)
            call.request.secret_headers.push_back({lease::kPasswordHeader, std::move(one.password)});
        return false;
    });
}

// As if an answer had come. The run keeps the call until that is written.
void Engine::fail_call(LiveRun& run, const http_task::Prepared& call, const std::string& error,
                       const std::string& cause) {
    store::CallOutcome outcome;
    outcome.run_id = run.id;
    outcome.call_id = static_cast<std::int32_t>(call.pending.call_id);
    outcome.sending = call.pending.sending;
    outcome.ended_at = now_micros();
    outcome.error = error;
    run.calls[call.pending.call_id] = next_request_++;
    run.in_line = false;
    queue_.push_back({run.id, machine::TaskFailed{call.pending.call_id, error, cause}, std::move(outcome), 0,
                      false, std::nullopt});
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
        leases_.call_over(run_id, call_id);
        LiveRun* run = live_.find(run_id);
        if (run == nullptr) continue;
        if (const auto call = run->calls.find(call_id); call != run->calls.end()) {
            client_.cancel(call->second);
            forget_request(call->second);
            run->calls.erase(call);
        }
    }
    grant_leases(batch);
    for (http_task::Prepared& call : batch.calls) {
        LiveRun* run = live_.find(call.pending.run_id);
        if (run == nullptr) continue;
        const std::uint64_t request_id = next_request_++;
        call.request.id = request_id;
        call.request.redacted = leases_.passwords_of(run->id);
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
            if (run->subject_handle && !run->child) subject_tokens::release(*run->subject_handle);
            live_.remove(id);
        }
        client_.end_run(to_string(id));
        leases_.run_over(id);
    }
    carry_out_maps(batch);
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
