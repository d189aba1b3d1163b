// Values: construction, sharing, numbers, equality, writing, size and depth, release.
#include "core/json.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

namespace flowctl::json {
namespace {

Value num(std::string_view text) {
    return Value::number_text(text);
}

TEST(JsonValue, TwoMachineWords) {
    EXPECT_EQ(sizeof(Value), 16u);
}

TEST(JsonValue, SameIsTheSamePayload) {
    const Value array = Value::array({Value::integer(1)});
    const Value copy = array;
    EXPECT_TRUE(array.same(copy));
    EXPECT_FALSE(array.same(Value::array({Value::integer(1)})));
    EXPECT_TRUE(Value::integer(5).same(Value::integer(5)));
    EXPECT_TRUE(Value().same(Value()));
    EXPECT_FALSE(Value().same(Value::boolean(false)));
    EXPECT_FALSE(Value::boolean(true).same(Value::boolean(false)));
    EXPECT_TRUE(Value::string("").same(Value::string("")));
    EXPECT_TRUE(Value::array({}).same(Value::array({})));
    EXPECT_FALSE(Value::array({}).same(Value::object({})));
}

TEST(JsonValue, AssignmentFromInsideItself) {
    Value value = Value::array({Value::array({Value::string("deep")})});
    value = value.items()[0];
    EXPECT_EQ(dump(value), R"(["deep"])");
    value = value.items()[0];
    EXPECT_EQ(value.as_string(), "deep");
    Value& self = value;
    value = self;
    EXPECT_EQ(value.as_string(), "deep");
    value = std::move(self);
    EXPECT_EQ(value.as_string(), "deep");
}

TEST(JsonValue, MovedFromIsNull) {
    Value a = Value::string("x");
    const Value b = std::move(a);
    EXPECT_TRUE(a.is_null());
    EXPECT_EQ(b.as_string(), "x");
}

TEST(JsonValue, WrongKindThrows) {
    EXPECT_THROW((void)Value().as_bool(), std::logic_error);
    EXPECT_THROW((void)Value().as_string(), std::logic_error);
    EXPECT_THROW((void)Value().as_double(), std::logic_error);
    EXPECT_THROW((void)Value().items(), std::logic_error);
    EXPECT_THROW((void)Value::array({}).members(), std::logic_error);
    EXPECT_EQ(Value::string("a").find("a"), nullptr);
    EXPECT_EQ(Value::string("abc").size(), 0u);
}

TEST(JsonValue, Integers) {
    EXPECT_EQ(num("1.0").as_integer(), 1);
    EXPECT_EQ(num("1e2").as_integer(), 100);
    EXPECT_EQ(num("120e-1").as_integer(), 12);
    EXPECT_EQ(num("-0").as_integer(), 0);
    EXPECT_EQ(num("0.000").as_integer(), 0);
    EXPECT_EQ(num("0e999999999999999999999").as_integer(), 0);
    EXPECT_EQ(num("1.5").as_integer(), std::nullopt);
    EXPECT_EQ(num("1e-1").as_integer(), std::nullopt);
    EXPECT_EQ(num("9223372036854775807.0").as_integer(), std::numeric_limits<std::int64_t>::max());
    EXPECT_EQ(num("9223372036854775808").as_integer(), std::nullopt);
    EXPECT_EQ(num("-9223372036854775808").as_integer(), std::numeric_limits<std::int64_t>::min());
    EXPECT_EQ(num("-9223372036854775808.0").as_integer(), std::numeric_limits<std::int64_t>::min());
    EXPECT_EQ(num("-9223372036854775809").as_integer(), std::nullopt);
    EXPECT_EQ(num("9999999999999999999").as_integer(), std::nullopt);
    EXPECT_EQ(num("1e18").as_integer(), 1'000'000'000'000'000'000);
    EXPECT_EQ(num("1e99999999999").as_integer(), std::nullopt);
    EXPECT_EQ(Value::number(3.0).as_integer(), 3);
    EXPECT_EQ(Value::number(3.5).as_integer(), std::nullopt);
    EXPECT_EQ(Value::number(1e30).as_integer(), std::nullopt);
    EXPECT_EQ(Value::number(1e17).as_integer(), 100'000'000'000'000'000);
}

TEST(JsonValue, Doubles) {
    EXPECT_EQ(num("0.1").as_double(), 0.1);
    EXPECT_EQ(num("1e400").as_double(), std::numeric_limits<double>::infinity());
    EXPECT_EQ(num("-1e400").as_double(), -std::numeric_limits<double>::infinity());
    EXPECT_EQ(num("1e-400").as_double(), 0.0);
    EXPECT_TRUE(std::signbit(num("-1e-400").as_double()));
    EXPECT_EQ(num("0.00000000001e400").as_double(), std::numeric_limits<double>::infinity());
    EXPECT_EQ(num("0e99999999999999999999").as_double(), 0.0);
    EXPECT_EQ(num("5e-324").as_double(), std::numeric_limits<double>::denorm_min());
    EXPECT_TRUE(std::signbit(num("-0").as_double()));
}

TEST(JsonValue, DoublesAreWrittenAsEcmaScriptDoes) {
    const auto text = [](double d) { return dump(Value::number(d)); };
    EXPECT_EQ(text(0), "0");
    EXPECT_EQ(text(1), "1");
    EXPECT_EQ(text(-0.0), "-0");
    EXPECT_EQ(text(0.1), "0.1");
    EXPECT_EQ(text(-1.5), "-1.5");
    EXPECT_EQ(text(100000), "100000");
    EXPECT_EQ(text(123456789012345680000.0), "123456789012345680000");
    EXPECT_EQ(text(1e21), "1e+21");
    EXPECT_EQ(text(1.25e30), "1.25e+30");
    EXPECT_EQ(text(0.000001), "0.000001");
    EXPECT_EQ(text(0.00000123), "0.00000123");
    EXPECT_EQ(text(1e-7), "1e-7");
    EXPECT_EQ(text(5e-324), "5e-324");
    EXPECT_EQ(text(1.7976931348623157e308), "1.7976931348623157e+308");
    EXPECT_EQ(text(9007199254740992.0), "9007199254740992");
    EXPECT_EQ(text(0.1 + 0.2), "0.30000000000000004");
}

TEST(JsonValue, NumbersAreEqualByExactValue) {
    const auto same_number = [](std::string_view a, std::string_view b) {
        EXPECT_EQ(equal(num(a), num(b)), equal(num(b), num(a)));
        return equal(num(a), num(b));
    };
    EXPECT_TRUE(same_number("1", "1.0"));
    EXPECT_TRUE(same_number("1", "1e0"));
    EXPECT_TRUE(same_number("1", "10e-1"));
    EXPECT_TRUE(same_number("100", "1E+2"));
    EXPECT_TRUE(same_number("0", "-0"));
    EXPECT_TRUE(same_number("0", "0.0e99999999999999999999"));
    EXPECT_TRUE(same_number("0.001", "1e-3"));
    EXPECT_TRUE(same_number("1e400", "10e399"));
    EXPECT_FALSE(same_number("1e400", "1e401"));
    EXPECT_FALSE(same_number("1", "-1"));
    EXPECT_FALSE(same_number("1", "10"));
    EXPECT_FALSE(same_number("9007199254740993", "9007199254740992"));
    EXPECT_FALSE(same_number("9007199254740993", "9007199254740992.0"));
    EXPECT_FALSE(same_number("0.1", "0.1000000000000000055511151231257827021181583404541015625"));
    EXPECT_TRUE(same_number("1e999999999999999999999", "1e999999999999999999999"));
    EXPECT_FALSE(same_number("1e999999999999999999999", "1e999999999999999999998"));
    EXPECT_TRUE(equal(Value::number(0.1), num("0.10")));
    EXPECT_TRUE(equal(Value::integer(3), Value::number(3.0)));
    EXPECT_FALSE(equal(Value::integer(3), Value::string("3")));
    EXPECT_TRUE(same_number("1" + std::string(100'000, '0'), "1e100000"));
}

TEST(JsonValue, DeepEquality) {
    const auto read = [](std::string_view text) { return *parse(text); };
    EXPECT_TRUE(equal(read(R"({"a":[1,{"b":null}],"c":"x"})"), read(R"({"c":"x","a":[1.0,{"b":null}]})")));
    EXPECT_FALSE(equal(read(R"({"a":1})"), read(R"({"b":1})")));
    EXPECT_FALSE(equal(read(R"({"a":1})"), read(R"({"a":1,"b":1})")));
    EXPECT_FALSE(equal(read("[1,2]"), read("[2,1]")));
    EXPECT_FALSE(equal(read("[1]"), read("[1,1]")));
    EXPECT_FALSE(equal(read("[]"), read("{}")));
    EXPECT_FALSE(equal(read(R"({"a":[[1,2,[3]]]})"), read(R"({"a":[[1,2,[4]]]})")));
}

TEST(JsonValue, WithMember) {
    const Value object = *parse(R"({"a":1,"b":2})");
    EXPECT_EQ(dump(with_member(object, "a", Value::string("x"))), R"({"a":"x","b":2})");
    EXPECT_EQ(dump(with_member(object, "c", Value())), R"({"a":1,"b":2,"c":null})");
    EXPECT_EQ(dump(object), R"({"a":1,"b":2})");
    EXPECT_EQ(dump(with_member(Value::object({}), "k", Value::integer(1))), R"({"k":1})");
    EXPECT_THROW((void)with_member(Value(), "k", Value()), std::logic_error);
    EXPECT_EQ(dump(ObjectBuilder().add("a", "text").add("b", Value::boolean(true)).build()),
              R"({"a":"text","b":true})");
}

TEST(JsonValue, SizeAndDepthMatchTheText) {
    for (const char* text : {"null", "true", "false", "0", "-12.50e3", "\"\"", R"("a\"\n\u0001é")", "[]",
                             "{}", "[[],{}]", R"({"a\\":[1,2,{"b":"\t"}],"c":{}})", "[1]", R"({"":""})"}) {
        const Value value = *parse(text);
        EXPECT_EQ(dumped_size(value), std::string(text).size()) << text;
        EXPECT_EQ(dumped_size(value), dump(value).size()) << text;
        EXPECT_EQ(dumped_size(value), dump(value).size()) << "again: " << text;
    }
    EXPECT_EQ(dumped_size(Value::number(0.1)), 3u);
    EXPECT_EQ(depth(Value()), 0u);
    EXPECT_EQ(depth(*parse("[]")), 1u);
    EXPECT_EQ(depth(*parse("[1]")), 1u);
    EXPECT_EQ(depth(*parse(R"([{"a":[]},1])")), 3u);
}

TEST(JsonValue, EscapesAtEveryPlaceOfAString) {
    for (std::size_t length = 1; length < 20; ++length) {
        for (std::size_t at = 0; at < length; ++at) {
            for (int byte = 1; byte < 256; ++byte) {
                std::string text(length, 'x');
                text[at] = static_cast<char>(byte);
                std::string expected = "\"";
                for (const char c : text) {
                    if (c == '"' || c == '\\')
                        expected += std::string("\\") + c;
                    else if (c == '\b')
                        expected += "\\b";
                    else if (c == '\f')
                        expected += "\\f";
                    else if (c == '\n')
                        expected += "\\n";
                    else if (c == '\r')
                        expected += "\\r";
                    else if (c == '\t')
                        expected += "\\t";
                    else if (c > 0 && c < 0x10)
                        expected += std::string("\\u000") + "0123456789abcdef"[static_cast<int>(c)];
                    else if (c >= 0x10 && c < 0x20)
                        expected += std::string("\\u001") + "0123456789abcdef"[c - 0x10];
                    else
                        expected += c;
                }
                expected += '"';
                const Value value = Value::string(text);
                ASSERT_EQ(dump(value), expected) << length << " " << at << " " << byte;
                ASSERT_EQ(dumped_size(value), expected.size()) << length << " " << at << " " << byte;
            }
        }
    }
}

TEST(JsonValue, SharedNodesAreMeasuredOnce) {
    // 2^200 characters when written out.
    Value value = Value::array({Value::string("x")});
    for (int i = 0; i < 200; ++i)
        value = Value::array({value, value});
    EXPECT_EQ(dumped_size(value), std::numeric_limits<std::size_t>::max());
    EXPECT_EQ(depth(value), 201u);
}

TEST(JsonValue, ReleasesDeepAndSharedValuesWithoutStack) {
    Value deep;
    Value other;
    for (int i = 0; i < 1'000'000; ++i) {
        deep = i % 2 == 0 ? Value::array({deep}) : ObjectBuilder().add("a", deep).build();
        if (i == 500'000) other = deep;
    }
    deep = Value();
    EXPECT_EQ(depth(other), 500'001u);
}

}  // namespace
}  // namespace flowctl::json
