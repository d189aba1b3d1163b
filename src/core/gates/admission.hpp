// Admission: which of the runs that wait at limits may begin, and when.
//
// A gate is one limit: how many runs may be open behind it (slots), how many may begin in which time (a
// rate), or that it is closed for now. A run passes all of its gates at once or none. Runs with the same
// gates stand in one line, ordered by priority and age; only the first run of a line is ever looked at. A
// line whose first run cannot pass stands at the gate that is in its way, together with the other lines
// there, in a fair order (fair_lines.hpp). So what happens at a gate costs what is admitted, and not what
// waits.
//
// Most of a line is not here. The runs that wait stand in a table; a line holds the first few, and its owner
// says what follows them (Fetch). Nothing in here knows the table, a clock or PostgreSQL.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/uuid_value.hpp"
#include "core/gates/fair_lines.hpp"
#include "core/gates/rate.hpp"

namespace flowctl::gates {

// What a gate lets through.
struct Terms {
    std::optional<std::int64_t> slots = std::nullopt;
    std::optional<Bucket> rate = std::nullopt;
    bool closed = false;
    bool operator==(const Terms&) const = default;
};

struct Waiter {
    Uuid run{};
    int priority = 0;
    std::int64_t since = 0;
    bool comes_before(const Waiter& other) const {
        return std::tuple(-priority, since, run) < std::tuple(-other.priority, other.since, other.run);
    }
};

struct LineFacts {
    std::uint32_t owner = 0;
    Uuid flow{};
    std::vector<Uuid> gates;  // no gate twice
};

class Admission {
  public:
    struct Admitted {
        Uuid run{};
        Uuid line{};
        std::vector<Uuid> holds;  // the gates with slots, one of each of which it has now
        std::uint32_t owner = 0;
        Uuid flow{};
    };
    // The first runs of a line as they wait in the table, at most so many, without those that have been
    // admitted meanwhile.
    using Fetch = std::function<std::vector<Waiter>(const Uuid& line, std::size_t most,
                                                    const std::vector<Admitted>& admitted)>;

    // A gate has these terms from now on. Runs that it let through before stay.
    void set_terms(const Uuid& gate, const Terms& terms);
    // What the tables say of a gate, when nothing is known of it yet.
    void set_held(const Uuid& gate, std::int64_t held) { gates_[gate].held = held; }
    void set_full_at(const Uuid& gate, Instant full_at) { gates_[gate].full_at = full_at; }
    bool has_gate(const Uuid& gate) const { return gates_.contains(gate); }
    std::int64_t held(const Uuid& gate) const;
    Instant full_at(const Uuid& gate) const;
    // When the next run may pass because of the gate's rate.
    Instant next_of(const Uuid& gate, Instant now) const;

    bool has_line(const Uuid& line) const { return lines_.contains(line); }
    // Nobody is known to wait in this line yet: its runs are to be fetched.
    void add_line(const Uuid& line, LineFacts facts);
    // The gates of the line have changed.
    void change_line(const Uuid& line, LineFacts facts);
    // The lines and their facts, to be looked at again.
    template <class Visit>
    void each_line(Visit&& visit) const {
        for (const auto& [id, line] : lines_)
            visit(id, line.facts);
    }

    // Whether a run with these gates could pass now, if nobody else waited. A gate that is closed counts as
    // open where `though_closed`.
    bool has_room(const std::vector<Uuid>& gates, Instant now, bool though_closed = false) const;
    // A run has come. It passes at once where it may and nobody waits in its way; else it stands in line.
    std::optional<Admitted> arrive(const Uuid& line, const LineFacts& facts, const Waiter& waiter, Instant now);
    // A run that waited waits no more.
    void leave(const Uuid& line, const Uuid& run);
    // A run has given back its place behind this gate.
    void release(const Uuid& gate);

    // Whether admit() may find something now.
    bool is_ready(Instant now) const;
    // Lets runs pass, at most so many.
    std::vector<Admitted> admit(Instant now, std::size_t most, const Fetch& fetch);
    // When admit() is to be called again because of a rate; nullopt: not because of time.
    std::optional<Instant> next_at() const;
    // The gates whose rate has been used since the last call.
    std::vector<Uuid> take_used_rates();

    std::size_t gates() const { return gates_.size(); }
    std::size_t lines() const { return lines_.size(); }
    // Gates that are as if nothing had ever passed are forgotten.
    void forget_idle(Instant now);

  private:
    static constexpr std::size_t kWindow = 64;

    struct Gate {
        Terms terms;
        std::int64_t held = 0;
        Instant full_at = 0;
        std::optional<Instant> wakes_at;  // the time in timers_
        FairLines waiting;
    };
    struct Line {
        LineFacts facts;
        std::deque<Waiter> first;  // those that come first, in order
        bool more = false;         // others may follow them
        std::optional<Uuid> gate;  // where it stands
        Place place;               // as it stands there
    };
    using Lines = std::unordered_map<Uuid, Line, UuidHash>;

    static bool has_place(const Gate& gate, Instant now) {
        return (!gate.terms.slots || gate.held < *gate.terms.slots) &&
               (!gate.terms.rate || gate.terms.rate->allows(gate.full_at, now));
    }
    static bool is_open(const Gate& gate, Instant now) { return !gate.terms.closed && has_place(gate, now); }
    std::optional<Uuid> gate_in_the_way(const std::vector<Uuid>& gates, Instant now, bool fairly) const;
    std::vector<Uuid> pass(const std::vector<Uuid>& gates, Instant now);
    void stand(const Uuid& id, Line& line, Uuid gate, Instant now);
    void step_aside(Line& line);
    static bool fill(const Uuid& id, Line& line, const Fetch& fetch, const std::vector<Admitted>& admitted);
    void serve(const Uuid& gate, Instant now, std::size_t most, const Fetch& fetch, std::vector<Admitted>& out);
    void set_timer(const Uuid& id, Gate& gate, Instant now);

    std::unordered_map<Uuid, Gate, UuidHash> gates_;
    Lines lines_;
    std::set<Uuid> ready_;                        // gates at which something may have changed
    std::set<std::pair<Instant, Uuid>> timers_;  // of gates with a rate at which lines stand
    std::set<Uuid> used_rates_;
};

}  // namespace flowctl::gates
