// Schedules in twelve time zones over thirty years: against a walk over each second's wall time, and against dates
// that are known.
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

#include "schedule_support.hpp"

using namespace flowctl::schedule;

namespace {

constexpr const char* kZones[] = {
    "UTC",           "Europe/Berlin",    "Europe/London",       "America/New_York",
    "America/Sao_Paulo", "America/St_Johns", "Australia/Lord_Howe", "Australia/Sydney",
    "Pacific/Apia",  "Asia/Kathmandu",   "Africa/Casablanca",   "Asia/Tehran"};
constexpr const char* kSchedules[] = {"30 2 * * *",    "0 0 * * *",     "*/15 1-3 * * *", "0 * * * *",
                                      "*/20 * * * *",  "15 */2 * * *",  "0 2 * * SUN",    "0 0,12 1,31 * *",
                                      "30 0 L * *",    "0 12 30 12 *"};

// The days around each change of the offset in these years.
std::vector<std::pair<Instant, Instant>> changes(int first_year, int last_year) {
    std::vector<std::pair<Instant, Instant>> found;
    const Instant end = utc(last_year + 1, 1, 1);
    for (Instant at = utc(first_year, 1, 1); at < end; at += 43'200)
        if (LibraryZone::offset_at(at) != LibraryZone::offset_at(at + 43'200))
            found.emplace_back(at - 2 * 86'400, at + 3 * 86'400);
    return found;
}

// The wall times that the cron means, of some days.
std::vector<WallTime> meant(const Cron& cron, WallTime since, WallTime until) {
    std::vector<WallTime> times;
    for (auto at = next_wall_time(cron, since); at && *at <= until; at = next_wall_time(cron, *at + 1))
        times.push_back(*at);
    return times;
}

// By the definition, minute by minute (schedules of whole minutes). `offsets`: of each minute from `since` on.
std::vector<Instant> walked(const Cron& cron, Instant since, Instant until, const std::vector<std::int32_t>& offsets) {
    const Instant begin = since - 2 * 86'400;
    const std::vector<WallTime> walls = meant(cron, begin - 2 * 86'400, until + 86'400);
    std::vector<Instant> times;
    WallTime latest = begin - 2 * 86'400;
    for (std::size_t i = 0; i < offsets.size(); i++) {
        const Instant at = begin + static_cast<Instant>(i) * 60;
        const WallTime wall = at + offsets[i];
        // Wall times that no clock has shown before: this one, and those that were skipped.
        const WallTime from = cron.every_hour ? wall : latest + 1;
        const auto first = std::lower_bound(walls.begin(), walls.end(), from);
        if (first != walls.end() && *first <= wall && at > since && at <= until) times.push_back(at);
        latest = std::max(latest, wall);
    }
    return times;
}

}  // namespace

TEST(ScheduleZones, AgreeWithAWalkOverEveryChangeOfThirtyYears) {
    int seen = 0;
    for (const char* name : kZones) {
        const LibraryZone zone(name);
        for (const auto& [since, until] : changes(1997, 2026)) {
            seen++;
            std::vector<std::int32_t> offsets;
            for (Instant at = since - 2 * 86'400; at <= until; at += 60)
                offsets.push_back(LibraryZone::offset_at(at));
            for (const char* text : kSchedules) {
                const Terms terms{parsed(text), 0, 0, kNever};
                std::vector<Instant> times;
                for (auto at = next(terms, zone, since); at && *at <= until; at = next(terms, zone, *at))
                    times.push_back(*at);
                ASSERT_EQ(times, walked(std::get<Cron>(terms.schedule), since, until, offsets))
                    << text << " in " << name << " from " << text_of(since);
            }
        }
    }
    EXPECT_GT(seen, 400);
}

struct Known {
    const char* schedule;
    const char* zone;
    const char* after;  // UTC, as are the times
    std::vector<std::string> times;
};

TEST(ScheduleZones, KnowDates) {
    const Known known[] = {
        // 02:30 does not exist on 29 March 2026, and comes when the clocks show 03:00.
        {"30 2 * * *", "Europe/Berlin", "2026-03-28 00:00:00", {"2026-03-28 01:30:00", "2026-03-29 01:00:00", "2026-03-30 00:30:00"}},
        // 02:30 exists twice on 25 October 2026, and comes once, in summer time.
        {"30 2 * * *", "Europe/Berlin", "2026-10-24 12:00:00", {"2026-10-25 00:30:00", "2026-10-26 01:30:00"}},
        // Each hour passes, also the one that exists twice.
        {"0 * * * *", "Europe/Berlin", "2026-10-24 23:30:00", {"2026-10-25 00:00:00", "2026-10-25 01:00:00", "2026-10-25 02:00:00"}},
        {"30 * * * *", "America/New_York", "2026-03-08 06:00:00", {"2026-03-08 06:30:00", "2026-03-08 07:30:00"}},
        {"30 2 * * *", "America/New_York", "2007-03-10 12:00:00", {"2007-03-11 07:00:00", "2007-03-12 06:30:00"}},
        {"30 1 * * *", "America/New_York", "2006-10-28 12:00:00", {"2006-10-29 05:30:00", "2006-10-30 06:30:00"}},
        // Midnight did not exist there on the day on which summer time began.
        {"0 0 * * *", "America/Sao_Paulo", "2018-11-03 12:00:00", {"2018-11-04 03:00:00", "2018-11-05 02:00:00"}},
        // Half an hour is skipped.
        {"15 2 * * *", "Australia/Lord_Howe", "2025-10-04 12:00:00", {"2025-10-04 15:30:00", "2025-10-05 15:15:00"}},
        {"45 1 * * *", "Australia/Lord_Howe", "2025-04-05 12:00:00", {"2025-04-05 14:45:00", "2025-04-06 15:15:00"}},
        // Samoa left out 30 December 2011.
        {"0 12 * * *", "Pacific/Apia", "2011-12-29 12:00:00", {"2011-12-29 22:00:00", "2011-12-30 10:00:00", "2011-12-30 22:00:00"}},
        {"0 6 * * *", "Asia/Kathmandu", "2020-01-01 00:00:00", {"2020-01-01 00:15:00", "2020-01-02 00:15:00"}},
        // Morocco goes back for Ramadan.
        {"30 2 * * *", "Africa/Casablanca", "2024-03-09 12:00:00", {"2024-03-10 01:30:00", "2024-03-11 02:30:00"}},
        {"0 0 29 2 *", "UTC", "2023-01-01 00:00:00", {"2024-02-29 00:00:00", "2028-02-29 00:00:00"}},
        {"0 0 29 2 *", "UTC", "2096-03-01 00:00:00", {"2104-02-29 00:00:00"}},
    };
    for (const Known& one : known) {
        const LibraryZone zone(one.zone);
        std::tm parts{};
        strptime(one.after, "%F %T", &parts);
        EXPECT_EQ(next_texts(one.schedule, zone, timegm(&parts), static_cast<int>(one.times.size())), one.times)
            << one.schedule << " in " << one.zone;
    }
}
