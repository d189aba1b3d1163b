// Later runs that take the places of earlier ones: option on_limit `replace`. See admitter.hpp.
#include <algorithm>
#include <utility>

#include "pg/limits/admitter.hpp"
#include "pg/server/timestamps.hpp"

namespace flowctl::pg::limits {

namespace {

constexpr std::size_t kMostReplaced = 1000;         // runs of one line, at once
constexpr std::int64_t kReplacedAgain = 10'000'000;  // us: runs that have been replaced are told again after it

constexpr const char* kReplaced = "Flowctl.Replaced";
constexpr const char* kReplacedCause =
    "a later run with the same key was started, and the flow's option on_limit is replace";

}  // namespace

// The latest runs with a key take the places of earlier ones, those that wait and those that are open. This
// comes once for all runs that have come to a line in a transaction, and those that have been replaced leave the
// line at once. So a line has hardly more runs than places, and reading it costs what there is to decide.
void Admitter::make_room(Spi& spi) {
    // The tables have to say what has been staged.
    flush_waits(spi);
    store::insert_holds(std::exchange(holds_, {}));
    std::erase_if(contested_, [&](const auto& one) { return make_room(spi, one.first, one.second); });
    if (!contested_.empty()) note_due(unix_micros_now());
}

// False: there is more to do in this line. Of the runs that come first in it, which may be not all, the latest
// stay; so the latest of all stay, too.
bool Admitter::make_room(Spi& spi, const Uuid& line, const Uuid& flow_id) {
    const FlowOptions::Limits& limits = terms_.of(spi, flow_id).limits();
    if (limits.on_limit != OnLimit::Replace || !limits.max_concurrency) return true;
    const auto slots = static_cast<std::size_t>(*limits.max_concurrency);
    std::vector<store::WaitRow> waiting = store::first_waits(spi, line, slots + kMostReplaced);
    if (waiting.empty()) return true;
    std::sort(waiting.begin(), waiting.end(),
              [](const store::WaitRow& a, const store::WaitRow& b) { return a.run_id > b.run_id; });
    const std::size_t come = std::min(waiting.size(), slots);
    replace(spi, {waiting.begin() + static_cast<std::ptrdiff_t>(come), waiting.end()});
    // A run that is open holds its place until it has ended, and is told again if others come before that.
    const store::WaitRow& latest = waiting.front();
    const Uuid gate = gates::concurrency_gate(flow_id, latest.concurrency_key);
    const auto held = static_cast<std::size_t>(admission_.held(gate));
    if (held + come > slots)
        for (const Uuid& holder : store::oldest_holders(spi, gate, held + come - slots))
            decide(holder, latest.flow_owner, kReplaced, kReplacedCause);
    return waiting.size() < slots + kMostReplaced;
}

// They wait no more, and are told again if they have not ended by then.
void Admitter::replace(Spi& spi, const std::vector<store::WaitRow>& runs) {
    if (runs.empty()) return;
    for (const store::WaitRow& run : runs) {
        decide(run.run_id, run.flow_owner, kReplaced, kReplacedCause);
        admission_.leave(run.line, run.run_id);
    }
    const std::int64_t due_at = unix_micros_now() + kReplacedAgain;
    store::leave_lines(spi, store::ids_of(runs), due_at);
    note_due(due_at);
}

}  // namespace flowctl::pg::limits
