// Regular expressions: Java's syntax as far as it is supported, refusals, and linear time on hostile pairs.
#include "core/path/java_regex.hpp"

#include <gtest/gtest.h>

#include <string>

namespace flowctl::path {
namespace {

bool matches(std::string_view pattern, std::string_view text, std::string_view flags = "") {
    auto regex = Regex::compile(pattern, flags);
    EXPECT_TRUE(regex.ok()) << pattern << ": " << (regex.ok() ? "" : regex.error());
    Budget budget;
    return regex.ok() && regex->matches(text, budget);
}

TEST(PathRegex, Syntax) {
    EXPECT_TRUE(matches("", ""));
    EXPECT_FALSE(matches("", "a"));
    EXPECT_TRUE(matches("abc", "abc"));
    EXPECT_FALSE(matches("abc", "xabc"));
    EXPECT_FALSE(matches("abc", "abcx"));
    EXPECT_TRUE(matches("a|bc|", "bc"));
    EXPECT_TRUE(matches("a|bc|", ""));
    EXPECT_TRUE(matches("(a|b)*c", "abbac"));
    EXPECT_TRUE(matches("(?:ab)+", "ababab"));
    EXPECT_TRUE(matches("(?<name>ab)?", ""));
    EXPECT_TRUE(matches("a{2,3}", "aaa"));
    EXPECT_FALSE(matches("a{2,3}", "aaaa"));
    EXPECT_TRUE(matches("a{2,}", "aaaaa"));
    EXPECT_TRUE(matches("a{2}", "aa"));
    EXPECT_TRUE(matches("a{0}", ""));
    EXPECT_TRUE(matches("a.*?b", "axxbxb"));
    EXPECT_TRUE(matches("[a-cx]+", "abcx"));
    EXPECT_FALSE(matches("[^a-c]+", "xyb"));
    EXPECT_TRUE(matches("[]a]+", "]a"));
    EXPECT_TRUE(matches("[a-]+", "a-"));
    EXPECT_TRUE(matches("[\\d\\-_]+", "1-_2"));
    EXPECT_TRUE(matches("\\d{4}-\\d\\d", "2024-01"));
    EXPECT_TRUE(matches("\\w+\\W\\s\\S", "ab_1! x"));
    EXPECT_TRUE(matches("\\.\\*\\\\", ".*\\"));
    EXPECT_TRUE(matches("\\x41\\u0042\\x{43}\\t", "ABC\t"));
    EXPECT_TRUE(matches("\\p{Upper}\\p{Lower}+\\P{Digit}", "Abc!"));
    EXPECT_TRUE(matches("\\Qa.b*\\E+", "a.b**"));
    EXPECT_TRUE(matches("^a$", "a"));
    EXPECT_TRUE(matches("\\bfoo\\b.*", "foo bar"));
    EXPECT_FALSE(matches("foo\\b.*", "foobar"));
    EXPECT_TRUE(matches("foo\\B.*", "foobar"));
}

TEST(PathRegex, FlagsAndUnicode) {
    EXPECT_TRUE(matches("AbC", "aBc", "i"));
    EXPECT_TRUE(matches("(?i)abc", "ABC"));
    EXPECT_TRUE(matches("[^a]", "b", "i"));
    EXPECT_FALSE(matches("[^a]", "A", "i"));
    EXPECT_FALSE(matches("a.b", "a\nb"));
    EXPECT_TRUE(matches("a.b", "a\nb", "s"));
    EXPECT_TRUE(matches("a$.^b", "a\nb", "sm"));
    EXPECT_FALSE(matches("a$.^b", "a\nb", "s"));
    EXPECT_TRUE(matches("a$\n", "a\n"));
    EXPECT_FALSE(matches("a\\z\n", "a\n"));
    EXPECT_TRUE(matches("a\\Z\n", "a\n", "m"));
    EXPECT_FALSE(matches("a\\Z\nb", "a\nb", "m"));  // the end of a line inside, which m does not make an end
    EXPECT_TRUE(matches("a\\r\\n^b$", "a\r\nb", "m"));
    EXPECT_FALSE(matches("a\n^", "a\n", "m"));
    EXPECT_TRUE(matches("a b # comment\n c", "abc", "x"));
    EXPECT_TRUE(matches("...", "aé😀"));
    EXPECT_TRUE(matches("[à-ü]😀?", "é😀"));
    EXPECT_FALSE(matches(".", "ab"));
}

TEST(PathRegex, Refuses) {
    for (const char* pattern :
         {"(",        ")",      "a)",          "(a",     "[",       "[a",    "[b-a]",  "*a",
          "a**",      "a{3,2}", "a{",          "a{x}",   "a{1001}", "(?=a)", "(?!a)",  "(?<=a)",
          "(?<!a)",   "(?>a)",  "a++",         "(a)\\1", "\\k<a>",  "\\",    "[a&&b]", "[[a]]",
          "\\p{Foo}", "\\p",    "\\x{110000}", "\\xg0",  "(?<n",    "\\y",   "a|*"}) {
        EXPECT_FALSE(Regex::compile(pattern, "").ok()) << pattern;
    }
    EXPECT_FALSE(Regex::compile("a", "g").ok());
}

TEST(PathRegex, HostilePatternsAreBounded) {
    EXPECT_FALSE(Regex::compile(std::string(100'000, '('), "").ok());
    EXPECT_FALSE(Regex::compile("(((a{1000}){1000}){1000}){1000}", "").ok());
    EXPECT_FALSE(Regex::compile("((((){1000}){1000}){1000}){1000}", "").ok());
    // Exponential for a backtracking matcher.
    EXPECT_FALSE(matches("(a*)*b", std::string(50'000, 'a')));
    EXPECT_FALSE(matches("(a|a)*b", std::string(50'000, 'a')));
    EXPECT_FALSE(matches("(.*)*=(.*)*x", std::string(20'000, '=')));
    EXPECT_TRUE(matches("(a?){500}a{500}", std::string(500, 'a')));
    auto regex = Regex::compile("((a?){900})*b", "");
    ASSERT_TRUE(regex.ok());
    Budget budget;
    EXPECT_THROW((void)regex->matches(std::string(1'000'000, 'a'), budget), BudgetExceeded);
}

}  // namespace
}  // namespace flowctl::path
