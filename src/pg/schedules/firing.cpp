// Firing schedules. See firing.hpp.
#include "pg/schedules/firing.hpp"

#include <algorithm>
#include <utility>

#include "core/asl/timestamp.hpp"
#include "pg/events/record.hpp"
#include "pg/schedules/scheduled_runs.hpp"
#include "pg/server/guc.hpp"
#include "pg/shared/wake.hpp"
#include "pg/starts/open_run_quota.hpp"

namespace flowctl::pg::schedules {

namespace {

// A schedule that has more to catch up goes on in the next transaction, so that others have their turn.
constexpr std::size_t kMostOfOne = 100;

// What has to change before the schedule can start anything: somebody has to look.
bool is_lasting(const UserError& error) {
    return error.sqlstate == ERRCODE_INSUFFICIENT_PRIVILEGE || error.sqlstate == ERRCODE_UNDEFINED_OBJECT ||
           error.sqlstate == ERRCODE_INVALID_NAME;
}

class Round {
  public:
    Round(Spi& spi, const std::vector<DueSchedule>& due, const Moment& moment)
        : spi_(spi), due_(due), moment_(moment), dropping_(find_dropping_flows(spi)) {
        std::vector<Uuid> followers;
        for (const DueSchedule& one : due)
            if (one.definition.overlap_mode() != Overlap::Allow) followers.push_back(one.definition.id);
        open_ = find_open_runs(spi, followers);
    }

    std::vector<Replaced> fire() {
        for (const DueSchedule& one : due_)
            decide(one);
        start();
        save_outcomes(spi_, outcomes_);
        tell_of_missed();
        return std::move(replaced_);
    }

  private:
    struct Planned {
        std::size_t schedule;  // in due_ and outcomes_
        schedule::Instant due;
        Firing firing;
        Uuid run;
    };

    void decide(const DueSchedule& one) {
        Outcome& outcome = outcomes_.emplace_back();
        outcome.id = one.definition.id;
        Timing timing;
        try {
            timing = timing_of(one.definition);
        } catch (const UserError& error) {
            outcome.error = error.message;
            first_missed_.emplace_back();
            return;
        }
        const std::int64_t late_before = one.behind ? 0 : std::max(moment_.late_before, one.armed_at);
        schedule::Due due = schedule::find_due(
            timing.terms, *timing.zone, timing.jitter,
            {one.next_due, moment_.now, late_before, one.definition.catch_up_mode(),
             static_cast<std::size_t>(guc::max_catch_up)});
        outcome.missed = due.missed;
        first_missed_.push_back(due.first_missed);
        outcome.keeps_error = due.fire.empty();
        const std::size_t planned = plan(one, due.fire, outcome);
        for (std::size_t i = 0; i < planned; i++) {
            const bool late = timing.jitter.fire_at(due.fire[i]) < late_before;
            planned_.push_back({outcomes_.size() - 1, due.fire[i], late ? Firing::CatchUp : Firing::Time,
                                run_id_for(one.definition.id, due.fire[i])});
        }
        outcome.next_due = planned < due.fire.size() ? std::optional(due.fire[planned]) : due.next;
        if (!outcome.next_due) return;
        if (is_waiting_) {
            outcome.waits_for = planned > 0 ? planned_.back().run : open_.at(one.definition.id).front();
            outcome.behind = true;
            return;
        }
        outcome.fire_at = timing.jitter.fire_at(*outcome.next_due);
        outcome.behind = one.behind && *outcome.fire_at <= moment_.now;
    }

    // How many of these times are fired now; those that are left out are taken away. Sets is_waiting_.
    std::size_t plan(const DueSchedule& one, std::vector<schedule::Instant>& times, Outcome& outcome) {
        is_waiting_ = false;
        const auto leave_out = [&](std::size_t first, std::size_t last) {
            outcome.skipped += static_cast<std::int64_t>(last - first);
            times.erase(times.begin() + static_cast<std::ptrdiff_t>(first),
                        times.begin() + static_cast<std::ptrdiff_t>(last));
        };
        if (times.empty()) return 0;
        const Definition& definition = one.definition;
        if (dropping_.contains(definition.flow.substr(0, definition.flow.find(':')))) {
            leave_out(0, times.size());
            return 0;
        }
        const auto open = open_.find(definition.id);
        const bool is_open = open != open_.end();
        switch (definition.overlap_mode()) {
            case Overlap::Allow: return std::min(times.size(), kMostOfOne);
            case Overlap::Skip:
                leave_out(is_open ? 0 : 1, times.size());
                return times.size();
            case Overlap::Queue:
                is_waiting_ = is_open || times.size() > 1;
                return is_open ? 0 : 1;
            case Overlap::Replace:
                leave_out(0, times.size() - 1);
                if (is_open)
                    for (const Uuid& run : open->second)
                        replaced_.push_back({run, definition.name});
                return 1;
        }
        return 0;
    }

    void start() {
        std::vector<Uuid> ids;
        for (const Planned& one : planned_)
            ids.push_back(one.run);
        // A time that was fired before the clock was set back, or the schedule resumed, is not fired again.
        const std::set<Uuid> existing = find_existing(ids);
        std::vector<store::NewRun> runs;
        std::vector<Uuid> followed, followers;
        for (const Planned& one : planned_) {
            const Definition& definition = due_[one.schedule].definition;
            Outcome& outcome = outcomes_[one.schedule];
            if (!existing.contains(one.run) && !make(definition, one, outcome, runs)) continue;
            outcome.last_due = one.due;
            outcome.last_run = one.run;
            if (existing.contains(one.run)) continue;
            outcome.fired++;
            if (!definition.follows_runs()) continue;
            followed.push_back(one.run);
            followers.push_back(definition.id);
        }
        store::insert_runs(runs.data(), runs.size());
        note_runs(spi_, followed, followers);
        std::vector<Uuid> stopped;
        for (const Replaced& one : replaced_)
            stopped.push_back(one.run);
        mark_replaced(spi_, stopped);
        for (const store::NewRun& run : runs)
            wake::note_started_run({run.run_id, run.flow_owner, run.wait.has_value()});
    }

    bool make(const Definition& definition, const Planned& one, Outcome& outcome, std::vector<store::NewRun>& runs) {
        try {
            StartRequest request = request_for(definition, one.run, one.due * 1'000'000, one.firing);
            request.by_worker = true;
            request.only_looks = true;  // what is in the way is told by the schedule
            store::NewRun run = make_run(request);
            open_run_quota::take(run.flow_owner);
            runs.push_back(std::move(run));
            outcome.error.reset();
            return true;
        } catch (const UserError& error) {
            outcome.missed++;
            outcome.error = error.message;
            // Nothing was started, so there is no end to wait for.
            if (outcome.waits_for == one.run) {
                outcome.waits_for.reset();
                if (outcome.next_due) outcome.fire_at = moment_.now;
            }
            if (is_lasting(error)) {
                pause_failed(spi_, definition.id, error.message);
                outcome.fire_at.reset();
            }
            return false;
        }
    }

    // One event for all that a schedule has missed at once.
    void tell_of_missed() {
        for (std::size_t i = 0; i < outcomes_.size(); i++) {
            const Outcome& outcome = outcomes_[i];
            if (outcome.missed == 0 || !events::is_wanted("schedule.missed")) continue;
            const Definition& definition = due_[i].definition;
            json::ObjectBuilder data;
            data.add("schedule", definition.name).add("flow", definition.flow);
            data.add("missed", json::Value::integer(outcome.missed));
            data.add("first", asl::format_instant(first_missed_[i].value_or(due_[i].next_due) * 1'000'000));
            data.add("error", outcome.error ? json::Value::string(*outcome.error) : json::Value());
            events::record({"schedule.missed", definition.name, json::dump(data.build()), definition.owner});
        }
    }

    Spi& spi_;
    const std::vector<DueSchedule>& due_;
    const Moment moment_;
    const std::set<std::string> dropping_;
    std::map<Uuid, std::vector<Uuid>> open_;  // runs of schedules
    std::vector<Outcome> outcomes_;           // of each of due_
    std::vector<std::optional<schedule::Instant>> first_missed_;
    std::vector<Planned> planned_;
    std::vector<Replaced> replaced_;
    bool is_waiting_ = false;  // the schedule that is being planned waits for a run to end
};

}  // namespace

std::vector<Replaced> fire(Spi& spi, const std::vector<DueSchedule>& due, const Moment& moment) {
    return Round(spi, due, moment).fire();
}

}  // namespace flowctl::pg::schedules
