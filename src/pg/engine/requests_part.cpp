// Requests of sessions; see requests_part.hpp.
#include "pg/engine/requests_part.hpp"

#include <array>
#include <utility>

#include "pg/server/timestamps.hpp"
#include "pg/store/controls.hpp"

namespace flowctl::pg {

namespace {

constexpr std::int64_t kAgainMicros = 1'000'000;
constexpr std::size_t kRequestsAtOnce = 500;  // fewer than a turn takes

struct Kind {
    const char* name;
    machine::Event (*event)(store::Request&& request);
};
constexpr std::array kKinds = {
    Kind{"stop",
         [](store::Request&& request) -> machine::Event {
             return machine::Stopped{std::move(request.error), std::move(request.cause)};
         }},
    Kind{"redrive", [](store::Request&&) -> machine::Event { return machine::Redriven{}; }},
    Kind{"pause", [](store::Request&&) -> machine::Event { return machine::Paused{}; }},
    Kind{"resume", [](store::Request&&) -> machine::Event { return machine::Unpaused{}; }},
};

const std::vector<std::string>& names_of_kinds() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> all;
        for (const Kind& kind : kKinds)
            all.emplace_back(kind.name);
        return all;
    }();
    return names;
}

}  // namespace

// What is found is deleted by this turn or the next ones; then the others are found.
bool RequestsPart::look(Spi& spi) {
    std::vector<store::Request> found =
        store::find_requests(spi, names_of_kinds(), shard_, shards_, kRequestsAtOnce);
    for (store::Request& request : found) {
        Key key{request.run_id, request.kind, request.requested_by};
        if (!known_.insert(key).second) continue;
        queued_.emplace(++last_ticket_, std::move(key));
        for (const Kind& kind : kKinds) {
            if (request.kind != kind.name) continue;
            const Uuid run = request.run_id;
            host_.queue({.run = run,
                         .event = kind.event(std::move(request)),
                         .load = true,
                         .from = this,
                         .ticket = last_ticket_});
            break;
        }
    }
    return found.size() == kRequestsAtOnce;
}

void RequestsPart::close(const Item& item, std::optional<std::string> outcome) {
    const auto found = queued_.find(item.ticket);
    if (found == queued_.end()) return;
    const auto& [run, kind, role] = found->second;
    closed_.push_back({run, kind, role, std::move(outcome)});
    closed_tickets_.push_back(item.ticket);
}

void RequestsPart::told(const Item& item, Told told, const std::string& why_not) {
    if (told == Told::Later)
        later_.push_back(item);
    else if (told == Told::Taken)
        close(item, "done");
    else
        close(item, why_not.empty() ? std::nullopt : std::optional(why_not));
}

void RequestsPart::failed(const Item& item) {
    close(item, "it could not be carried out; the server's log says why");
}

void RequestsPart::write(Spi& spi, const Changes& changes) {
    store::close_requests(spi, closed_);
    for (const auto& [run, reason] : changes.exhausted)
        store::record_exhausted(spi, run, reason);
}

void RequestsPart::committed(const Changes&) {
    for (const std::int64_t ticket : closed_tickets_)
        forget(ticket);
    if (later_.empty()) return;
    if (deferred_.empty()) deferred_until_ = unix_micros_now() + kAgainMicros;
    deferred_.insert(deferred_.end(), later_.begin(), later_.end());
}

void RequestsPart::collect() {
    const machine::Instant now = unix_micros_now();
    if (deferred_.empty() || (now < deferred_until_ && deferred_until_ <= now + kAgainMicros)) return;
    for (Item& item : deferred_)
        host_.queue(std::move(item));
    deferred_.clear();
}

std::optional<machine::Instant> RequestsPart::next_at() const {
    if (deferred_.empty()) return std::nullopt;
    return deferred_until_;
}

void RequestsPart::forget(std::int64_t ticket) {
    const auto found = queued_.find(ticket);
    if (found == queued_.end()) return;
    known_.erase(found->second);
    queued_.erase(found);
}

}  // namespace flowctl::pg
