// Rates: how many may begin in which time, and when the next one may.
//
// A rate is kept as a token bucket in the form of one time: the moment at which the bucket is full again. It
// fills while time passes, so nothing has to be counted up, and what has to be stored of a bucket is this
// one number. Invariants: in any span of time no more begin than the rate allows for it, plus the burst; and
// whatever a clock does, nobody waits longer than an empty bucket takes to fill.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

namespace flowctl::gates {

// Microseconds since 1970, as in core/machine.
using Instant = std::int64_t;

struct Rate {
    std::int64_t count = 1;
    std::int64_t period = 1;  // microseconds
    bool operator==(const Rate&) const = default;
};

// "100/min", "5/s", "1/10 s", "20 / 2 h". nullopt: it is none, or is 0, or more than a million a second, or
// its period is longer than a year.
std::optional<Rate> parse_rate(std::string_view text);

class Bucket {
  public:
    static constexpr std::int64_t kMostBurst = 1'000'000;

    Bucket() = default;
    Bucket(const Rate& rate, std::int64_t burst)
        : interval_((rate.period + rate.count - 1) / rate.count), burst_(std::min(burst, kLongest / interval_)) {}

    // The first moment from `now` on at which one more may begin. `full_at` is the bucket's state.
    Instant next(Instant full_at, Instant now) const {
        return std::max(now, sane(full_at, now) - interval_ * (burst_ - 1));
    }
    bool allows(Instant full_at, Instant now) const { return next(full_at, now) <= now; }
    // How many may begin now.
    std::int64_t available(Instant full_at, Instant now) const {
        const Instant full = sane(full_at, now);
        return full <= now ? burst_ : std::clamp<std::int64_t>(burst_ - (full - now + interval_ - 1) / interval_, 0, burst_);
    }
    // The state after one has begun.
    Instant take(Instant full_at, Instant now) const {
        return std::max(sane(full_at, now), now) + interval_;
    }
    bool operator==(const Bucket&) const = default;

  private:
    // No bucket is emptier than empty: a state from beyond that was written before the clock was set back.
    Instant sane(Instant full_at, Instant now) const {
        return std::min(full_at, now + interval_ * burst_);
    }
    // How long an empty bucket may take to fill: its time must stay one that a timestamp can be.
    static constexpr std::int64_t kLongest = 1'000'000'000'000'000'000;
    std::int64_t interval_ = 1;  // between two of them
    std::int64_t burst_ = 1;     // that a full bucket holds
};

// A window of quiet: the latest start within it counts. It moves on with each start, but not past `most`
// after the first one.
inline Instant quiet_until(Instant first, Instant latest, std::int64_t window, std::optional<std::int64_t> most) {
    return most ? std::min(latest + window, first + std::max(*most, window)) : latest + window;
}

}  // namespace flowctl::gates
