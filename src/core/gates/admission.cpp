// Letting runs pass. See admission.hpp.
#include "core/gates/admission.hpp"

#include <algorithm>

namespace flowctl::gates {

void Admission::set_terms(const Uuid& id, const Terms& terms) {
    Gate& gate = gates_[id];
    if (gate.terms == terms) return;
    gate.terms = terms;
    if (!gate.waiting.empty()) ready_.insert(id);
}

std::int64_t Admission::held(const Uuid& id) const {
    const auto found = gates_.find(id);
    return found == gates_.end() ? 0 : found->second.held;
}

Instant Admission::full_at(const Uuid& id) const {
    const auto found = gates_.find(id);
    return found == gates_.end() ? 0 : found->second.full_at;
}

Instant Admission::next_of(const Uuid& id, Instant now) const {
    const auto found = gates_.find(id);
    if (found == gates_.end() || !found->second.terms.rate) return now;
    return found->second.terms.rate->next(found->second.full_at, now);
}

// ---------------------------------------------------------------------------------------------- lines

void Admission::add_line(const Uuid& id, LineFacts facts) {
    const auto [found, is_new] = lines_.try_emplace(id);
    if (!is_new) return;
    found->second.facts = std::move(facts);
    found->second.more = true;
    // It stands at its first gate, and moves on from there as soon as somebody looks.
    const Uuid gate = found->second.facts.gates.front();
    stand(id, found->second, gate, 0);
    ready_.insert(gate);
}

void Admission::change_line(const Uuid& id, LineFacts facts) {
    const auto found = lines_.find(id);
    if (found == lines_.end()) return;
    Line& line = found->second;
    step_aside(line);
    line.facts = std::move(facts);
    const Uuid gate = line.facts.gates.front();
    stand(id, line, gate, 0);
    ready_.insert(gate);
}

// `gate` is a copy, because it may be that of the line, which steps aside in between.
void Admission::stand(const Uuid& id, Line& line, Uuid gate, Instant now) {
    Place place{line.facts.owner, line.facts.flow, 0, 0, id};
    if (!line.first.empty()) {
        place.priority = line.first.front().priority;
        place.since = line.first.front().since;
    }
    const bool moves = line.gate != gate;
    if (!moves && line.place == place) return;
    Gate& at = gates_[gate];
    // Within one gate it is added first, so that what its owner and flow have had is not forgotten.
    at.waiting.add(place);
    step_aside(line);
    line.gate = gate;
    line.place = place;
    if (moves) set_timer(gate, at, now);
}

void Admission::step_aside(Line& line) {
    if (!line.gate) return;
    gates_[*line.gate].waiting.remove(line.place);
    line.gate.reset();
}

// False: nobody waits in this line.
bool Admission::fill(const Uuid& id, Line& line, const Fetch& fetch, const std::vector<Admitted>& admitted) {
    if (!line.first.empty()) return true;
    if (!line.more) return false;
    std::vector<Waiter> found = fetch(id, kWindow, admitted);
    line.more = found.size() == kWindow;
    line.first.assign(found.begin(), found.end());
    return !line.first.empty();
}

// ---------------------------------------------------------------------------------------------- gates

bool Admission::has_room(const std::vector<Uuid>& gates, Instant now, bool though_closed) const {
    return std::all_of(gates.begin(), gates.end(), [&](const Uuid& id) {
        const auto found = gates_.find(id);
        if (found == gates_.end()) return true;
        return though_closed ? has_place(found->second, now) : is_open(found->second, now);
    });
}

// `fairly`: a gate at which lines stand is in the way even if there is room, since it is their turn.
std::optional<Uuid> Admission::gate_in_the_way(const std::vector<Uuid>& gates, Instant now, bool fairly) const {
    for (const Uuid& id : gates) {
        const auto found = gates_.find(id);
        if (found == gates_.end()) continue;
        if (!is_open(found->second, now) || (fairly && !found->second.waiting.empty())) return id;
    }
    return std::nullopt;
}

std::vector<Uuid> Admission::pass(const std::vector<Uuid>& gates, Instant now) {
    std::vector<Uuid> holds;
    for (const Uuid& id : gates) {
        Gate& gate = gates_[id];
        if (gate.terms.slots) {
            gate.held++;
            holds.push_back(id);
        }
        if (gate.terms.rate) {
            gate.full_at = gate.terms.rate->take(gate.full_at, now);
            used_rates_.insert(id);
        }
    }
    return holds;
}

void Admission::set_timer(const Uuid& id, Gate& gate, Instant now) {
    if (gate.wakes_at) timers_.erase({*gate.wakes_at, id});
    gate.wakes_at.reset();
    if (gate.waiting.empty() || !gate.terms.rate) return;
    const Instant at = gate.terms.rate->next(gate.full_at, now);
    if (at <= now) return;
    gate.wakes_at = at;
    timers_.insert({at, id});
}

void Admission::release(const Uuid& id) {
    const auto found = gates_.find(id);
    if (found == gates_.end() || found->second.held == 0) return;
    found->second.held--;
    if (!found->second.waiting.empty()) ready_.insert(id);
}

// ---------------------------------------------------------------------------------------------- runs

std::optional<Admission::Admitted> Admission::arrive(const Uuid& id, const LineFacts& facts,
                                                     const Waiter& waiter, Instant now) {
    const auto found = lines_.find(id);
    if (found == lines_.end()) {
        const auto gate = gate_in_the_way(facts.gates, now, true);
        if (!gate) return Admitted{waiter.run, id, pass(facts.gates, now), facts.owner, facts.flow};
        Line& line = lines_[id];
        line.facts = facts;
        line.first.push_back(waiter);
        stand(id, line, *gate, now);
        return std::nullopt;
    }
    Line& line = found->second;
    if (std::any_of(line.first.begin(), line.first.end(),
                    [&](const Waiter& one) { return one.run == waiter.run; }))
        return std::nullopt;
    // Behind those that are here others may come before this one.
    if (line.more && (line.first.empty() || !waiter.comes_before(line.first.back()))) return std::nullopt;
    const auto at = std::upper_bound(line.first.begin(), line.first.end(), waiter,
                                     [](const Waiter& a, const Waiter& b) { return a.comes_before(b); });
    line.first.insert(at, waiter);
    if (line.first.size() > 2 * kWindow) {
        line.first.resize(kWindow);
        line.more = true;
    }
    stand(id, line, *line.gate, now);
    return std::nullopt;
}

void Admission::leave(const Uuid& id, const Uuid& run) {
    const auto found = lines_.find(id);
    if (found == lines_.end()) return;
    Line& line = found->second;
    const auto at = std::find_if(line.first.begin(), line.first.end(),
                                 [&](const Waiter& one) { return one.run == run; });
    if (at == line.first.end()) return;
    line.first.erase(at);
    if (!line.first.empty()) {
        // The line is ordered by its first run, which may be another one now. It does not move, so the time does
        // not matter.
        stand(id, line, *line.gate, 0);
    } else if (!line.more) {
        step_aside(line);
        lines_.erase(found);
    }
}

bool Admission::is_ready(Instant now) const {
    return !ready_.empty() || (!timers_.empty() && timers_.begin()->first <= now);
}

std::optional<Instant> Admission::next_at() const {
    if (timers_.empty()) return std::nullopt;
    return timers_.begin()->first;
}

std::vector<Admission::Admitted> Admission::admit(Instant now, std::size_t most, const Fetch& fetch) {
    std::vector<Admitted> admitted;
    while (!timers_.empty() && timers_.begin()->first <= now) {
        const Uuid id = timers_.begin()->second;
        timers_.erase(timers_.begin());
        gates_[id].wakes_at.reset();
        ready_.insert(id);
    }
    while (!ready_.empty() && admitted.size() < most) {
        const Uuid id = *ready_.begin();
        serve(id, now, most, fetch, admitted);
        Gate& gate = gates_[id];
        if (gate.waiting.empty() || !is_open(gate, now)) ready_.erase(id);
        set_timer(id, gate, now);
    }
    return admitted;
}

// Until the gate is shut, nobody stands at it, or enough are admitted.
void Admission::serve(const Uuid& id, Instant now, std::size_t most, const Fetch& fetch,
                      std::vector<Admitted>& out) {
    Gate& gate = gates_[id];
    while (out.size() < most && !gate.waiting.empty() && is_open(gate, now)) {
        const Place place = gate.waiting.first();
        Line& line = lines_.at(place.line);
        const bool was_empty = line.first.empty();
        if (!fill(place.line, line, fetch, out)) {
            step_aside(line);
            lines_.erase(place.line);
            continue;
        }
        if (was_empty) {
            // Its first run is known only now, and another line may come before it.
            const Place before = line.place;
            stand(place.line, line, id, now);
            if (!(line.place == before)) continue;
        }
        if (const auto other = gate_in_the_way(line.facts.gates, now, false)) {
            stand(place.line, line, *other, now);
            continue;
        }
        gate.waiting.served(place);
        out.push_back({line.first.front().run, place.line, pass(line.facts.gates, now), line.facts.owner,
                       line.facts.flow});
        line.first.pop_front();
        if (line.first.empty() && !line.more) {
            step_aside(line);
            lines_.erase(place.line);
        } else {
            stand(place.line, line, id, now);
        }
    }
}

std::vector<Uuid> Admission::take_used_rates() {
    std::vector<Uuid> used(used_rates_.begin(), used_rates_.end());
    used_rates_.clear();
    return used;
}

void Admission::forget_idle(Instant now) {
    std::erase_if(gates_, [&](const auto& entry) {
        const Gate& gate = entry.second;
        return gate.held == 0 && gate.waiting.empty() && gate.full_at <= now && !ready_.contains(entry.first) &&
               !gate.wakes_at;
    });
}

}  // namespace flowctl::gates
