// Differences between documents, in words.
#include <gtest/gtest.h>

#include "core/difference/words.hpp"

namespace flowctl::difference {
namespace {

std::string lines(std::string_view before, std::string_view after, std::size_t most = 100) {
    std::string text;
    for (const std::string& line : words(*json::parse(before), *json::parse(after), "flow f: ", most))
        text += line + "\n";
    return text;
}

TEST(Difference, EqualDocumentsHaveNone) {
    EXPECT_EQ(lines(R"({"a":1,"b":[1,{"c":null}]})", R"({"b":[1.0,{"c":null}],"a":1e0})"), "")
        << "order and spelling do not count";
    EXPECT_EQ(lines("1", "1"), "");
}

TEST(Difference, ValuesOfStates) {
    EXPECT_EQ(lines(R"({"StartAt":"A","States":{"Charge":{"TimeoutSeconds":30,"Type":"Task"}}})",
                    R"({"StartAt":"B","States":{"Charge":{"TimeoutSeconds":60,"Type":"Task","End":true}}})"),
              "flow f: StartAt \"A\" -> \"B\"\n"
              "flow f: state Charge: TimeoutSeconds 30 -> 60\n"
              "flow f: state Charge: End new: true\n");
    EXPECT_EQ(lines(R"({"States":{"A":{"Retry":[{"MaxAttempts":3},{"x":1}]},"B":{}}})",
                    R"({"States":{"C":{"Type":"Pass"},"A":{"Retry":[{"MaxAttempts":5}]}}})"),
              "flow f: state C: new\n"
              "flow f: state A: Retry[0].MaxAttempts 3 -> 5\n"
              "flow f: state A: Retry[1] removed: {\"x\":1}\n"
              "flow f: state B: removed\n");
}

TEST(Difference, StatesWithinStates) {
    EXPECT_EQ(lines(R"({"States":{"P":{"Branches":[{"StartAt":"A"},{"States":{"A":{"Seconds":1}}}]}}})",
                    R"({"States":{"P":{"Branches":[{"StartAt":"B"},{"States":{"A":{"Seconds":2}}}]}}})"),
              "flow f: state P: Branches[0].StartAt \"A\" -> \"B\"\n"
              "flow f: state P: Branches[1]: state A: Seconds 1 -> 2\n");
    EXPECT_EQ(lines(R"({"States":{"M":{"ItemProcessor":{"States":{"A":{"Type":"Pass"}}}}}})",
                    R"({"States":{"M":{"ItemProcessor":{"States":{"B":{"Type":"Pass"}}}}}})"),
              "flow f: state M: ItemProcessor: state B: new\n"
              "flow f: state M: ItemProcessor: state A: removed\n");
    EXPECT_EQ(lines(R"({"States":{"A":{"Parameters":{"States":{"x":1}}}}})",
                    R"({"States":{"A":{"Parameters":{"States":7}}}})"),
              "flow f: state A: Parameters.States {\"x\":1} -> 7\n");
    EXPECT_EQ(lines(R"({"States":{"States":{"Type":"Pass"}}})", R"({"States":{"States":{"Type":"Wait"}}})"),
              "flow f: state States: Type \"Pass\" -> \"Wait\"\n")
        << "a state may be called States";
}

TEST(Difference, TypesDiffer) {
    EXPECT_EQ(lines("1", "[1]"), "flow f: 1 -> [1]\n");
    EXPECT_EQ(lines(R"({"a":null})", R"({"a":{}})"), "flow f: a null -> {}\n");
    EXPECT_EQ(lines(R"({"a":[]})", R"({"a":[null]})"), "flow f: a[0] new: null\n");
}

TEST(Difference, LongValuesAreCut) {
    const std::string long_text(100, 'x');
    EXPECT_EQ(lines("1", "\"" + long_text + "\""), "flow f: 1 -> \"" + long_text.substr(0, 59) + "...\n");
    std::string umlauts;
    for (int i = 0; i < 40; i++)
        umlauts += "\xc3\xa4";
    EXPECT_EQ(shown(json::Value::string(umlauts)), "\"" + umlauts.substr(0, 58) + "...")
        << "not within a character";
}

TEST(Difference, ManyLinesAreCounted) {
    EXPECT_EQ(lines("[1,2,3,4]", "[5,6,7,8]", 2), "flow f: [0] 1 -> 5\nflow f: [1] 2 -> 6\nflow f: and 2 more changes\n");
}

TEST(Difference, DeepDocumentsAreBounded) {
    std::string before = "1", after = "2";
    for (int i = 0; i < 900; i++) {
        before = "[" + before + "]";
        after = "[" + after + "]";
    }
    const std::string text = lines(before, after);
    EXPECT_NE(text.find(" -> "), std::string::npos);
    EXPECT_LT(text.size(), 2000u);
}

}  // namespace
}  // namespace flowctl::difference
