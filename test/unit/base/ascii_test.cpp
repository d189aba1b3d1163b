// Tests of base/ascii.hpp: only ASCII has a case, and no locale changes that.
#include "base/ascii.hpp"

#include <gtest/gtest.h>

namespace flowctl {
namespace {

TEST(Ascii, LowersTheLettersBetweenTheirNeighbours) {
    EXPECT_EQ(ascii_lower("@AMZ[`amz{09"), "@amz[`amz{09");
    EXPECT_EQ(ascii_lower("\xC4\xDF"), "\xC4\xDF");  // bytes of another alphabet
}

TEST(Ascii, ComparesWithoutCase) {
    EXPECT_TRUE(same_without_case("Content-TYPE", "content-type"));
    EXPECT_TRUE(same_without_case("", ""));
    EXPECT_FALSE(same_without_case("abc", "abcd"));
    EXPECT_FALSE(same_without_case("[", "{"));  // 32 apart, as letters are
    EXPECT_FALSE(same_without_case("\xC4", "\xE4"));
}

TEST(Ascii, KnowsVisibleAndControlCharacters) {
    EXPECT_TRUE(is_visible_ascii("!~"));
    EXPECT_TRUE(is_visible_ascii(""));
    for (const char* text : {" ", "a b", "\x1f", "\x7f", "\x80", "\n"})
        EXPECT_FALSE(is_visible_ascii(text)) << text;
    EXPECT_FALSE(is_visible_ascii(std::string_view("a\0b", 3)));
    EXPECT_FALSE(has_control_character(" ~\x80\xff"));
    for (const std::string_view text : {std::string_view("\x1f"), std::string_view("\x7f"),
                                        std::string_view("a\tb"), std::string_view("\0", 1)})
        EXPECT_TRUE(has_control_character(text));
}

TEST(Ascii, ReadsHexadecimalDigits) {
    EXPECT_EQ(hex_value('0'), 0);
    EXPECT_EQ(hex_value('9'), 9);
    EXPECT_EQ(hex_value('a'), 10);
    EXPECT_EQ(hex_value('f'), 15);
    EXPECT_EQ(hex_value('A'), 10);
    EXPECT_EQ(hex_value('F'), 15);
    for (const char c : {'/', ':', '@', 'G', '`', 'g', '\xff'})
        EXPECT_EQ(hex_value(c), -1) << c;
}

TEST(Ascii, KnowsLettersAndDigits) {
    for (const char c : {'a', 'z', 'A', 'Z', '0', '9'})
        EXPECT_TRUE(is_ascii_alphanumeric(c)) << c;
    for (const char c : {'/', ':', '@', '[', '`', '{', '_', '\xe4'})
        EXPECT_FALSE(is_ascii_alphanumeric(c)) << c;
}

}  // namespace
}  // namespace flowctl
