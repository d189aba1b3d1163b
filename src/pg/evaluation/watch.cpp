// The timer of evaluations; see watch.hpp.
#include "pg/evaluation/watch.hpp"

#include <limits>

#include "pg/server/bridge.hpp"

extern "C" {
#include "utils/timeout.h"
}

namespace flowctl::pg::watch {

namespace {

constexpr int kTickMilliseconds = 15;
// One tick more is counted, because an evaluation may begin at any time between two ticks.
constexpr int kTicks = kMicros / 1000 / kTickMilliseconds + 1;

std::sig_atomic_t last_number = 0;
volatile std::sig_atomic_t seen = 0;        // the evaluation that the last tick has found
volatile std::sig_atomic_t seen_times = 0;  // how many ticks in a row have found it

// Runs in the handler of SIGALRM, so it only reads and writes flags.
void tick() {
    const std::sig_atomic_t now = detail::evaluation;
    if (now == 0 || now != seen) {
        seen = now;
        seen_times = 1;
        return;
    }
    seen_times = seen_times + 1;
    if (seen_times >= kTicks) detail::too_long = 1;
}

TimeoutId timer() {
    static const TimeoutId id = RegisterTimeout(USER_TIMEOUT, tick);
    return id;
}

}  // namespace

namespace detail {

volatile std::sig_atomic_t evaluation = 0;
volatile std::sig_atomic_t too_long = 0;

std::sig_atomic_t next() noexcept {
    last_number = last_number == std::numeric_limits<std::sig_atomic_t>::max() ? 1 : last_number + 1;
    return last_number;
}

const volatile std::sig_atomic_t& process_ends() noexcept {
    return ProcDiePending;
}

}  // namespace detail

Ticking::Ticking() {
    guarded([] {
        const TimeoutId id = timer();
        enable_timeout_every(id, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), kTickMilliseconds),
                             kTickMilliseconds);
    });
}

Ticking::~Ticking() {
    disable_timeout(timer(), false);
}

}  // namespace flowctl::pg::watch
