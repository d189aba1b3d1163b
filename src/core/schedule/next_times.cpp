// The times of a schedule in a time zone. See schedule.hpp for what daylight saving does to them.
//
// Clocks on the wall do not go steadily: they jump ahead, and they go back. The first moment at which they show a
// wall time or a later one is a function that never decreases. So the times of a schedule that names its hours are
// these moments for the wall times that it means, and the next one belongs to the first wall time that no clock has
// reached yet.
#include <algorithm>

#include "core/schedule/schedule.hpp"

namespace flowctl::schedule {

namespace {

// More than any change of the clocks moves them, together with any offset.
constexpr std::int64_t kTwoDays = 2 * 86'400;

// The first instant at which the wall shows this time or a later one.
Instant first_reached(const Zone& zone, WallTime wall) {
    Instant at = wall - kTwoDays;
    for (;;) {
        const ZoneSpan span = zone.span_at(at);
        const Instant reached = std::max(wall - span.offset, at);
        if (reached < span.ends) return reached;
        at = span.ends;
    }
}

// The latest time that the wall has shown up to this instant.
WallTime latest_shown(const Zone& zone, Instant until) {
    Instant at = until - kTwoDays;
    WallTime latest = std::numeric_limits<WallTime>::min();
    for (;;) {
        const ZoneSpan span = zone.span_at(at);
        latest = std::max(latest, std::min(until, span.ends - 1) + span.offset);
        if (span.ends > until) return latest;
        at = span.ends;
    }
}

std::optional<Instant> next_time_of_day(const Cron& cron, const Zone& zone, Instant after) {
    const auto wall = next_wall_time(cron, latest_shown(zone, after) + 1);
    if (!wall) return std::nullopt;
    return first_reached(zone, *wall);
}

// As the clock goes, span by span of one offset.
std::optional<Instant> next_as_shown(const Cron& cron, const Zone& zone, Instant after) {
    Instant at = after + 1;
    for (;;) {
        const ZoneSpan span = zone.span_at(at);
        const auto wall = next_wall_time(cron, at + span.offset);
        if (!wall) return std::nullopt;
        if (*wall - span.offset < span.ends) return *wall - span.offset;
        // Nothing comes before this wall time in any offset, so rare times are not searched for in each span.
        at = std::max(span.ends, *wall - kTwoDays);
    }
}

std::optional<Instant> next_of(const Cron& cron, const Terms&, const Zone& zone, Instant after) {
    return cron.every_hour ? next_as_shown(cron, zone, after) : next_time_of_day(cron, zone, after);
}

std::optional<Instant> next_of(const Interval& interval, const Terms& terms, const Zone&, Instant after) {
    if (after < terms.anchor) return terms.anchor;
    return terms.anchor + ((after - terms.anchor) / interval.seconds + 1) * interval.seconds;
}

std::optional<Instant> next_of(const Once& once, const Terms&, const Zone& zone, Instant after) {
    const Instant at = first_reached(zone, once.at);
    return at > after ? std::optional(at) : std::nullopt;
}

}  // namespace

std::optional<Instant> next(const Terms& terms, const Zone& zone, Instant after) {
    after = std::max(after, terms.starts - 1);
    const auto found = std::visit([&](const auto& one) { return next_of(one, terms, zone, after); }, terms.schedule);
    return found && *found <= terms.ends ? found : std::nullopt;
}

std::vector<Instant> latest(const Terms& terms, const Zone& zone, Instant since, Instant until, std::size_t most) {
    std::vector<Instant> times;
    if (most == 0) return times;
    // There is no way back from a time to the one before it, so the search begins shortly before the end and goes
    // back twice as far each time. A schedule comes once a second at most.
    for (auto width = static_cast<std::int64_t>(most);; width *= 2) {
        const Instant begin = until - since < width ? since : until - width + 1;
        times.clear();
        for (auto at = next(terms, zone, begin - 1); at && *at <= until; at = next(terms, zone, *at))
            times.push_back(*at);
        if (begin == since || times.size() >= most) break;
    }
    if (times.size() > most) times.erase(times.begin(), times.end() - static_cast<std::ptrdiff_t>(most));
    return times;
}

std::int64_t count(const Terms& terms, const Zone& zone, Instant since, Instant before, std::int64_t most) {
    std::int64_t found = 0;
    for (auto at = next(terms, zone, since - 1); at && *at < before && found < most; at = next(terms, zone, *at))
        found++;
    return found;
}

}  // namespace flowctl::schedule
