// What a batch has changed goes into the tables; after the commit memory follows, and the effects leave. See
// batch.hpp.
#include "core/json.hpp"
#include "pg/engine/batch.hpp"
#include "pg/engine/load.hpp"
#include "pg/server/guc.hpp"
#include "pg/server/timestamps.hpp"
#include "pg/shared/shmem.hpp"
#include "pg/shared/subject_tokens.hpp"

namespace flowctl::pg {

// Half of the memory is for runs that cannot leave it. From there on EXPRESS runs store their frames, too, so
// that they can. After a crash such a run goes on from the frame.
bool Batch::is_memory_short() const {
    const std::size_t half = static_cast<std::size_t>(guc::run_memory) * 1024 / 2;
    return state_.live.bytes() + unstored_bytes_ > half;
}

void Batch::write(Spi& spi) {
    std::vector<store::FrameRow> frames;
    for (auto& [id, working] : working_) {
        if (!working.changed) continue;
        const LiveRun& run = *working.run;
        if (run.child && !working.begun) changes_.children_begun.push_back(*run.child);
        if (working.ended()) {
            write_end(working, id);
            continue;
        }
        const json::Value saved = working.frame.save(&run.context.input);
        if (run.express && !run.stored && !is_memory_short()) {
            working.frame_bytes = kMemoryOfByte * json::dumped_size(saved);
            unstored_bytes_ += working.frame_bytes + (working.loaded ? run.fixed_bytes : 0);
            continue;
        }
        std::string frame = json::dump(saved);
        working.frame_bytes = memory_of(frame);
        working.saved = true;
        frames.push_back(
            {id, working.phase, working.current_state, working.next_due, std::move(frame), !run.stored});
    }
    store::append_history(history_);
    Calls::write(planned_);
    store::reopen_runs(spi, reopened_);
    store::reopen_to_wait(spi, waiting_again_);
    store::save_frames(spi, frames);
    store::delete_frames(spi, frames_gone_);
    store::end_runs(spi, ends_);
    store::keep_ended_frames(ended_frames_);
    store::forget_payloads(spi, forget_payloads_);
    store::forget_events(spi, forget_events_);
    for (const auto& part : state_.parts)
        part->write(spi, changes_);
}

// The row of a run that has ended, with as much of its payloads as its flow keeps.
void Batch::write_end(const Working& working, const Uuid& id) {
    const LiveRun& run = *working.run;
    changes_.ended.push_back(id);
    if (run.stored) frames_gone_.push_back(id);
    store::RunEnd& end = ends_.emplace_back();
    end.run_id = id;
    end.status = working.outcome.status;
    end.error = working.outcome.error;
    end.cause = working.outcome.cause;
    end.ended_at = unix_micros_now();
    if (run.child) changes_.end_child(id, *run.child, end.status);
    if (working.has_failed()) changes_.failed.push_back({id, run.context.input});
    const KeepData keep = run.version->options.keep_data;
    const bool keeps = keep == KeepData::All ||
                       (keep == KeepData::Error && working.outcome.status != machine::Status::Succeeded);
    if (run.awaitable) changes_.awaitable_ended.push_back({id, run.context.input, working.outcome.output});
    if (!keeps && run.child) {
        // Its map run needs the output, and forgets it when it is over.
        forget_events_.push_back(id);
        if (working.outcome.output) end.output = json::dump(*working.outcome.output);
    } else if (!keeps) {
        forget_payloads_.push_back(id);
    } else if (working.outcome.output_ref && !(run.express && *working.outcome.output_ref != 0)) {
        end.output_ref = static_cast<std::int32_t>(*working.outcome.output_ref);
    } else if (working.outcome.output) {
        end.output = json::dump(*working.outcome.output);
    }
    if (keeps && !run.express && end.status != machine::Status::Succeeded)
        ended_frames_.push_back({id, end.ended_at, working.frame.data().last_event,
                                 json::dump(working.frame.save(&run.context.input))});
}

namespace {

void log_failure(const LiveRun& run, const store::RunEnd& end) noexcept try {
    const std::string status(machine::name_of(end.status));
    const std::string message = "run " + run.id_text + " of flow \"" + run.flow + "\" ended as " + status +
                                (end.error ? ": " + *end.error : "");
    const char* const text = message.c_str();
    const char* const cause = end.cause ? end.cause->c_str() : nullptr;
    guarded([&] {
        ereport(guc::log_failures,
                (errmsg_internal("%s", text), cause != nullptr ? errdetail_internal("%s", cause) : 0));
    });
} catch (...) {
    // The turn has committed, and its effects are to leave whatever becomes of a message.
}

}  // namespace

void Batch::carry_out() {
    if (guc::log_failures != 0)
        for (const store::RunEnd& end : ends_)
            if (const auto working = working_.find(end.run_id);
                end.status != machine::Status::Succeeded && working != working_.end() && !working->second.run->child)
                log_failure(*working->second.run, end);
    carry_out_evaluations();
    state_.intake.put_back(std::move(left_over_));
    for (auto& [id, working] : working_) {
        if (working.loaded) {
            if (!working.entered) continue;  // left over
            working.loaded->stored = working.loaded->stored || working.saved;
            state_.live.add(std::move(working.loaded));
            state_.calls.release(id);
        } else if (working.saved) {
            state_.live.set_stored(*working.run);
        }
        state_.live.touch(*working.run, working.run->fixed_bytes + working.frame_bytes);
        working.run->frame = std::move(working.frame);
        if (!working.ended()) state_.live.set_due(*working.run, working.next_due);
    }
    state_.calls.committed(planned_, changes_);
    for (const Uuid& id : changes_.ended) {
        LiveRun* run = state_.live.find(id);
        if (run == nullptr) continue;
        if (run->subject_handle && !run->child) subject_tokens::release(*run->subject_handle);
        state_.live.remove(id);
    }
    for (const Uuid& id : changes_.ended)
        state_.calls.release(id);
    for (const auto& part : state_.parts)
        part->committed(changes_);
    if (!changes_.ended.empty()) shmem::runs_ended(MyDatabaseId);
    park();
}

// Runs that nothing is expected of soon leave memory, and the longest rested ones where all of them take too
// much. A run without a stored frame could not come back.
void Batch::park() {
    const machine::Instant horizon = unix_micros_now() + horizon_micros();
    for (const auto& [id, working] : working_) {
        LiveRun* run = state_.live.find(id);
        if (run == nullptr || !run->stored || !run->calls.empty()) continue;
        if (run->in_line && state_.calls.waiting() <= kMaxInLineLive) continue;
        if (!run->due || *run->due > horizon) state_.live.remove(id);
    }
    const std::size_t most = static_cast<std::size_t>(guc::run_memory) * 1024;
    while (state_.live.bytes() > most) {
        LiveRun* run = state_.live.longest_rested();
        if (run == nullptr) break;
        state_.park(*run);
    }
}

}  // namespace flowctl::pg
