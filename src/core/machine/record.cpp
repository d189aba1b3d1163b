// Recording: the history events of one call of advance(); see runner.hpp.
//
// A payload is written once. A Payload knows the event that already holds it, if there is one; otherwise the
// event that is being recorded holds it from now on. The last event that a history can have is reserved for
// the run's end.
#include <utility>

#include "core/machine/runner.hpp"

namespace flowctl::machine {

HistoryEvent& Runner::append(std::int64_t previous, std::string_view type, json::Value details,
                             const char* payload_key, Payload* payload, Instant at) {
    HistoryEvent& event = step_.history.emplace_back();
    event.id = frame_.last_event + 1;
    event.previous_id = previous;
    event.at = at;
    event.type = type;
    event.details = std::move(details);
    if (payload != nullptr) {
        event.payload_key = payload_key;
        if (payload->event == kNoEvent) {
            event.payload = payload->value;
            payload->event = event.id;
            bytes_ += json::dumped_size(payload->value);
        } else {
            event.payload_ref = payload->event;
        }
    }
    frame_.last_event = event.id;
    return event;
}

std::int64_t Runner::record(BranchFrame& branch, std::string_view type, json::Value details,
                            const char* payload_key, Payload* payload, std::optional<Instant> at) {
    if (frame_.last_event + 1 >= limits_.max_history_events) history_full_ = true;
    if (history_full_) return 0;
    HistoryEvent& event =
        append(branch.last_event, type, std::move(details), payload_key, payload, at.value_or(now_));
    event.path = branch.path;
    event.state = branch.state;
    event.visit = branch.visit;
    event.attempt = branch.attempt;
    branch.last_event = event.id;
    return event.id;
}

std::int64_t Runner::record_aside(BranchFrame& branch, std::int64_t previous, std::string_view type,
                                  json::Value details) {
    const std::int64_t last = std::exchange(branch.last_event, previous);
    const std::int64_t id = record(branch, type, std::move(details));
    branch.last_event = last;
    return id;
}

void Runner::record_end(std::int64_t previous, std::string_view type, json::Value details, Payload* payload) {
    append(previous, type, std::move(details), "output", payload, now_);
}

}  // namespace flowctl::machine
