// Random: SplitMix64's published sequence, the range of next_unit, and the form of a version 4 UUID.
#include "core/random.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace flowctl {
namespace {

TEST(Random, FollowsSplitMix64) {
    // First outputs of the reference implementation for seed 1234567.
    Random random(1234567);
    EXPECT_EQ(random.next(), 6457827717110365317ULL);
    EXPECT_EQ(random.next(), 3203168211198807973ULL);
    EXPECT_EQ(random.next(), 9817491932198370423ULL);
}

TEST(Random, UnitStaysInRangeAndFillsIt) {
    Random random(7);
    double low = 1, high = 0;
    for (int i = 0; i < 10'000; ++i) {
        const double unit = random.next_unit();
        ASSERT_GE(unit, 0.0);
        ASSERT_LT(unit, 1.0);
        low = std::min(low, unit);
        high = std::max(high, unit);
    }
    EXPECT_LT(low, 0.01);
    EXPECT_GT(high, 0.99);
}

TEST(Random, UuidIsVersionFourAndNeverRepeats) {
    Random random(42);
    std::set<std::string> seen;
    for (int i = 0; i < 1'000; ++i) {
        const std::string uuid = random.next_uuid();
        ASSERT_EQ(uuid.size(), 36u);
        for (std::size_t at = 0; at < uuid.size(); ++at) {
            const bool dash = at == 8 || at == 13 || at == 18 || at == 23;
            ASSERT_EQ(uuid[at] == '-', dash) << uuid;
            ASSERT_TRUE(dash || std::string("0123456789abcdef").find(uuid[at]) != std::string::npos) << uuid;
        }
        ASSERT_EQ(uuid[14], '4') << uuid;
        ASSERT_NE(std::string("89ab").find(uuid[19]), std::string::npos) << uuid;
        ASSERT_TRUE(seen.insert(uuid).second) << uuid;
    }
}

TEST(Random, SameSeedSameUuid) {
    EXPECT_EQ(Random(99).next_uuid(), Random(99).next_uuid());
    EXPECT_NE(Random(99).next_uuid(), Random(100).next_uuid());
}

}  // namespace
}  // namespace flowctl
