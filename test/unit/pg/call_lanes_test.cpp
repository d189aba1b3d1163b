// Shares of the calls under way: each limit from both sides.
#include "pg/tasks/call_lanes.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>

namespace flowctl::pg {
namespace {

constexpr std::size_t kPlenty = 1'000'000'000;

Lanes call(const std::string& endpoint, const std::string& host, const std::string& owner,
           std::size_t answer_bytes = 0) {
    Lanes lanes = {{LaneKind::Endpoint, endpoint},
                   {LaneKind::Host, host},
                   {LaneKind::OwnerAtHost, owner + "@" + host},
                   {LaneKind::Owner, owner}};
    lanes.answer_bytes = answer_bytes;
    return lanes;
}

CallLanes lanes_with(std::size_t calls, std::size_t per_endpoint, std::size_t answer_bytes = kPlenty) {
    CallLanes lanes;
    lanes.limit({.calls = calls, .calls_per_endpoint = per_endpoint, .answer_bytes = answer_bytes});
    return lanes;
}

// Begins such calls until one finds a lane full, and says how many there were, and which lane it was.
std::pair<std::size_t, std::optional<Lane>> fill(CallLanes& lanes, const Lanes& one) {
    for (std::size_t begun = 0;; begun++) {
        if (begun == 10'000) return {begun, std::nullopt};
        if (auto full = lanes.full_lane(one)) return {begun, full};
        lanes.begin(one);
    }
}

Uuid run(std::uint8_t number) {
    Uuid id{};
    id[15] = number;
    return id;
}

std::vector<Uuid> taken(CallLanes& lanes) {
    EXPECT_EQ(lanes.has_ready(), [copy = lanes]() mutable { return !copy.take_ready().empty(); }());
    return lanes.take_ready();
}

TEST(CallLanes, AnEndpointHasItsLimit) {
    CallLanes lanes = lanes_with(100, 7);
    const auto [begun, full] = fill(lanes, call("a", "h", "1"));
    EXPECT_EQ(begun, 7u);
    EXPECT_EQ(full, Lane(LaneKind::Endpoint, "a"));
    EXPECT_EQ(lanes.full_lane(call("b", "h", "1")), std::nullopt);
}

TEST(CallLanes, AllCallsTogetherHaveTheirLimit) {
    CallLanes lanes = lanes_with(3, 3);
    lanes.begin(call("a", "h", "1"));
    lanes.begin(call("b", "i", "2"));
    EXPECT_EQ(lanes.full_lane(call("c", "j", "3")), std::nullopt);
    lanes.begin(call("c", "j", "3"));
    EXPECT_TRUE(lanes.full_lane(call("d", "k", "4")));
    lanes.end(call("a", "h", "1"));
    EXPECT_EQ(lanes.full_lane(call("d", "k", "4")), std::nullopt);
}

TEST(CallLanes, AHostHasThreeQuartersOfWhatTheOthersLeave) {
    CallLanes lanes = lanes_with(104, 10);
    for (int i = 0; i < 4; i++)
        lanes.begin(call("other", "elsewhere", "9"));
    // Of the 100 places that are left, many endpoints of many owners at one host have 75.
    std::size_t begun = 0;
    std::optional<Lane> full;
    while (!full && begun < 200) {
        const std::string number = std::to_string(begun);
        full = lanes.full_lane(call("e" + number, "h", number));
        if (full) break;
        lanes.begin(call("e" + number, "h", number));
        begun++;
    }
    EXPECT_EQ(begun, 75u);
    EXPECT_EQ(full, Lane(LaneKind::Host, "h"));
    EXPECT_EQ(lanes.full_lane(call("new", "third", "x")), std::nullopt);
}

TEST(CallLanes, AnOwnerHasThreeQuartersOfWhatTheOthersLeave) {
    CallLanes lanes = lanes_with(104, 10);
    for (int i = 0; i < 4; i++)
        lanes.begin(call("other", "elsewhere", "9"));
    std::size_t begun = 0;
    std::optional<Lane> full;
    while (begun < 200) {
        const std::string number = std::to_string(begun);
        full = lanes.full_lane(call("e" + number, "h" + number, "1"));
        if (full) break;
        lanes.begin(call("e" + number, "h" + number, "1"));
        begun++;
    }
    EXPECT_EQ(begun, 75u);
    EXPECT_EQ(full, Lane(LaneKind::Owner, "1"));
    EXPECT_EQ(lanes.full_lane(call("new", "h0", "2")), std::nullopt);
}

TEST(CallLanes, AnOwnerHasTwoThirdsOfAHost) {
    CallLanes lanes = lanes_with(100, 10);
    lanes.begin(call("mine", "h", "2"));
    std::size_t begun = 0;
    std::optional<Lane> full;
    while (begun < 200) {
        const std::string number = std::to_string(begun);
        full = lanes.full_lane(call("e" + number, "h", "1"));
        if (full) break;
        lanes.begin(call("e" + number, "h", "1"));
        begun++;
    }
    // The host has 75, another owner has one of them, and of the 74 that are left two thirds are 50.
    EXPECT_EQ(begun, 50u);
    EXPECT_EQ(full, Lane(LaneKind::OwnerAtHost, "1@h"));
    EXPECT_EQ(lanes.full_lane(call("mine", "h", "2")), std::nullopt);
}

// Where nobody else has calls, one endpoint may have what the setting gives it, although that is more than
// the shares of a host and of an owner.
TEST(CallLanes, AloneAnEndpointHasItsWholeLimit) {
    CallLanes lanes = lanes_with(6, 6);
    EXPECT_EQ(fill(lanes, call("a", "h", "1")).first, 6u);
}

TEST(CallLanes, PlannedCallsTakePlacesToo) {
    CallLanes lanes = lanes_with(100, 2, 1000);
    PlannedPlaces planned;
    planned.add(call("a", "h", "1", 300));
    EXPECT_EQ(lanes.full_lane(call("a", "h", "1", 300), planned), std::nullopt);
    planned.add(call("a", "h", "1", 300));
    EXPECT_EQ(lanes.full_lane(call("a", "h", "1", 100), planned), Lane(LaneKind::Endpoint, "a"));
    EXPECT_EQ(lanes.full_lane(call("b", "h", "1", 150), planned), std::nullopt);
    EXPECT_EQ(lanes.full_lane(call("b", "h", "1", 151), planned), Lane(LaneKind::Answers, "1"));
    planned.remove(call("a", "h", "1", 300));
    EXPECT_EQ(lanes.full_lane(call("a", "h", "1", 300), planned), std::nullopt);
    EXPECT_EQ(lanes.full_lane(call("b", "h", "1", 151), planned), std::nullopt);
}

TEST(CallLanes, AnswersHaveTheirMemory) {
    CallLanes lanes = lanes_with(100, 50, 1000);
    lanes.begin(call("a", "h", "1", 250));
    // The same owner has three quarters of it.
    EXPECT_EQ(lanes.full_lane(call("b", "i", "1", 500)), std::nullopt);
    EXPECT_EQ(lanes.full_lane(call("b", "i", "1", 501)), Lane(LaneKind::Answers, "1"));
    // Another owner has what is left: one answer in full, then three quarters of what the first leaves.
    EXPECT_EQ(lanes.full_lane(call("b", "i", "2", 750)), std::nullopt);
    EXPECT_EQ(lanes.full_lane(call("b", "i", "2", 751)), Lane(LaneKind::Answers, "2"));
    lanes.begin(call("b", "i", "2", 100));
    EXPECT_EQ(lanes.full_lane(call("c", "i", "2", 463)), std::nullopt);
    EXPECT_EQ(lanes.full_lane(call("c", "i", "2", 464)), Lane(LaneKind::Answers, "2"));
}

// An answer that is larger than all of the memory waits until there is no other, and then has its turn.
TEST(CallLanes, AnAnswerOfAnySizeIsAlone) {
    CallLanes lanes = lanes_with(100, 50, 1000);
    EXPECT_EQ(lanes.full_lane(call("a", "h", "1", 5000)), std::nullopt);
    lanes.begin(call("b", "i", "2", 1));
    EXPECT_EQ(lanes.full_lane(call("a", "h", "1", 5000)), Lane(LaneKind::Answers, "1"));
    lanes.end(call("b", "i", "2", 1));
    EXPECT_EQ(lanes.full_lane(call("a", "h", "1", 5000)), std::nullopt);
    lanes.begin(call("a", "h", "1", 5000));
    EXPECT_EQ(lanes.full_lane(call("b", "i", "2", 1)), Lane(LaneKind::Answers, "2"));
    // What takes no memory is not held up.
    EXPECT_EQ(lanes.full_lane(call("b", "i", "2", 0)), std::nullopt);
}

TEST(CallLanes, ALineIsServedInOrderAndAsFarAsThereIsRoom) {
    CallLanes lanes = lanes_with(10, 2);
    const Lanes one = call("a", "h", "1");
    lanes.begin(one);
    lanes.begin(one);
    for (std::uint8_t i = 1; i <= 3; i++)
        lanes.wait(*lanes.full_lane(one), run(i), 0);
    EXPECT_EQ(lanes.waiting(), 3u);
    EXPECT_TRUE(taken(lanes).empty());
    lanes.end(one);
    EXPECT_EQ(taken(lanes), std::vector<Uuid>{run(1)});
    lanes.end(one);
    EXPECT_EQ(taken(lanes), (std::vector<Uuid>{run(2), run(3)}));
    EXPECT_EQ(lanes.waiting(), 0u);
    EXPECT_TRUE(taken(lanes).empty());
}

TEST(CallLanes, LinesTakeTurnsAtBeingFirst) {
    CallLanes lanes = lanes_with(2, 1);
    lanes.begin(call("a", "h", "1"));
    lanes.begin(call("b", "i", "2"));
    lanes.wait(Lane(LaneKind::Endpoint, "a"), run(1), 0);
    lanes.wait(Lane(LaneKind::Endpoint, "b"), run(2), 0);
    lanes.wait(Lane(LaneKind::Endpoint, "a"), run(3), 0);
    lanes.wait(Lane(LaneKind::Endpoint, "b"), run(4), 0);
    const auto serve = [&](const Lanes& ended) {
        lanes.end(ended);
        const auto ready = taken(lanes);
        lanes.begin(ended);
        return ready;
    };
    EXPECT_EQ(serve(call("a", "h", "1")), std::vector<Uuid>{run(1)});
    EXPECT_EQ(serve(call("b", "i", "2")), std::vector<Uuid>{run(2)});
    lanes.end(call("a", "h", "1"));
    lanes.end(call("b", "i", "2"));
    EXPECT_EQ(taken(lanes), (std::vector<Uuid>{run(3), run(4)}));
}

TEST(CallLanes, TheLineForAnswersIsServedByBytes) {
    CallLanes lanes = lanes_with(100, 50, 1000);
    const Lanes one = call("a", "h", "1", 300);
    lanes.begin(one);
    lanes.begin(one);
    for (std::uint8_t i = 1; i <= 3; i++)
        lanes.wait(*lanes.full_lane(one), run(i), one.answer_bytes);
    EXPECT_TRUE(taken(lanes).empty());
    lanes.end(one);
    EXPECT_EQ(taken(lanes), std::vector<Uuid>{run(1)});
}

TEST(CallLanes, ClosedLanesHaveNoRoomAndGiveNothing) {
    CallLanes lanes = lanes_with(10, 5);
    const Lanes one = call("a", "h", "1");
    lanes.wait(Lane(LaneKind::Endpoint, "a"), run(1), 0);
    lanes.close(true);
    EXPECT_EQ(lanes.full_lane(one), one.front());
    EXPECT_TRUE(lanes.full_lane({}));
    EXPECT_TRUE(taken(lanes).empty());
    lanes.close(false);
    EXPECT_EQ(lanes.full_lane(one), std::nullopt);
    EXPECT_EQ(taken(lanes), std::vector<Uuid>{run(1)});
}

// The settings may be lowered while calls are under way.
TEST(CallLanes, LowerLimitsHoldForWhatBeginsLater) {
    CallLanes lanes = lanes_with(10, 10, 1000);
    const Lanes one = call("a", "h", "1", 100);
    for (int i = 0; i < 5; i++)
        lanes.begin(one);
    lanes.wait(Lane(LaneKind::Endpoint, "a"), run(1), 100);
    lanes.limit({.calls = 3, .calls_per_endpoint = 2, .answer_bytes = 200});
    EXPECT_TRUE(lanes.full_lane(one));
    EXPECT_TRUE(taken(lanes).empty());
    for (int i = 0; i < 3; i++) {
        EXPECT_TRUE(lanes.full_lane(one)) << i;
        lanes.end(one);
    }
    EXPECT_TRUE(lanes.full_lane(one));
    lanes.end(one);
    lanes.end(one);
    EXPECT_EQ(lanes.full_lane(one), std::nullopt);
    EXPECT_EQ(taken(lanes), std::vector<Uuid>{run(1)});
}

TEST(CallLanes, WhatHasEndedLeavesNothing) {
    CallLanes lanes = lanes_with(4, 4, 100);
    const Lanes one = call("a", "h", "1", 100);
    for (int round = 0; round < 3; round++) {
        EXPECT_EQ(lanes.full_lane(one), std::nullopt);
        lanes.begin(one);
        EXPECT_TRUE(lanes.full_lane(one));
        lanes.end(one);
        lanes.begin({});
        lanes.end({});
    }
}

// ------------------------------------------------------------- what other workers have under way

struct Pace final : EndpointPace {
    std::size_t left = 2;
    std::optional<std::int64_t> opens_at;
    EndpointRoom room(const std::string&, const EndpointLimits&) const override { return {left, opens_at}; }
    void begin(const std::string&, const EndpointLimits&) override { left--; }
    void end(const std::string&) override { left++; }
};

TEST(CallLanes, AnEndpointHasTheRoomThatAllWorkersLeaveIt) {
    Pace pace;
    CallLanes lanes = lanes_with(100, 50);
    lanes.follow(&pace);
    Lanes one = call("a", "host", "1");
    one.limits.max_concurrency = 2;
    PlannedPlaces planned;
    EXPECT_FALSE(lanes.full_lane(one, planned));
    planned.add(one);
    EXPECT_FALSE(lanes.full_lane(one, planned));
    planned.add(one);
    ASSERT_TRUE(lanes.full_lane(one, planned));
    EXPECT_EQ(lanes.full_lane(one, planned)->first, LaneKind::Endpoint);
    lanes.begin(one);
    lanes.begin(one);
    lanes.wait({LaneKind::Endpoint, "a"}, Uuid{1}, 0, one.limits);
    EXPECT_FALSE(lanes.has_ready());
    EXPECT_FALSE(lanes.next_at());
    lanes.end(one);
    EXPECT_TRUE(lanes.has_ready());
    EXPECT_EQ(lanes.take_ready().size(), 1u);
}

// ------------------------------------------------------------------------------------------- quotas

// Counts by name, as shared memory does.
struct Counted final : EndpointPace {
    std::map<std::string, std::size_t> calls;
    EndpointRoom room(const std::string& name, const EndpointLimits& limits) const override {
        if (!limits.max_concurrency) return {};
        const auto found = calls.find(name);
        const auto most = static_cast<std::size_t>(*limits.max_concurrency);
        return {most - std::min(most, found == calls.end() ? 0 : found->second)};
    }
    void begin(const std::string& name, const EndpointLimits& limits) override {
        if (limits.any()) calls[name]++;
    }
    void end(const std::string& name) override { calls[name]--; }
};

TEST(CallLanes, AnOwnerHasTheCallsOfHisQuota) {
    Counted pace;
    CallLanes lanes = lanes_with(100, 50);
    lanes.follow(&pace);
    lanes.give_quotas({{"1", 3}});
    PlannedPlaces planned;
    planned.add(call("a", "h", "1"));
    lanes.begin(call("a", "h", "1"));
    EXPECT_FALSE(lanes.full_lane(call("b", "i", "1"), planned));
    lanes.begin(call("b", "i", "1"));
    EXPECT_EQ(lanes.full_lane(call("c", "j", "1"), planned), Lane(LaneKind::Owner, "1"));
    EXPECT_FALSE(lanes.full_lane(call("c", "j", "1")));
    lanes.begin(call("c", "j", "1"));
    EXPECT_FALSE(lanes.full_lane(call("a", "h", "2")));
    lanes.wait({LaneKind::Owner, "1"}, run(1), 0);
    lanes.wait({LaneKind::Owner, "1"}, run(2), 0);
    EXPECT_TRUE(taken(lanes).empty());
    lanes.end(call("a", "h", "1"));
    EXPECT_EQ(taken(lanes), std::vector<Uuid>{run(1)});
    lanes.end(call("b", "i", "1"));
    lanes.end(call("c", "j", "1"));
    EXPECT_EQ(pace.calls[name_of_owner("1")], 0u);
}

TEST(CallLanes, AQuotaCountsTheCallsThatWereUnderWayBefore) {
    Counted pace;
    CallLanes lanes = lanes_with(100, 50);
    lanes.follow(&pace);
    lanes.begin(call("a", "h", "1"));
    lanes.begin(call("a", "h", "1"));
    lanes.give_quotas({{"1", 2}});
    EXPECT_EQ(lanes.full_lane(call("b", "h", "1")), Lane(LaneKind::Owner, "1"));
    lanes.give_quotas({{"1", 3}});
    EXPECT_EQ(pace.calls[name_of_owner("1")], 2u);
    lanes.wait({LaneKind::Owner, "1"}, run(1), 0);
    EXPECT_EQ(taken(lanes).size(), 1u);
    lanes.give_quotas({});
    EXPECT_EQ(pace.calls[name_of_owner("1")], 0u);
    lanes.end(call("a", "h", "1"));
    EXPECT_EQ(pace.calls[name_of_owner("1")], 0u);
    EXPECT_FALSE(lanes.full_lane(call("b", "h", "1")));
}

TEST(CallLanes, SaysWhenARateLetsTheNextCallBegin) {
    Pace pace;
    pace.left = 0;
    pace.opens_at = 12345;
    CallLanes lanes = lanes_with(100, 50);
    lanes.follow(&pace);
    lanes.wait({LaneKind::Endpoint, "a"}, Uuid{1}, 0);
    EXPECT_EQ(lanes.next_at(), 12345);
    EXPECT_TRUE(lanes.take_ready().empty());
    pace.left = 1;
    EXPECT_EQ(lanes.take_ready().size(), 1u);
    EXPECT_FALSE(lanes.next_at());
}

TEST(CallLanes, APausedLaneLetsNothingBegin) {
    CallLanes lanes = lanes_with(100, 50);
    lanes.pause({{LaneKind::Endpoint, "a"}});
    EXPECT_EQ(lanes.full_lane(call("a", "host", "1")), Lane(LaneKind::Endpoint, "a"));
    EXPECT_FALSE(lanes.full_lane(call("b", "host", "1")));
    lanes.wait({LaneKind::Endpoint, "a"}, Uuid{1}, 0);
    EXPECT_FALSE(lanes.has_ready());
    lanes.pause({});
    EXPECT_TRUE(lanes.has_ready());
    EXPECT_EQ(lanes.take_ready().size(), 1u);
}

}  // namespace
}  // namespace flowctl::pg
