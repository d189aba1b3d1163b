// Items from streams of bytes: CSV, JSON and JSON Lines, whole and in pieces.
#include "core/items/items.hpp"

#include <gtest/gtest.h>

using namespace flowctl;
using items::Item;
using items::Limits;
using items::Parser;

namespace {

using Strings = std::vector<std::string>;

asl::ReaderConfig csv(char delimiter = ',', std::optional<std::vector<std::string>> headers = std::nullopt) {
    asl::ReaderConfig config;
    config.input_type = asl::InputType::Csv;
    config.csv_delimiter = delimiter;
    config.csv_headers = std::move(headers);
    return config;
}

asl::ReaderConfig json_at(const std::string& pointer = "") {
    asl::ReaderConfig config;
    config.input_type = asl::InputType::Json;
    config.items_pointer = pointer;
    return config;
}

asl::ReaderConfig json_lines() {
    asl::ReaderConfig config;
    config.input_type = asl::InputType::Jsonl;
    return config;
}

std::string shown(const Item& item) {
    return (item.key ? *item.key + "=" : "") + json::dump(item.value);
}

// The items, and what was wrong as "! ...", of a document fed in pieces of this many bytes.
Strings read(const asl::ReaderConfig& config, std::string_view text, std::size_t piece,
             const Limits& limits) {
    const auto parser = items::make_parser(config, limits);
    std::vector<Item> found;
    std::optional<std::string> problem;
    for (std::size_t at = 0; at < text.size() && !problem; at += piece)
        problem = parser->feed(text.substr(at, piece), found);
    const auto last = parser->finish(found);
    if (problem) {
        EXPECT_EQ(problem, last);
    }
    Strings out;
    for (const Item& item : found)
        out.push_back(shown(item));
    if (last) out.push_back("! " + *last);
    return out;
}

// The same however the document arrives.
Strings read(const asl::ReaderConfig& config, std::string_view text, const Limits& limits = {}) {
    const Strings whole = read(config, text, text.size() + 1, limits);
    for (const std::size_t piece : {1, 2, 3, 7})
        EXPECT_EQ(read(config, text, piece, limits), whole) << piece;
    return whole;
}

}  // namespace

TEST(Csv, RowsAreObjectsOfStrings) {
    EXPECT_EQ(read(csv(), "id,name\n1,Ann\r\n2,\"Bo, \"\"B\"\"\nx\"\n"),
              (Strings{R"({"id":"1","name":"Ann"})", R"({"id":"2","name":"Bo, \"B\"\nx"})"}));
    EXPECT_EQ(read(csv(), "id,name\n1,Ann"), Strings{R"({"id":"1","name":"Ann"})"});
    EXPECT_EQ(read(csv(),
                   "\xef\xbb\xbf"
                   "a\n1"),
              Strings{R"({"a":"1"})"});
    EXPECT_EQ(read(csv(), "a\n"), Strings{});
    EXPECT_EQ(read(csv('\t', {{"x", "y"}}), "1\t2\n"), Strings{R"({"x":"1","y":"2"})"});
    EXPECT_EQ(read(csv(';'), "a;b\n1,2;3"), Strings{R"({"a":"1,2","b":"3"})"});
}

TEST(Csv, RowsThatAreTooShortTooLongOrEmpty) {
    EXPECT_EQ(
        read(csv(), "a,b\n1\n1,2,3\n\n\r\n,\n\"\"\n"),
        (Strings{R"({"a":"1","b":""})", R"({"a":"1","b":"2"})", R"({"a":"","b":""})", R"({"a":"","b":""})"}));
}

TEST(Csv, Backslashes) {
    EXPECT_EQ(read(csv(), R"(a,b)"
                          "\n"
                          R"(x\,y,\\z\q)"
                          "\n"
                          R"("p\"q",r)"),
              (Strings{R"({"a":"x,y","b":"\\zq"})", R"({"a":"p\"q","b":"r"})"}));
    // It does not keep a line from ending.
    EXPECT_EQ(read(csv(), "a\n1\\\n2"), (Strings{R"({"a":"1"})", R"({"a":"2"})"}));
}

TEST(Csv, OnlyALineEndDropsACarriageReturn) {
    EXPECT_EQ(read(csv(), "a\n\"1\r\"\n2\r3\n"), (Strings{R"({"a":"1\r"})", R"({"a":"2\r3"})"}));
}

TEST(Csv, WhatCannotBeRead) {
    EXPECT_EQ(read(csv(), ""), Strings{"! there is no row of headers"});
    EXPECT_EQ(read(csv(), "a,a\n1,2"), Strings{"! the header 'a' appears twice"});
    EXPECT_EQ(read(csv(), "a\n\"1"), Strings{"! row 2 ends within quotes"});
    EXPECT_EQ(read(csv(), "a\n1\n\xff\n2"), (Strings{R"({"a":"1"})", "! row 3 is not UTF-8 text"}));
    EXPECT_EQ(read(csv(), std::string_view("a\n\0\n", 4)), Strings{"! row 2 is not UTF-8 text"});
    for (const char* wrong : {"\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe0\x80\x80", "\xc3"})
        EXPECT_EQ(read(csv(), "a\n" + std::string(wrong)), Strings{"! row 2 is not UTF-8 text"});
    EXPECT_EQ(read(csv(), "a\n\xc3\xa4\xf0\x9f\x98\x80"), Strings{"{\"a\":\"\xc3\xa4\xf0\x9f\x98\x80\"}"});
    EXPECT_EQ(read(csv(), "a\n1\n" + std::string(11, 'x') + "\n2", {.max_item_bytes = 10, .max_depth = 9}),
              (Strings{R"({"a":"1"})", "! row 3 is longer than 10 bytes"}));
    std::string wide = "h0";
    for (int i = 1; i < 2'000; ++i)
        wide += ",h" + std::to_string(i);
    EXPECT_EQ(read(csv(), wide), Strings{"! the row of headers has more than 1600 fields"});
}

// Both sides of the limit. The end of a line is no part of it, and a line break within quotes is.
TEST(Csv, RowsAreAsLongAsAnItemMayBe) {
    const Limits limits{.max_item_bytes = 10, .max_depth = 9};
    const std::string ten(10, 'x');
    const Strings fits{R"({"a":")" + ten + R"("})"};
    const Strings too_long{"! row 2 is longer than 10 bytes"};
    for (const char* end : {"", "\n", "\r\n"}) {
        EXPECT_EQ(read(csv(), "a\n" + ten + end, limits), fits) << end;
        EXPECT_EQ(read(csv(), "a\n" + ten + "x" + end, limits), too_long) << end;
    }
    EXPECT_EQ(read(csv(), "a\n" + ten + "\rx\n", limits), too_long);
    EXPECT_EQ(read(csv(), "a\n" + ten + "\r\r\n", limits), too_long);
    EXPECT_EQ(read(csv(), "a\n\"" + std::string(7, 'x') + "\n\"\n", limits), Strings{R"({"a":"xxxxxxx\n"})"});
    EXPECT_EQ(read(csv(), "a\n\"" + std::string(9, 'x') + "\n\n\n\"\n", limits), too_long);
    EXPECT_EQ(read(csv(), "a\n\"" + std::string(9, 'x') + "\r\"\n", limits), too_long);
}

TEST(JsonLines, EachLineIsAnItem) {
    EXPECT_EQ(read(json_lines(), "1\n{\"a\": [2]}\r\n\n  \nnull"), (Strings{"1", R"({"a":[2]})", "null"}));
    EXPECT_EQ(read(json_lines(), ""), Strings{});
    EXPECT_EQ(read(json_lines(), "1\n{x\n2"),
              (Strings{"1", "! line 2 is not JSON: object member without a name"}));
    EXPECT_EQ(read(json_lines(), "1\n\"1234567890\"\n", {.max_item_bytes = 10, .max_depth = 9}),
              (Strings{"1", "! line 2 is longer than 10 bytes"}));
}

// Both sides of the limit; the end of a line is no part of it.
TEST(JsonLines, LinesAreAsLongAsAnItemMayBe) {
    const Limits limits{.max_item_bytes = 10, .max_depth = 9};
    const Strings too_long{"1", "! line 2 is longer than 10 bytes"};
    for (const char* end : {"", "\n", "\r\n"}) {
        EXPECT_EQ(read(json_lines(), std::string("1\n\"12345678\"") + end, limits),
                  (Strings{"1", R"("12345678")"}))
            << end;
        EXPECT_EQ(read(json_lines(), std::string("1\n\"123456789\"") + end, limits), too_long) << end;
        EXPECT_EQ(read(json_lines(), std::string("1\n12345678901") + end, limits), too_long) << end;
    }
    EXPECT_EQ(read(json_lines(), "1\n\"1234567\"\r\r\n", limits), (Strings{"1", R"("1234567")"}));
    EXPECT_EQ(read(json_lines(), "1\n\"12345678\"\r\r\n", limits), too_long);
    EXPECT_EQ(read(json_lines(), "1\n" + std::string(10, ' ') + "\n2", limits), (Strings{"1", "2"}));
    EXPECT_EQ(read(json_lines(), "1\n" + std::string(11, ' ') + "\n2", limits), too_long);
}

TEST(JsonItems, ElementsAndMembers) {
    EXPECT_EQ(read(json_at(), R"( [1, "a,]", {"b": [2, {}]}, [], null, -1.50e1 ] )"),
              (Strings{"1", R"("a,]")", R"({"b":[2,{}]})", "[]", "null", "-1.50e1"}));
    EXPECT_EQ(read(json_at(), R"({"x": 1, "y\u0041": {"z": 2}})"), (Strings{"x=1", R"(yA={"z":2})"}));
    EXPECT_EQ(read(json_at(), "[]"), Strings{});
    EXPECT_EQ(read(json_at(), "{ }"), Strings{});
    EXPECT_EQ(read(json_at(), "\xef\xbb\xbf[1]"), Strings{"1"});
}

TEST(JsonItems, APointerLeadsToThem) {
    const char* document =
        R"({"skip": [{"data": [0]}, "}\"]"], "a/b": {"data": [[9], [5, 6]], "data2": 1}, "a/b2": [7]})";
    EXPECT_EQ(read(json_at("/a~1b/data/1"), document), (Strings{"5", "6"}));
    EXPECT_EQ(read(json_at("/a~1b/data"), document), (Strings{"[9]", "[5,6]"}));
    EXPECT_EQ(read(json_at("/a~1b"), document), (Strings{"data=[[9],[5,6]]", "data2=1"}));
    const Strings nowhere{"! the ItemsPointer leads to nothing in the document"};
    EXPECT_EQ(read(json_at("/none"), document), nowhere);
    EXPECT_EQ(read(json_at("/a~1b/data/2"), document), nowhere);
    EXPECT_EQ(read(json_at("/a~1b/data/01"), document), nowhere);
    EXPECT_EQ(read(json_at("/a~1b/data/-"), document), nowhere);
    // Of two members with one name, the first.
    EXPECT_EQ(read(json_at("/a"), R"({"a": [1], "a": [2]})"), Strings{"1"});
    EXPECT_EQ(read(json_at("/~0/"), R"({"~": {"": [3]}})"), Strings{"3"});
}

TEST(JsonItems, WhatCannotBeRead) {
    EXPECT_EQ(read(json_at(), ""), Strings{"! the document ends too early at byte 0"});
    EXPECT_EQ(read(json_at(), "7"),
              Strings{"! the items are neither in an array nor in an object at byte 0"});
    EXPECT_EQ(read(json_at("/a/b"), R"({"a": 1})"),
              Strings{"! the ItemsPointer leads into something that is no container at byte 6"});
    EXPECT_EQ(read(json_at(), "[1, 2"), (Strings{"1", "! the document ends too early at byte 5"}));
    EXPECT_EQ(read(json_at(), "[1] x"),
              (Strings{"1", "! something follows the end of the document at byte 4"}));
    EXPECT_EQ(read(json_at(), "[1 2]"),
              (Strings{"1", "! a comma or the end of the container is missing at byte 3"}));
    EXPECT_EQ(read(json_at(), "[1,]"),
              (Strings{"1", "! a value is not JSON, or nested too deeply at byte 3"}));
    EXPECT_EQ(read(json_at(), "{1: 2}"), Strings{"! a key is missing at byte 1"});
    EXPECT_EQ(read(json_at(), R"({"a" 2})"), Strings{"! a colon is missing at byte 5"});
    EXPECT_EQ(read(json_at(), "[1, tru, 2]").back(), "! an item is not JSON: not a value at byte 7");
    EXPECT_EQ(read(json_at(), "[[1}]").size(), 1u);
    EXPECT_EQ(read(json_at(), "[\"123456789\"]", {.max_item_bytes = 10, .max_depth = 9}),
              Strings{"! an item is longer than 10 bytes at byte 11"});
    EXPECT_EQ(read(json_at(), "[\"12345678\"]", {.max_item_bytes = 10, .max_depth = 9}),
              Strings{R"("12345678")"});
    EXPECT_EQ(read(json_at(), R"({"12345678": 1})", {.max_item_bytes = 10, .max_depth = 9}),
              Strings{"12345678=1"});
    EXPECT_EQ(read(json_at(), R"({"123456789": 1})", {.max_item_bytes = 10, .max_depth = 9}),
              Strings{"! a key is too long at byte 11"});
    EXPECT_EQ(read(json_at(), "[[[1]]]", {.max_item_bytes = 100, .max_depth = 1}),
              Strings{"! a value is not JSON, or nested too deeply at byte 2"});
    // The end of the items is not the end of the document.
    EXPECT_EQ(read(json_at("/a"), R"({"a": [1], "b": [)"),
              (Strings{"1", "! the document ends too early at byte 17"}));
}

// What is beside the items costs no memory, and depth neither memory nor stack.
TEST(JsonItems, LargeDocuments) {
    const auto parser =
        items::make_parser(json_at("/items"), {.max_item_bytes = 100, .max_depth = 2'000'000});
    std::vector<Item> found;
    ASSERT_FALSE(parser->feed(R"({"beside": ")", found));
    const std::string piece(100'000, 'x');
    for (int i = 0; i < 100; ++i)
        ASSERT_FALSE(parser->feed(piece, found));
    ASSERT_FALSE(parser->feed(R"(", "deep": )", found));
    const std::string open(1'000'000, '[');
    const std::string close(1'000'000, ']');
    ASSERT_FALSE(parser->feed(open, found));
    ASSERT_FALSE(parser->feed(close, found));
    ASSERT_FALSE(parser->feed(R"(, "items": [)", found));
    std::size_t count = 0;
    for (int i = 0; i < 100'000; ++i) {
        ASSERT_FALSE(parser->feed(R"({"id": 1},)", found));
        count += found.size();
        found.clear();
    }
    ASSERT_FALSE(parser->feed("0]}", found));
    ASSERT_FALSE(parser->finish(found));
    EXPECT_EQ(count + found.size(), 100'001u);
}

TEST(Items, OtherTypesHaveNoParser) {
    EXPECT_EQ(items::make_parser({}, {}), nullptr);
}
