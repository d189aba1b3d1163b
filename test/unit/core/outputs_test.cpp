// Outputs of branches and items, in blocks.
#include <gtest/gtest.h>

#include "core/json.hpp"
#include "core/machine/outputs.hpp"

namespace flowctl::machine {
namespace {

constexpr std::size_t kBlock = Outputs::kBlock;

json::Value number(std::size_t value) {
    return json::Value::integer(static_cast<std::int64_t>(value));
}

json::Value parsed(std::string_view text) {
    return json::parse(text).value();
}

Outputs filled(std::size_t length, std::size_t from, std::size_t to) {
    Outputs outputs(length);
    for (std::size_t i = from; i < to; ++i)
        outputs.set(i, number(i));
    return outputs;
}

TEST(Outputs, BlocksThatAreFullAndOneThatIsNot) {
    constexpr std::size_t kLength = 2 * kBlock + 3;
    const Outputs outputs = filled(kLength, 0, kBlock + 2);
    EXPECT_EQ(outputs.count(), kBlock + 2);
    EXPECT_TRUE(outputs.has(0));
    EXPECT_TRUE(outputs.has(kBlock - 1));
    EXPECT_TRUE(outputs.has(kBlock + 1));
    EXPECT_FALSE(outputs.has(kBlock + 2));
    EXPECT_FALSE(outputs.has(2 * kBlock)) << "nothing is in the last block";
    EXPECT_FALSE(outputs.has(kLength)) << "beyond the end";

    const json::Value saved = outputs.save();
    ASSERT_EQ(saved.items().size(), 2u) << "a block without outputs at the end is left out";
    EXPECT_EQ(saved.items()[0].items().size(), kBlock);
    const std::string open = std::to_string(kBlock) + "],[1," + std::to_string(kBlock + 1);
    EXPECT_EQ(json::dump(saved.items()[1]), R"({"open":[[0,)" + open + "]]}");

    Outputs loaded(kLength);
    ASSERT_TRUE(loaded.load(saved));
    EXPECT_EQ(json::dump(loaded.save()), json::dump(saved));
    EXPECT_EQ(loaded.count(), outputs.count());
    EXPECT_EQ(loaded.bytes(), outputs.bytes() + 1) << "of a full block, its brackets count as well";
    EXPECT_TRUE(loaded.has(kBlock + 1));
    EXPECT_FALSE(loaded.has(kBlock + 2));
}

TEST(Outputs, AHoleIsNull) {
    const Outputs outputs = filled(2 * kBlock, kBlock, kBlock + 1);
    EXPECT_FALSE(outputs.has(0));
    EXPECT_EQ(json::dump(outputs.save()), R"([null,{"open":[[0,256]]}])");
    Outputs loaded(2 * kBlock);
    ASSERT_TRUE(loaded.load(outputs.save()));
    EXPECT_FALSE(loaded.has(0));
    EXPECT_TRUE(loaded.has(kBlock));
    EXPECT_EQ(loaded.count(), 1u);
}

TEST(Outputs, AllOfThem) {
    constexpr std::size_t kLength = kBlock + 1;
    const json::Value all = filled(kLength, 0, kLength).all();
    ASSERT_EQ(all.items().size(), kLength);
    EXPECT_EQ(json::dump(all.items().front()), "0");
    EXPECT_EQ(json::dump(all.items().back()), std::to_string(kBlock));
}

TEST(Outputs, WhatIsNotWhatTheySave) {
    const auto takes = [](std::string_view text, std::size_t length) {
        return Outputs(length).load(parsed(text));
    };
    EXPECT_TRUE(takes("[]", 3));
    EXPECT_TRUE(takes("[[7,8,9]]", 3));
    EXPECT_TRUE(takes(R"([{"open":[[2,9],[0,7]]}])", 3));
    EXPECT_FALSE(takes("[[7,8]]", 3)) << "a full block has all outputs";
    EXPECT_FALSE(takes("[[7,8,9,10]]", 3));
    EXPECT_FALSE(takes("[[7,8,9],[1]]", 3)) << "there is no second block";
    EXPECT_FALSE(takes("{}", 3));
    EXPECT_FALSE(takes("[7]", 3));
    EXPECT_FALSE(takes(R"([{"open":[[0,7],[0,8]]}])", 3)) << "the same output twice";
    EXPECT_FALSE(takes(R"([{"open":[[3,7]]}])", 3));
    EXPECT_FALSE(takes(R"([{"open":[[-1,7]]}])", 3));
    EXPECT_FALSE(takes(R"([{"open":[[0]]}])", 3));
    EXPECT_FALSE(takes(R"([{"open":[["0",7]]}])", 3));
    EXPECT_FALSE(takes(R"([{"open":[[0,7],[1,8],[2,9]]}])", 3)) << "such a block is full";
}

}  // namespace
}  // namespace flowctl::machine
