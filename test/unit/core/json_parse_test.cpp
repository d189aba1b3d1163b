// Parsing: what is accepted, what is kept as written, and what is refused and where, with and without a
// value.
#include "core/json.hpp"

#include <gtest/gtest.h>

#include <string>

namespace flowctl::json {
namespace {

// With and without a value, the text is taken or refused alike.
Result<Value, ParseError> parse_both_ways(std::string_view text, const ParseLimits& limits = {}) {
    auto result = parse(text, limits);
    const auto checked = check(text, limits);
    if (limits.unique_names) return result;
    EXPECT_EQ(result.ok(), !checked) << text.substr(0, 80);
    if (!result.ok() && checked) {
        EXPECT_EQ(result.error().message, checked->message);
        EXPECT_EQ(result.error().offset, checked->offset);
    }
    return result;
}

Value read(std::string_view text) {
    auto result = parse_both_ways(text);
    EXPECT_TRUE(result.ok()) << text.substr(0, 80) << ": " << (result.ok() ? "" : result.error().message);
    return result.ok() ? *result : Value();
}

std::string refusal(std::string_view text, const ParseLimits& limits = {}) {
    auto result = parse_both_ways(text, limits);
    return result.ok() ? "accepted: " + dump(*result).substr(0, 80) : result.error().message;
}

std::string round_trip(std::string_view text) {
    return dump(read(text));
}

TEST(JsonParse, KeepsOrderAndText) {
    const std::string text = R"({"b":1,"a":[true,false,null,"x",{}],"":{"c":[]}})";
    EXPECT_EQ(round_trip(text), text);
    EXPECT_EQ(round_trip(" \t\r\n[ 1 ,\n2 ] "), "[1,2]");
}

TEST(JsonParse, Scalars) {
    EXPECT_TRUE(read("null").is_null());
    EXPECT_TRUE(read("true").as_bool());
    EXPECT_FALSE(read("false").as_bool());
    EXPECT_EQ(read("\"\"").as_string(), "");
    EXPECT_EQ(read("42").as_integer(), 42);
}

TEST(JsonParse, NumbersKeepTheirSpelling) {
    for (const char* text : {"0", "-0", "1.0", "1.50", "1e0", "1E+2", "-1.5e-3", "9223372036854775807",
                             "-9223372036854775808", "9223372036854775808", "18446744073709551616",
                             "0.1000000000000000055511151231257827021181583404541015625", "1e308", "1e400",
                             "-1e-400", "1.7976931348623159e308", "0e500", "0.0"}) {
        EXPECT_EQ(round_trip(text), text);
        EXPECT_EQ(round_trip("[" + std::string(text) + "]"), "[" + std::string(text) + "]");
    }
}

TEST(JsonParse, NumbersBeyondADoubleAmongOtherThings) {
    // The second pass must not touch strings, keys, or the numbers' places.
    const std::string text = R"({"1e400":"1e400 \" -5","a":[1e400,-2.5e400,1,0],"b\\":1e401,"c":-0})";
    EXPECT_EQ(round_trip(text), text);
    const std::string digits(900, '7');
    EXPECT_EQ(round_trip(digits), digits);
    EXPECT_EQ(refusal("[1e400,01]"), "array without comma or closing bracket");
    EXPECT_EQ(refusal("[1e400,1.]"), "number without digits after the point");
    EXPECT_EQ(refusal("[1e400,--1]"), "not a value");
}

TEST(JsonParse, RefusesWhatIsNotJson) {
    EXPECT_EQ(refusal(""), "nothing there");
    EXPECT_EQ(refusal("  "), "nothing there");
    EXPECT_EQ(refusal("1 2"), "text after the value");
    EXPECT_EQ(refusal(std::string_view("1\0 2", 4)), "text after the value");
    EXPECT_EQ(refusal(std::string_view("1\0", 2)), "text after the value");
    EXPECT_EQ(refusal("{\"a\" 1}"), "object member without a colon");
    EXPECT_EQ(refusal("{a:1}"), "object member without a name");
    EXPECT_EQ(refusal("{\"a\":1,}"), "object member without a name");
    EXPECT_EQ(refusal("\"a"), "string without closing quotation mark");
    EXPECT_EQ(refusal("\"\t\""), "wrong escape or control character in a string");
    EXPECT_EQ(refusal(R"("\x")"), "wrong escape or control character in a string");
    EXPECT_EQ(refusal(R"("\u12g4")"), "wrong \\u escape in a string");
    EXPECT_EQ(refusal("1e"), "number without digits in the exponent");
    for (const char* text :
         {"[1", "[1,]", "{", "[", "nul", "NaN", "Infinity", "-", "+1", ".5", "'a'", "[1]]", "}",
          "\xef\xbb\xbf"
          "1",
          "/**/1", "tru", "01", "0x1"}) {
        EXPECT_FALSE(parse_both_ways(text).ok()) << text;
    }
}

TEST(JsonParse, SaysWhere) {
    auto result = parse_both_ways("{\"a\": [1, x]}");
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().offset, 10u);
    // Also after the second pass.
    result = parse_both_ways("[1e400, x]");
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().offset, 8u);
}

TEST(JsonParse, Strings) {
    EXPECT_EQ(read(R"("a\"\\\/\b\f\n\r\té")").as_string(), "a\"\\/\b\f\n\r\t\xc3\xa9");
    EXPECT_EQ(read(R"("\ud83d\ude00")").as_string(), "\xf0\x9f\x98\x80");
    EXPECT_EQ(round_trip("\"\\u0001\\u001f\\b\\f\\n\\r\\t\\\\\\\"/\x7f\""),
              "\"\\u0001\\u001f\\b\\f\\n\\r\\t\\\\\\\"/\x7f\"");
}

TEST(JsonParse, RefusesWrongUtf8) {
    for (const char* text :
         {"\"\x80\"", "\"\xc3\"", "\"\xc0\xaf\"", "\"\xe0\x80\x80\"", "\"\xed\xa0\x80\"",
          "\"\xf4\x90\x80\x80\"", "\"\xf8\x88\x80\x80\x80\"", "\"\xff\"", "{\"\xc3\":1}"}) {
        EXPECT_EQ(refusal(text), "not UTF-8");
    }
}

TEST(JsonParse, RefusesWhatCannotBeStored) {
    EXPECT_EQ(refusal(R"("a\u0000b")"), "\\u0000 in a string");
    EXPECT_EQ(refusal(R"({"a\u0000b":1})"), "\\u0000 in a string");
    for (const char* text : {R"("\ud800")", R"("\udc00")", R"("\ud800\u0041")", R"("x\udfffy")",
                             R"({"\udc00":1})", R"("\ude00\ud83d")"}) {
        EXPECT_EQ(refusal(text), "lone surrogate in a string") << text;
    }
    EXPECT_EQ(refusal("1e5000"), "number with over 1000 digits when written out");
    EXPECT_EQ(refusal("-1e-5000"), "number with over 1000 digits when written out");
    EXPECT_EQ(refusal("0e-5000"), "number with over 1000 digits when written out");
    EXPECT_EQ(refusal("1e131071"), "number with over 1000 digits when written out");
    EXPECT_EQ(refusal("1e99999999999999999999999999"), "number with over 1000 digits when written out");
    EXPECT_EQ(refusal("1e-99999999999999999999999999"), "number with over 1000 digits when written out");
    EXPECT_EQ(refusal(std::string(1001, '1')), "number with over 1000 digits when written out");
    EXPECT_EQ(refusal("0." + std::string(1000, '1')), "number with over 1000 digits when written out");
    EXPECT_EQ(round_trip(std::string(1000, '1')), std::string(1000, '1'));
    EXPECT_EQ(round_trip("1e999"), "1e999");
    EXPECT_EQ(round_trip("1e-999"), "1e-999");
    EXPECT_EQ(refusal("1e1000"), "number with over 1000 digits when written out");
    EXPECT_EQ(round_trip("0e5000"), "0e5000");  // numeric prints 0
    EXPECT_EQ(
        refusal('"' + std::string(64 * 1024 * 1024 + 1, 'x') + '"', {.max_bytes = std::size_t{1} << 30}),
        "string of over 64 MB");
}

TEST(JsonParse, NotStorableIsReadWhenAskedFor) {
    ParseLimits limits;
    limits.storable = false;
    auto nul = parse_both_ways(R"("a\u0000b")", limits);
    ASSERT_TRUE(nul.ok());
    EXPECT_EQ(nul->as_string(), std::string_view("a\0b", 3));
    EXPECT_EQ(dump(*nul), R"("a\u0000b")");
    EXPECT_TRUE(parse_both_ways("1e5000", limits).ok());
    EXPECT_FALSE(parse_both_ways(R"("\udc00")", limits).ok());  // no UTF-8 for it
}

TEST(JsonParse, DepthIsLimitedAndCostsNoStack) {
    const auto nested = [](std::size_t n) { return std::string(n, '[') + std::string(n, ']'); };
    EXPECT_EQ(round_trip(nested(1000)), nested(1000));
    EXPECT_EQ(refusal(nested(1001)), "nested too deeply");
    EXPECT_EQ(refusal(std::string(10'000'000, '[')), "nested too deeply");
    ParseLimits deep;
    deep.max_depth = 2'000'000;
    auto result = parse_both_ways(nested(1'000'000), deep);
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(dump(*result), nested(1'000'000));
    EXPECT_EQ(depth(*result), 1'000'000u);
    std::string objects;
    for (int i = 0; i < 200'000; ++i)
        objects += "{\"a\":";
    objects += "1" + std::string(200'000, '}');
    result = parse_both_ways(objects, deep);
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(dump(*result), objects);
}

TEST(JsonParse, LengthIsLimited) {
    ParseLimits limits;
    limits.max_bytes = 5;
    EXPECT_TRUE(parse_both_ways("[1,2]", limits).ok());
    EXPECT_EQ(refusal("[1,23]", limits), "text too long");
}

TEST(JsonParse, RepeatedKeysKeepTheLastValue) {
    EXPECT_EQ(round_trip(R"({"a":1,"b":2,"a":3,"a":[4]})"), R"({"a":[4],"b":2})");
    EXPECT_EQ(round_trip(R"({"\u0061":1,"a":2})"), R"({"a":2})");
    std::string text = "{";
    for (int i = 0; i < 100; ++i) {
        for (int key = 0; key < 30; ++key) {
            text += (text.size() > 1 ? ",\"k" : "\"k") + std::to_string(key) + "\":" + std::to_string(i);
        }
    }
    const Value value = read(text + "}");
    EXPECT_EQ(value.size(), 30u);
    for (int key = 0; key < 30; ++key) {
        EXPECT_EQ(value.members()[static_cast<std::size_t>(key)].key, "k" + std::to_string(key));
        EXPECT_EQ(value.find("k" + std::to_string(key))->as_integer(), 99);
    }
}

TEST(JsonParse, ManyMembersTakeNoQuadraticTime) {
    std::string text = "{\"x\":0";
    for (int i = 0; i < 200'000; ++i)
        text += ",\"" + std::to_string(i) + "\":1e400";
    const Value value = read(text + "}");
    EXPECT_EQ(value.size(), 200'001u);
    for (int i = 0; i < 200'000; ++i)
        ASSERT_NE(value.find(std::to_string(i)), nullptr);
    EXPECT_EQ(value.find("200000"), nullptr);
    EXPECT_TRUE(equal(value, read(text + "}")));
}

}  // namespace
}  // namespace flowctl::json
