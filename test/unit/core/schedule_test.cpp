// Schedules: the notations, what is refused, and which times are due.
#include <gtest/gtest.h>

#include <stdexcept>

#include "core/schedule/due.hpp"
#include "schedule_support.hpp"

using namespace flowctl::schedule;

namespace {

using Texts = std::vector<std::string>;

Texts after(const std::string& text, Instant at, int n) {
    return next_texts(text, FixedZone(), at, n);
}

std::string problem(const std::string& text) {
    const auto schedule = parse(text);
    return schedule ? "none" : schedule.error().message;
}

const Instant kMonday = utc(2026, 6, 1, 12);  // 2026-06-01 is a Monday

}  // namespace

TEST(Schedule, ReadsCron) {
    EXPECT_EQ(after("0 2 * * 1-5", kMonday, 5),
              (Texts{"2026-06-02 02:00:00", "2026-06-03 02:00:00", "2026-06-04 02:00:00", "2026-06-05 02:00:00",
                     "2026-06-08 02:00:00"}));
    EXPECT_EQ(after("*/15 * * * *", kMonday, 3), (Texts{"2026-06-01 12:15:00", "2026-06-01 12:30:00", "2026-06-01 12:45:00"}));
    EXPECT_EQ(after("10/20 * * * *", kMonday, 3), (Texts{"2026-06-01 12:10:00", "2026-06-01 12:30:00", "2026-06-01 12:50:00"}));
    EXPECT_EQ(after("*/20 30 12 * * *", kMonday, 2), (Texts{"2026-06-01 12:30:00", "2026-06-01 12:30:20"}));
    EXPECT_EQ(after("0 0 * JAN,jul SUN", kMonday, 2), (Texts{"2026-07-05 00:00:00", "2026-07-12 00:00:00"}));
    EXPECT_EQ(after("0 0 * * 7", kMonday, 1), after("0 0 * * 0", kMonday, 1));
    EXPECT_EQ(after("0 0 * * 5-7", kMonday, 3), (Texts{"2026-06-05 00:00:00", "2026-06-06 00:00:00", "2026-06-07 00:00:00"}));
    EXPECT_EQ(after("0 0 * * FRI-MON", kMonday, 4),
              (Texts{"2026-06-05 00:00:00", "2026-06-06 00:00:00", "2026-06-07 00:00:00", "2026-06-08 00:00:00"}));
    EXPECT_EQ(after("0 22-1 * * *", kMonday, 4),
              (Texts{"2026-06-01 22:00:00", "2026-06-01 23:00:00", "2026-06-02 00:00:00", "2026-06-02 01:00:00"}));
    EXPECT_EQ(after("\t 0  0 1 1 * ", kMonday, 1), Texts{"2027-01-01 00:00:00"});
}

TEST(Schedule, TakesEitherDayUnlessOneFieldBeginsWithAStar) {
    EXPECT_EQ(after("0 0 13 * 5", kMonday, 3), (Texts{"2026-06-05 00:00:00", "2026-06-12 00:00:00", "2026-06-13 00:00:00"}));
    EXPECT_EQ(after("0 0 */2 * 1", kMonday, 2), (Texts{"2026-06-15 00:00:00", "2026-06-29 00:00:00"}));
}

TEST(Schedule, ReadsSpecialDays) {
    EXPECT_EQ(after("0 0 L * *", kMonday, 2), (Texts{"2026-06-30 00:00:00", "2026-07-31 00:00:00"}));
    EXPECT_EQ(after("0 0 $ 2 *", kMonday, 2), (Texts{"2027-02-28 00:00:00", "2028-02-29 00:00:00"}));
    EXPECT_EQ(after("0 0 L-3 * *", kMonday, 1), Texts{"2026-06-27 00:00:00"});
    EXPECT_EQ(after("0 0 LW * *", utc(2026, 5, 2), 1), Texts{"2026-05-29 00:00:00"});
    EXPECT_EQ(after("0 0 15W * *", kMonday, 3), (Texts{"2026-06-15 00:00:00", "2026-07-15 00:00:00", "2026-08-14 00:00:00"}));
    EXPECT_EQ(after("0 0 1W * *", utc(2026, 7, 20), 1), Texts{"2026-08-03 00:00:00"});
    EXPECT_EQ(after("0 0 * * MON#2", kMonday, 2), (Texts{"2026-06-08 00:00:00", "2026-07-13 00:00:00"}));
    EXPECT_EQ(after("0 0 * * 5L", kMonday, 2), (Texts{"2026-06-26 00:00:00", "2026-07-31 00:00:00"}));
    EXPECT_EQ(after("0 0 * * MON#5", kMonday, 2), (Texts{"2026-06-29 00:00:00", "2026-08-31 00:00:00"}));
}

TEST(Schedule, ReadsWhatEventBridgeWrites) {
    EXPECT_EQ(after("cron(0 12 ? * MON-FRI *)", kMonday, 2), (Texts{"2026-06-02 12:00:00", "2026-06-03 12:00:00"}));
    EXPECT_EQ(after("cron(0 12 ? * 2 *)", kMonday, 1), Texts{"2026-06-08 12:00:00"});
    EXPECT_EQ(after("cron(0/5 8-17 ? * MON-FRI *)", kMonday, 1), Texts{"2026-06-01 12:05:00"});
    EXPECT_EQ(after("cron(15 10 ? * 6L 2026-2027)", utc(2027, 12, 1), 5), Texts{"2027-12-31 10:15:00"});
    EXPECT_EQ(after("cron(0 9 ? * 2#1 *)", kMonday, 1), Texts{"2026-07-06 09:00:00"});
    EXPECT_EQ(after("rate(5 minutes)", kMonday, 2), (Texts{"2026-06-01 12:05:00", "2026-06-01 12:10:00"}));
    EXPECT_EQ(after("rate(1 day)", kMonday, 1), Texts{"2026-06-02 12:00:00"});
    EXPECT_EQ(after("at(2026-07-01T09:00:00)", kMonday, 2), Texts{"2026-07-01 09:00:00"});
    EXPECT_EQ(after("at(2026-05-01T09:00:00)", kMonday, 2), Texts{});
}

TEST(Schedule, ReadsIntervalsAndShortForms) {
    EXPECT_EQ(after("30 seconds", kMonday, 2), (Texts{"2026-06-01 12:00:30", "2026-06-01 12:01:00"}));
    EXPECT_EQ(after("every 2 hours", kMonday, 1), Texts{"2026-06-01 14:00:00"});
    EXPECT_EQ(after("@daily", kMonday, 1), Texts{"2026-06-02 00:00:00"});
    EXPECT_EQ(after("@Hourly", kMonday, 1), Texts{"2026-06-01 13:00:00"});
    EXPECT_EQ(after("@weekly", kMonday, 1), Texts{"2026-06-07 00:00:00"});
    EXPECT_EQ(after("@monthly", kMonday, 1), Texts{"2026-07-01 00:00:00"});
    EXPECT_EQ(after("@yearly", kMonday, 1), Texts{"2027-01-01 00:00:00"});
}

TEST(Schedule, RefusesAndSaysWhy) {
    EXPECT_EQ(problem(""), "the schedule is empty");
    EXPECT_EQ(problem("0 0 31 2 *"), "the schedule never comes, because no month that it names has such a day");
    EXPECT_EQ(problem("0 0 30,31 2 *"), "the schedule never comes, because no month that it names has such a day");
    EXPECT_EQ(problem("0 0 31W 2,4 *"), "the schedule never comes, because no month that it names has such a day");
    EXPECT_EQ(problem("cron(0 0 29 2 ? 2027)"),
              "the schedule never comes, because no month that it names has such a day in its years");
    EXPECT_EQ(problem("0 0 31 2 1"), "none");  // each Monday of February
    EXPECT_EQ(problem("60 * * * *"), "field \"60\" (minutes) has the value 60");
    EXPECT_EQ(problem("0 24 * * *"), "field \"24\" (hours) has the value 24");
    EXPECT_EQ(problem("0 0 0 * *"), "field \"0\" (days of the month) has the value 0");
    EXPECT_EQ(problem("0 0 * * 8"), "field \"8\" (days of the week) has the value 8");
    EXPECT_EQ(problem("*/0 * * * *"), "field \"*/0\" (minutes) has the step \"0\"");
    EXPECT_EQ(problem("1,,2 * * * *"), "field \"1,,2\" (minutes) has an empty item");
    EXPECT_EQ(problem("H 0 * * *"), "field \"H\" (minutes) has \"H\"");
    EXPECT_EQ(problem("0 0 * FOO *"), "field \"FOO\" (months) has \"FOO\"");
    EXPECT_EQ(problem("0 0 * * MON#6"), "field \"MON#6\" (days of the week) has MON#6");
    EXPECT_EQ(problem("* * *"), "\"* * *\" is no schedule");
    EXPECT_EQ(problem("0 0 0 1 1 ? 2027"), "the schedule has seven fields");
    EXPECT_EQ(problem("@reboot"), "@reboot is no time");
    EXPECT_EQ(problem("FREQ=DAILY"), "recurrence rules (RRULE) are not supported");
    EXPECT_EQ(problem("PT5M"), "durations of ISO 8601 are not supported");
    EXPECT_EQ(problem("CRON_TZ=UTC 0 0 * * *"), "a schedule does not name its time zone");
    EXPECT_EQ(problem("0 seconds"), "\"0\" is no number of an interval");
    EXPECT_EQ(problem("1 month"), "\"month\" is no unit of an interval");
    EXPECT_EQ(problem("99999999999999999999 days"), "the interval is longer than ten years");
    EXPECT_EQ(problem("cron(0 12 * * MON *)"), "cron() restricts the days of the month and of the week");
    EXPECT_EQ(problem("cron(0 12 * * *)"), "cron() has 5 fields");
    EXPECT_EQ(problem("at(2026-02-30T00:00:00)"), "\"2026-02-30T00:00:00\" is no time for at()");
    EXPECT_EQ(problem("0 0 * * *\n"), "the schedule has characters other than printable ASCII");
    EXPECT_EQ(problem(std::string(300, '*')), "the schedule is longer than 256 bytes");
}

TEST(Schedule, KeepsToItsBounds) {
    const FixedZone zone;
    const Terms terms{parsed("0 * * * *"), 0, utc(2026, 6, 1, 10), utc(2026, 6, 1, 12)};
    EXPECT_EQ(next(terms, zone, 0), utc(2026, 6, 1, 10));
    EXPECT_EQ(next(terms, zone, utc(2026, 6, 1, 11)), utc(2026, 6, 1, 12));
    EXPECT_EQ(next(terms, zone, utc(2026, 6, 1, 12)), std::nullopt);
}

TEST(Schedule, FindsTheLatestTimes) {
    const FixedZone zone;
    const Terms hourly{parsed("0 * * * *"), 0, 0, kNever};
    const Instant since = utc(2000, 1, 1), until = utc(2026, 6, 1, 12);
    const auto last = latest(hourly, zone, since, until, 3);
    EXPECT_EQ(last, (std::vector<Instant>{until - 7'200, until - 3'600, until}));
    const Terms leap{parsed("0 0 29 2 *"), 0, 0, kNever};
    EXPECT_EQ(latest(leap, zone, since, until, 2), (std::vector<Instant>{utc(2020, 2, 29), utc(2024, 2, 29)}));
    EXPECT_EQ(latest(leap, zone, utc(2024, 3, 1), until, 2), std::vector<Instant>{});
    EXPECT_EQ(count(hourly, zone, since, since + 36'000, 100), 10);
    EXPECT_EQ(count(hourly, zone, since, until, 100), 100);
}

namespace {

// The server was away from `next` on until shortly before `now`.
Due due_of(CatchUp catch_up, Instant next_time, Instant now, std::int64_t late_before, std::size_t most = 1'000) {
    const Terms terms{parsed("0 * * * *"), 0, 0, kNever};
    return find_due(terms, FixedZone(), {}, {next_time, now * 1'000'000, late_before * 1'000'000, catch_up, most});
}

}  // namespace

TEST(ScheduleDue, FiresWhatIsDue) {
    const Instant noon = kMonday;
    const Due early = due_of(CatchUp::None, noon, noon - 1, 0);
    EXPECT_TRUE(early.fire.empty());
    EXPECT_EQ(early.next, noon);
    const Due due = due_of(CatchUp::None, noon, noon, 0);
    EXPECT_EQ(due.fire, std::vector<Instant>{noon});
    EXPECT_EQ(due.next, noon + 3'600);
    EXPECT_EQ(due.missed, 0);
    // The worker was slow, and nothing is lost.
    EXPECT_EQ(due_of(CatchUp::None, noon, noon + 7'300, 0).fire.size(), 3u);
}

TEST(ScheduleDue, CatchesUpAsItIsTold) {
    const Instant noon = kMonday, back = noon + 5 * 3'600 + 1'800;  // 12:00 to 17:00 were missed
    const Due none = due_of(CatchUp::None, noon, back, back);
    EXPECT_TRUE(none.fire.empty());
    EXPECT_EQ(none.missed, 6);
    EXPECT_EQ(none.first_missed, noon);
    EXPECT_EQ(none.next, noon + 6 * 3'600);
    const Due last = due_of(CatchUp::Last, noon, back, back);
    EXPECT_EQ(last.fire, std::vector<Instant>{noon + 5 * 3'600});
    EXPECT_EQ(last.missed, 5);
    const Due all = due_of(CatchUp::All, noon, back, back);
    EXPECT_EQ(all.fire.size(), 6u);
    EXPECT_EQ(all.missed, 0);
    EXPECT_EQ(all.first_missed, std::nullopt);
    // Of more than the most, the latest.
    const Due bounded = due_of(CatchUp::All, noon, back, back, 2);
    EXPECT_EQ(bounded.fire, (std::vector<Instant>{noon + 4 * 3'600, noon + 5 * 3'600}));
    EXPECT_EQ(bounded.missed, 4);
    // Some late, and one in time.
    const Due mixed = due_of(CatchUp::None, noon, back, noon + 5 * 3'600);
    EXPECT_EQ(mixed.fire, std::vector<Instant>{noon + 5 * 3'600});
    EXPECT_EQ(mixed.missed, 5);
}

TEST(ScheduleDue, BoundsWhatItCounts) {
    const Terms terms{parsed("* * * * * *"), 0, 0, kNever};
    const Look look{utc(2020, 1, 1), kMonday * 1'000'000, kMonday * 1'000'000, CatchUp::All, 1'000};
    const Due due = find_due(terms, FixedZone(), {}, look);
    EXPECT_EQ(due.fire.size(), 1'000u);
    EXPECT_EQ(due.fire.back(), kMonday);
    EXPECT_EQ(due.missed, kMostMissed);
    EXPECT_EQ(due.next, kMonday + 1);
}

TEST(ScheduleDue, JitterDelaysEachTimeAndKeepsTheOrder) {
    const Jitter jitter{{1, 2, 3}, 600'000'000};
    const Terms terms{parsed("* * * * *"), 0, 0, kNever};
    std::int64_t least = jitter.most, most = 0;
    for (Instant at = kMonday; at < kMonday + 6'000; at += 60) {
        EXPECT_EQ(jitter.of(at), jitter.of(at));
        least = std::min(least, jitter.of(at));
        most = std::max(most, jitter.of(at));
    }
    EXPECT_LT(least, 100'000'000);
    EXPECT_GT(most, 500'000'000);
    // Each time is fired once, and none before its moment.
    std::vector<Instant> fired;
    std::optional<Instant> next_time = kMonday;
    for (Instant now = kMonday; now < kMonday + 7'200; now += 7) {
        const Due due = find_due(terms, FixedZone(), jitter, {*next_time, now * 1'000'000, 0, CatchUp::None, 1'000});
        for (const Instant at : due.fire) {
            EXPECT_LE(jitter.fire_at(at), now * 1'000'000);
            fired.push_back(at);
        }
        next_time = due.next;
    }
    ASSERT_GT(fired.size(), 100u);
    for (std::size_t i = 0; i < fired.size(); i++)
        EXPECT_EQ(fired[i], kMonday + static_cast<Instant>(i) * 60);
}
