// Limits without a server: rates by a simulated clock, fair lines, and which runs are admitted when.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "core/gates/admission.hpp"

namespace flowctl::gates {
namespace {

constexpr Instant kSecond = 1'000'000;
constexpr Instant kStart = 1'700'000'000 * kSecond;

Uuid id_of(std::uint64_t number) {
    Uuid id{};
    for (int i = 0; i < 8; i++)
        id[static_cast<std::size_t>(15 - i)] = static_cast<std::uint8_t>(number >> (8 * i));
    return id;
}

// ------------------------------------------------------------------------------------------ rates

TEST(GateRate, IsReadAsPeopleWriteIt) {
    EXPECT_EQ(parse_rate("100/min"), (Rate{100, 60 * kSecond}));
    EXPECT_EQ(parse_rate("5/s"), (Rate{5, kSecond}));
    EXPECT_EQ(parse_rate(" 20 / 2 hours "), (Rate{20, 7200 * kSecond}));
    EXPECT_EQ(parse_rate("1/10 s"), (Rate{1, 10 * kSecond}));
    EXPECT_EQ(parse_rate("1/day"), (Rate{1, 86'400 * kSecond}));
    EXPECT_EQ(parse_rate("1000000/s"), (Rate{1'000'000, kSecond}));
}

TEST(GateRate, RefusesWhatIsNone) {
    for (const char* text : {"", "/", "100", "100/", "/min", "0/min", "-1/min", "1/0 s", "1/fortnight", "1.5/s",
                             "1000001/s", "99999999999999999999/s", "1/400 days", "1/s s", "1//s", "a/s", "1/s/s"})
        EXPECT_FALSE(parse_rate(text)) << text;
}

TEST(GateRate, LetsTheBurstThroughAndThenOneAfterTheOther) {
    const Bucket bucket({10, kSecond}, 3);
    Instant full = 0;
    for (int i = 0; i < 3; i++) {
        ASSERT_TRUE(bucket.allows(full, kStart));
        full = bucket.take(full, kStart);
    }
    EXPECT_FALSE(bucket.allows(full, kStart));
    EXPECT_EQ(bucket.next(full, kStart), kStart + kSecond / 10);
    EXPECT_TRUE(bucket.allows(full, kStart + kSecond / 10));
    // After a rest the burst is there again, and no more than that.
    const Instant later = kStart + 1000 * kSecond;
    int passed = 0;
    while (bucket.allows(full, later)) {
        full = bucket.take(full, later);
        passed++;
    }
    EXPECT_EQ(passed, 3);
}

TEST(GateRate, SlowAsItMayBeWithAGreatBurst) {
    const Bucket bucket({1, 366 * 86'400 * kSecond}, Bucket::kMostBurst);
    Instant full = 0;
    for (int i = 0; i < 1000; i++) {
        ASSERT_TRUE(bucket.allows(full, kStart)) << i;
        full = bucket.take(full, kStart);
        ASSERT_GT(full, kStart);
    }
    EXPECT_GT(bucket.available(full, kStart), 1000);
}

// In any window no more than rate * window + burst, whatever the load.
TEST(GateRate, HoldsInEveryWindow) {
    std::mt19937 random(7);
    for (const std::int64_t burst : {1, 4, 20}) {
        const Bucket bucket({7, kSecond}, burst);
        Instant full = 0, now = kStart;
        std::vector<Instant> passed;
        for (int i = 0; i < 20'000; i++) {
            now += static_cast<Instant>(random() % 100'000);
            if (!bucket.allows(full, now)) continue;
            full = bucket.take(full, now);
            passed.push_back(now);
        }
        for (std::size_t i = 0; i < passed.size(); i++)
            for (const Instant window : {kSecond / 2, kSecond, 5 * kSecond}) {
                const auto end = std::lower_bound(passed.begin(), passed.end(), passed[i] + window);
                const auto count = std::distance(passed.begin() + static_cast<std::ptrdiff_t>(i), end);
                ASSERT_LE(count, 7 * window / kSecond + 1 + burst);
            }
        // And no less, since the load was greater.
        EXPECT_GE(static_cast<double>(passed.size()), 5.5 * static_cast<double>((now - kStart) / kSecond));
    }
}

TEST(GateRate, AClockThatJumpsDoesNoHarm) {
    const Bucket bucket({1, 10 * kSecond}, 2);
    Instant full = bucket.take(bucket.take(0, kStart), kStart);
    // An hour back: at most as long as an empty bucket takes.
    const Instant back = kStart - 3600 * kSecond;
    EXPECT_EQ(bucket.next(full, back), back + 10 * kSecond);
    // A year forward: the burst, and then the rate.
    const Instant forward = kStart + 365 * 86'400 * kSecond;
    EXPECT_TRUE(bucket.allows(full, forward));
    full = bucket.take(bucket.take(full, forward), forward);
    EXPECT_FALSE(bucket.allows(full, forward));
}

TEST(GateRate, SaysHowManyMayBegin) {
    const Bucket bucket({10, kSecond}, 3);
    EXPECT_EQ(bucket.available(0, kStart), 3);
    Instant full = bucket.take(0, kStart);
    EXPECT_EQ(bucket.available(full, kStart), 2);
    full = bucket.take(bucket.take(full, kStart), kStart);
    EXPECT_EQ(bucket.available(full, kStart), 0);
    EXPECT_EQ(bucket.available(full, kStart + kSecond / 10), 1);
    EXPECT_EQ(bucket.available(full, kStart - 3600 * kSecond), 0);
}

TEST(GateRate, AWindowOfQuietEndsAtTheLongest) {
    EXPECT_EQ(quiet_until(kStart, kStart, 5, std::nullopt), kStart + 5);
    EXPECT_EQ(quiet_until(kStart, kStart + 100, 5, std::nullopt), kStart + 105);
    EXPECT_EQ(quiet_until(kStart, kStart + 4, 5, 7), kStart + 7);
    EXPECT_EQ(quiet_until(kStart, kStart + 1, 5, 7), kStart + 6);
    EXPECT_EQ(quiet_until(kStart, kStart, 5, 2), kStart + 5);  // a window is never shorter than itself
}

// ------------------------------------------------------------------------------------------ admission

// The table of waiting runs, with the admission over it.
struct World {
    Admission admission;
    std::map<Uuid, std::vector<Waiter>> table;
    std::map<Uuid, LineFacts> facts;
    std::size_t fetches = 0;
    Instant now = kStart;
    std::vector<Uuid> begun;
    std::map<Uuid, std::vector<Uuid>> holds;

    void line(std::uint64_t line, std::uint32_t owner, std::uint64_t flow, std::vector<Uuid> gates) {
        facts[id_of(line)] = {owner, id_of(flow), std::move(gates)};
    }
    void start(std::uint64_t line, std::uint64_t run, int priority = 0) {
        const Waiter waiter{id_of(run), priority, static_cast<std::int64_t>(run)};
        if (auto passed = admission.arrive(id_of(line), facts.at(id_of(line)), waiter, now))
            begin(*passed);
        else
            table[id_of(line)].push_back(waiter);
    }
    void begin(const Admission::Admitted& one) {
        begun.push_back(one.run);
        holds[one.run] = one.holds;
        std::erase_if(table[one.line], [&](const Waiter& waiter) { return waiter.run == one.run; });
    }
    std::size_t admit(std::size_t most = 1000) {
        const auto fetch = [this](const Uuid& line, std::size_t count,
                                  const std::vector<Admission::Admitted>& admitted) {
            fetches++;
            std::vector<Waiter> found = table[line];
            std::erase_if(found, [&](const Waiter& waiter) {
                return std::any_of(admitted.begin(), admitted.end(),
                                   [&](const auto& one) { return one.run == waiter.run; });
            });
            std::sort(found.begin(), found.end(),
                      [](const Waiter& a, const Waiter& b) { return a.comes_before(b); });
            if (found.size() > count) found.resize(count);
            return found;
        };
        const auto admitted = admission.admit(now, most, fetch);
        for (const auto& one : admitted)
            begin(one);
        return admitted.size();
    }
    void end(std::uint64_t run) {
        const auto ended = holds.extract(id_of(run));
        for (const Uuid& gate : ended.mapped())
            admission.release(gate);
    }
    std::vector<std::uint64_t> order() const {
        std::vector<std::uint64_t> numbers;
        for (const Uuid& run : begun) {
            std::uint64_t number = 0;
            for (std::size_t i = 8; i < 16; i++)
                number = number << 8 | run[i];
            numbers.push_back(number);
        }
        return numbers;
    }
};

const Uuid kGate = id_of(900), kOther = id_of(901);

TEST(GateAdmission, LetsAsManyPassAsThereAreSlots) {
    World world;
    world.admission.set_terms(kGate, {.slots = 2});
    world.line(1, 10, 20, {kGate});
    for (std::uint64_t run = 100; run < 105; run++)
        world.start(1, run);
    EXPECT_EQ(world.order(), (std::vector<std::uint64_t>{100, 101}));
    EXPECT_EQ(world.admit(), 0u);
    world.end(100);
    EXPECT_EQ(world.admit(), 1u);
    world.end(101);
    world.end(102);
    EXPECT_EQ(world.admit(), 2u);
    EXPECT_EQ(world.order(), (std::vector<std::uint64_t>{100, 101, 102, 103, 104}));
    EXPECT_EQ(world.admission.lines(), 0u);
}

TEST(GateAdmission, NeverMoreThanTheSlotsAndInTheEndAll) {
    std::mt19937 random(3);
    World world;
    world.admission.set_terms(kGate, {.slots = 3});
    world.admission.set_terms(kOther, {.slots = 2});
    world.line(1, 10, 20, {kGate});
    world.line(2, 10, 21, {kGate, kOther});
    world.line(3, 11, 22, {kOther});
    std::vector<std::uint64_t> open;
    std::uint64_t next = 1000;
    std::size_t seen = 0;
    for (int step = 0; step < 5000; step++) {
        if (step < 4000 && random() % 2 == 0) world.start(1 + random() % 3, next++, static_cast<int>(random() % 3));
        if (!open.empty() && random() % 2 == 0) {
            std::swap(open[random() % open.size()], open.back());
            world.end(open.back());
            open.pop_back();
        }
        world.admit(1 + random() % 4);
        const auto order = world.order();
        for (; seen < order.size(); seen++)
            open.push_back(order[seen]);
        ASSERT_LE(world.admission.held(kGate), 3);
        ASSERT_LE(world.admission.held(kOther), 2);
    }
    while (!open.empty()) {
        world.end(open.back());
        open.pop_back();
        world.admit();
        const auto order = world.order();
        for (; seen < order.size(); seen++)
            open.push_back(order[seen]);
    }
    EXPECT_EQ(world.begun.size(), next - 1000);
    EXPECT_EQ(world.admission.held(kGate), 0);
    EXPECT_EQ(world.admission.held(kOther), 0);
}

TEST(GateAdmission, PriorityComesBeforeAge) {
    World world;
    world.admission.set_terms(kGate, {.slots = 1});
    world.line(1, 10, 20, {kGate});
    world.start(1, 100);
    world.start(1, 101, 0);
    world.start(1, 102, 5);
    world.start(1, 103, -5);
    world.start(1, 104, 5);
    for (const std::uint64_t run : {100, 102, 104, 101}) {
        world.end(run);
        EXPECT_EQ(world.admit(), 1u);
    }
    EXPECT_EQ(world.order(), (std::vector<std::uint64_t>{100, 102, 104, 101, 103}));
}

TEST(GateAdmission, OwnersAndFlowsTakeTurns) {
    World world;
    world.admission.set_terms(kGate, {.slots = 1});
    world.line(1, 10, 20, {kGate});  // an owner with two flows
    world.line(2, 10, 21, {kGate});
    world.line(3, 11, 22, {kGate});
    world.start(1, 1);
    for (std::uint64_t i = 0; i < 100; i++) {
        world.start(1, 1000 + i);
        world.start(2, 2000 + i);
    }
    for (std::uint64_t i = 0; i < 10; i++)
        world.start(3, 3000 + i);
    std::uint64_t last = 1;
    std::map<std::uint64_t, int> served;
    for (int i = 0; i < 20; i++) {
        world.end(last);
        ASSERT_EQ(world.admit(), 1u);
        last = world.order().back();
        served[last / 1000]++;
    }
    EXPECT_EQ(served[3], 10);
    EXPECT_EQ(served[1], 5);
    EXPECT_EQ(served[2], 5);
}

TEST(GateAdmission, WhatWaitsCostsNothing) {
    World world;
    world.admission.set_terms(kGate, {.slots = 1});
    world.line(1, 10, 20, {kGate});
    for (std::uint64_t run = 1; run <= 100'000; run++)
        world.start(1, run);
    EXPECT_EQ(world.admission.lines(), 1u);
    for (int turn = 0; turn < 1000; turn++)
        EXPECT_FALSE(world.admission.is_ready(world.now));
    EXPECT_EQ(world.fetches, 0u);
    world.end(1);
    EXPECT_EQ(world.admit(), 1u);
    EXPECT_LE(world.fetches, 1u);
}

TEST(GateAdmission, SleepsUntilTheRateLetsTheNextOnePass) {
    World world;
    world.admission.set_terms(kGate, {.rate = Bucket({2, kSecond}, 1)});
    world.line(1, 10, 20, {kGate});
    for (std::uint64_t run = 1; run <= 4; run++)
        world.start(1, run);
    EXPECT_EQ(world.begun.size(), 1u);
    int sleeps = 0;
    while (const auto at = world.admission.next_at()) {
        EXPECT_FALSE(world.admission.is_ready(world.now));
        world.now = *at;
        EXPECT_TRUE(world.admission.is_ready(world.now));
        EXPECT_EQ(world.admit(), 1u);
        sleeps++;
    }
    EXPECT_EQ(sleeps, 3);
    EXPECT_EQ(world.now, kStart + 3 * kSecond / 2);
}

TEST(GateAdmission, AClosedGateOpensAgain) {
    World world;
    world.admission.set_terms(kGate, {.closed = true});
    world.line(1, 10, 20, {kGate});
    world.start(1, 1);
    world.start(1, 2);
    EXPECT_EQ(world.admit(), 0u);
    EXPECT_FALSE(world.admission.has_room({kGate}, world.now));
    EXPECT_TRUE(world.admission.has_room({kGate}, world.now, true));
    world.admission.set_terms(kGate, {});
    EXPECT_EQ(world.admit(), 2u);
}

TEST(GateAdmission, ALimitThatIsLoweredStopsNobody) {
    World world;
    world.admission.set_terms(kGate, {.slots = 3});
    world.line(1, 10, 20, {kGate});
    for (std::uint64_t run = 1; run <= 5; run++)
        world.start(1, run);
    world.admission.set_terms(kGate, {.slots = 1});
    world.end(1);
    world.end(2);
    EXPECT_EQ(world.admit(), 0u);
    world.end(3);
    EXPECT_EQ(world.admit(), 1u);
    world.admission.set_terms(kGate, {.slots = 2});
    EXPECT_EQ(world.admit(), 1u);
}

TEST(GateAdmission, LinesThatWereReadFromTheTableGoOn) {
    World world;
    world.admission.set_terms(kGate, {.slots = 1});
    world.admission.set_held(kGate, 1);
    world.line(1, 10, 20, {kGate});
    for (std::uint64_t run = 1; run <= 200; run++)
        world.table[id_of(1)].push_back({id_of(run), 0, static_cast<std::int64_t>(run)});
    world.admission.add_line(id_of(1), world.facts[id_of(1)]);
    EXPECT_EQ(world.admit(), 0u);
    world.admission.set_terms(kGate, {.slots = 1000});
    EXPECT_EQ(world.admit(), 200u);
    EXPECT_TRUE(std::is_sorted(world.begun.begin(), world.begun.end()));
    EXPECT_EQ(world.admission.lines(), 0u);
}

TEST(GateAdmission, WhoLeavesIsNotAdmitted) {
    World world;
    world.admission.set_terms(kGate, {.slots = 1});
    world.line(1, 10, 20, {kGate});
    for (std::uint64_t run = 1; run <= 3; run++)
        world.start(1, run);
    world.admission.leave(id_of(1), id_of(2));
    world.table[id_of(1)].erase(world.table[id_of(1)].begin());
    world.end(1);
    EXPECT_EQ(world.admit(), 1u);
    EXPECT_EQ(world.order().back(), 3u);
}

TEST(GateAdmission, ALineThatLosesItsFirstRunIsOrderedByTheNext) {
    World world;
    world.admission.set_terms(kGate, {.slots = 1});
    world.line(1, 10, 20, {kGate, id_of(902)});
    world.line(2, 10, 20, {kGate, id_of(903)});
    world.start(1, 1);
    world.start(1, 2, 9);
    world.start(1, 3, 0);
    world.start(2, 4, 5);
    world.admission.leave(id_of(1), id_of(2));
    world.end(1);
    EXPECT_EQ(world.admit(), 1u);
    EXPECT_EQ(world.order().back(), 4u);
}

TEST(GateAdmission, IdleGatesAreForgotten) {
    World world;
    for (std::uint64_t key = 0; key < 1000; key++) {
        const Uuid gate = id_of(10'000 + key);
        world.admission.set_terms(gate, {.slots = 1});
        world.line(key, 10, 20, {gate});
        world.start(key, 100'000 + key);
    }
    EXPECT_EQ(world.begun.size(), 1000u);
    for (std::uint64_t key = 0; key < 999; key++)
        world.end(100'000 + key);
    world.admission.forget_idle(world.now);
    EXPECT_EQ(world.admission.gates(), 1u);
}

}  // namespace
}  // namespace flowctl::gates
