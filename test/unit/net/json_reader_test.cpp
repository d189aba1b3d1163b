// JsonObject: what it takes, what it refuses, and that nothing hostile gets past the limits.
#include "net/crypto/json_reader.hpp"

#include <gtest/gtest.h>

#include <string>

namespace flowctl::net {
namespace {

std::string fault(std::string_view text, const JsonLimits& limits = {}) {
    const auto parsed = JsonObject::parse(text, limits);
    const auto* message = std::get_if<std::string>(&parsed);
    return message == nullptr ? "" : *message;
}

JsonObject object(std::string_view text) {
    auto parsed = JsonObject::parse(text);
    EXPECT_EQ(parsed.index(), 0u) << text;
    return std::get<JsonObject>(parsed);
}

// Found by fuzzing: the bytes behind the text were read where it ended within a character. Cut to its size,
// so that the sanitizer sees what lies behind.
TEST(JsonReader, ATextThatEndsWithinACharacter) {
    for (const char* end : {"\xf4", "\xf4\x8f", "\xf4\x8f\xbf", "\xe2", "\xe2\x82", "\xc3"}) {
        for (const std::string& before : {std::string("{\"a\":\""), "{\"" + std::string(40, 'e')})
            EXPECT_EQ(JsonObject::parse(before + end).index(), 1u) << before;
    }
}

TEST(JsonReader, AByteOrderMarkIsPassedOverWhereItMayBe) {
    const JsonLimits sent{.byte_order_mark = true};
    EXPECT_EQ(fault("\xef\xbb\xbf{\"a\":\"b\"}", sent), "");
    EXPECT_EQ(fault("{}", sent), "");
    for (const char* text : {"\xef\xbb\xbf\xef\xbb\xbf{}", "\xef\xbb{}", "\xef\xbb\xbf", "{}\xef\xbb\xbf"})
        EXPECT_NE(fault(text, sent), "") << text;
    EXPECT_NE(fault("\xef\xbb\xbf{}"), "") << "only where it is asked for";
}

TEST(JsonReader, ReadsMembersByKind) {
    const auto o = object(R"( {"s":"a\u0000\u00e9","n":1.5,"i":12,"t":true,"z":null,"a":["x","y"],"o":{},
                               "l":[{"k":"1"},{"k":"2"}],"long":"0123456789012345678901234567890123456789"} )");
    EXPECT_EQ(o.string("s"), std::string_view("a\0\xc3\xa9", 4));
    EXPECT_EQ(o.string("long"), "0123456789012345678901234567890123456789");
    EXPECT_EQ(o.number("n"), 1.5);
    EXPECT_EQ(o.number("i"), 12);
    EXPECT_EQ(o.boolean("t"), true);
    EXPECT_EQ(o.strings("a"), (std::vector<std::string_view>{"x", "y"}));
    ASSERT_TRUE(o.objects("l"));
    EXPECT_EQ(o.objects("l")->at(1).string("k"), "2");
    EXPECT_EQ(o.kind("z"), JsonObject::Kind::Null);
    EXPECT_EQ(o.kind("o"), JsonObject::Kind::Object);
    EXPECT_EQ(o.kind("nothing"), JsonObject::Kind::Absent);
}

TEST(JsonReader, AnotherKindIsNoValue) {
    const auto o = object(R"({"s":"x","n":1,"mixed":["a",1],"b":false})");
    EXPECT_FALSE(o.number("s"));
    EXPECT_FALSE(o.string("n"));
    EXPECT_FALSE(o.strings("s"));
    EXPECT_FALSE(o.strings("mixed"));
    EXPECT_FALSE(o.objects("mixed"));
    EXPECT_FALSE(o.boolean("n"));
    EXPECT_FALSE(o.string("S"));
    EXPECT_EQ(o.boolean("b"), false);
}

TEST(JsonReader, ViewsOutliveTheFirstCopy) {
    std::optional<JsonObject> inner;
    {
        const auto o = object(R"({"l":[{"k":"a value that is stored outside of the tree itself"}]})");
        inner = o.objects("l")->front();
    }
    EXPECT_EQ(inner->string("k"), "a value that is stored outside of the tree itself");
}

TEST(JsonReader, RefusesWhatIsNoObject) {
    for (const char* text : {"",
                             " ",
                             "null",
                             "1",
                             "\"x\"",
                             "[]",
                             "[{}]",
                             "{",
                             "}",
                             "{}{}",
                             "{} x",
                             "{\"a\":}",
                             "{'a':1}",
                             "{\"a\":1,}",
                             "{\"a\":NaN}",
                             "{\"a\":01}",
                             "<html></html>",
                             "\xef\xbb\xbf{}",
                             "{\"a\":\"\n\"}",
                             "{\"a\":\"\\ud800\"}",
                             "{\"a\":\"\xff\"}",
                             "{\"a\":\"\xc0\xaf\"}",
                             "{/**/}",
                             "{\"a\":1e999}"}) {
        EXPECT_NE(fault(text), "") << text;
    }
    EXPECT_NE(fault(std::string_view("{}\0{}", 5)), "");
    EXPECT_NE(fault(std::string_view("{}\0", 3)), "");
}

TEST(JsonReader, RefusesANameTwiceAtAnyDepth) {
    EXPECT_NE(fault(R"({"a":1,"a":1})"), "");
    EXPECT_NE(fault(R"({"a":1,"\u0061":2})"), "");
    EXPECT_NE(fault(R"({"x":[{"y":{"a":1,"b":2,"a":3}}]})"), "");
    EXPECT_EQ(fault(R"({"a":{"a":1},"b":{"a":1}})"), "");
}

TEST(JsonReader, LimitsHold) {
    EXPECT_EQ(fault(R"({"a":[[1]]})", {.depth = 3}), "");
    EXPECT_NE(fault(R"({"a":[[1]]})", {.depth = 2}), "");
    EXPECT_NE(fault(R"({"a":1})", {.bytes = 6}), "");
    EXPECT_NE(fault("{\"a\":[" + std::string(100, ' ') + "1,2,3,4]}", {.values = 5}), "");
    EXPECT_EQ(fault("{\"a\":[1,2,3]}", {.values = 5}), "");
    const std::string deep = "{\"a\":" + std::string(100000, '[') + std::string(100000, ']') + "}";
    EXPECT_NE(fault(deep), "");
    EXPECT_NE(fault("{\"a\":" + std::string(100000, '[')), "");
}

TEST(JsonReader, FaultsNeverQuoteTheText) {
    for (const char* text : {R"({"sesame":"sesame","sesame":1})", R"({"sesame")", R"(["sesame"])"}) {
        EXPECT_EQ(fault(text).find("sesame"), std::string::npos);
    }
}

TEST(JsonWriter, EscapesWhatItMust) {
    EXPECT_EQ(JsonWriter().text(), "{}");
    JsonWriter writer;
    writer.add("a\"", "x\\\"\x01\n</script>").add("n", std::int64_t{-9007199254740993});
    EXPECT_EQ(writer.text(), "{\"a\\\"\":\"x\\\\\\\"\\u0001\\n</script>\",\"n\":-9007199254740993}");
    EXPECT_EQ(object(writer.text()).string("a\""), "x\\\"\x01\n</script>");
}

}  // namespace
}  // namespace flowctl::net
