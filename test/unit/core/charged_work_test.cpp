// Work that is charged: steps grow with the size of what is worked on, for every function of the libraries, and
// not faster than they should.
//
// Steps are counted and no time is taken: a loop that is not charged shows as steps that do not grow.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "core/asl/asl.hpp"
#include "core/jsonata/library.hpp"
#include "core/text/find.hpp"
#include "jsonata_support.hpp"
#include "path_scope.hpp"

namespace flowctl {
namespace {

json::Value texts(std::size_t count) {
    std::vector<json::Value> items;
    for (std::size_t i = 0; i < count; ++i)
        items.push_back(json::Value::string("t" + std::to_string(i)));
    return json::Value::array(std::move(items));
}

json::Value counted(std::size_t count) {
    std::vector<json::Value> items;
    for (std::size_t i = 0; i < count; ++i)
        items.push_back(json::Value::integer(static_cast<std::int64_t>(count - i)));
    return json::Value::array(std::move(items));
}

json::Value object(std::size_t count) {
    json::ObjectBuilder members;
    for (std::size_t i = 0; i < count; ++i)
        members.add("m" + std::to_string(i), json::Value::integer(static_cast<std::int64_t>(i)));
    return members.build();
}

// What the expressions work on: $t a text of `size` bytes, $d the same of digits, $u one with blanks, $j as JSON,
// $a numbers, $s texts, $o an object, $l objects, $key the name of an object's only member.
json::Value bindings_of(std::size_t size) {
    std::string blanks;
    for (std::size_t i = 0; i < size; ++i)
        blanks += i % 2 == 0 ? 'x' : ' ';
    const std::string text(size, 'a');
    std::vector<json::Value> list;
    for (std::size_t i = 0; i < size / 16; ++i)
        list.push_back(json::ObjectBuilder().add("k", "v" + std::to_string(i)).build());
    return json::ObjectBuilder()
        .add("t", text)
        .add("half", std::string(size / 2, 'a') + "b")
        .add("same", std::string(size, 'a'))
        .add("d", "1" + std::string(size, '0') + "e-" + std::to_string(size))
        .add("z", std::string(size, '0') + "1")
        .add("u", blanks)
        .add("url",
             [&] {
                 std::string escaped;
                 for (std::size_t i = 0; i < size / 3; ++i)
                     escaped += "%41";
                 return escaped;
             }())
        .add("j", json::dump(counted(size / 8)))
        .add("a", counted(size / 8))
        .add("s", texts(size / 16))
        .add("o", object(size / 16))
        .add("l", json::Value::array(std::move(list)))
        .add("key", text)
        .add("keyed", json::ObjectBuilder().add(text, "x").build())
        .build();
}

std::uint64_t steps_of(std::string_view text, std::size_t size) {
    const auto expression = jsonata::Expression::compile(text);
    EXPECT_TRUE(expression.ok()) << text << ": " << (expression.ok() ? "" : expression.error().message);
    if (!expression.ok()) return 0;
    Random random(1);
    Budget budget({.steps = std::uint64_t{1} << 40, .bytes = std::size_t{1} << 40, .depth = 1000});
    const auto result = expression.value().evaluate(
        nullptr, bindings_of(size), {.now_milliseconds = 0, .random = random, .budget = budget});
    EXPECT_TRUE(result.ok()) << text << ": " << (result.ok() ? "" : result.error().message);
    return budget.steps_used();
}

// By function: an expression whose work grows with the input.
const std::map<std::string_view, std::vector<const char*>> kWork = {
    {"string", {"$length($string($a)) > 0"}},
    {"length", {"$length($t)"}},
    {"substring", {"$length($substring($t, 5)) > 0"}},
    {"substringBefore", {"$substringBefore($t, 'b') = ''", "$substringBefore($t, $half) = ''"}},
    {"substringAfter", {"$substringAfter($t, 'b') = ''", "$substringAfter($t, $half) = ''"}},
    {"lowercase", {"$lowercase($t) = ''"}},
    {"uppercase", {"$uppercase($t) = ''"}},
    {"trim", {"$trim($u) = ''"}},
    {"pad", {"$pad('', $count($a)) = ''"}},
    {"join", {"$join($s) = ''"}},
    {"match", {"$count($match($t, /a/)) > 0", "$match($t, /b/)", "$match($t, /(a*)*b/)"}},
    {"contains", {"$contains($t, 'b')", "$contains($t, $half)", "$contains($t, /b/)"}},
    {"replace",
     {"$replace($t, 'b', 'c') = ''", "$replace($t, $half, 'c') = ''", "$replace('xy', /x/, $t) = ''",
      "$replace($t, /a/, 'b') = ''"}},
    {"split",
     {"$count($split($t, 'b')) > 0", "$count($split($t, $half)) > 0", "$count($split($t, '')) > 0",
      "$count($split($t, /b/)) > 0"}},
    {"base64encode", {"$base64encode($t) = ''"}},
    {"base64decode", {"$base64decode($t) = ''"}},
    {"encodeUrlComponent", {"$encodeUrlComponent($t) = ''"}},
    {"encodeUrl", {"$encodeUrl($t) = ''"}},
    {"decodeUrlComponent", {"$decodeUrlComponent($url) = ''"}},
    {"decodeUrl", {"$decodeUrl($url) = ''"}},
    {"number", {"$number($z)"}},
    {"sum", {"$sum($a)"}},
    {"average", {"$average($a)"}},
    {"max", {"$max($a)"}},
    {"min", {"$min($a)"}},
    {"append", {"$count($append($a, $a))"}},
    {"reverse", {"$count($reverse($a))"}},
    {"shuffle", {"$count($shuffle($a))"}},
    {"sort",
     {"$count($sort($a))", "$count($sort($s))", "$count($sort([$t, $same]))", "$count($l^(k))",
      "$count($sort($a, function($x, $y) { $x > $y }))"}},
    {"distinct", {"$count($distinct($s))", "$count($distinct([$t, $same]))"}},
    {"zip", {"$count($zip($a, $a))"}},
    {"keys", {"$count($keys($o))", "$count($keys($keyed))"}},
    {"lookup", {"$lookup($keyed, $key)", "$count($lookup($l, 'k'))"}},
    {"spread", {"$count($spread($o))"}},
    {"merge", {"$count($keys($merge($l)))", "$count($keys($merge([$keyed, $keyed])))"}},
    {"boolean", {"$boolean($map($a, function() { 0 }))"}},
    {"not", {"$not($map($a, function() { 0 }))"}},
    {"map", {"$count($map($a, function($x) { $x }))"}},
    {"filter", {"$count($filter($a, function($x) { true }))"}},
    {"single", {"$single($a, function($x) { $x = 1 })"}},
    {"reduce", {"$reduce($a, function($x, $y) { $x + $y })"}},
    {"each", {"$count($each($o, function($v) { $v }))"}},
    {"sift", {"$count($keys($sift($o, function($v) { true })))"}},
    {"toMillis", {"$exists($toMillis($t, '[Y]'))"}},
    {"fromMillis", {"$length($fromMillis(0, $t)) > 0"}},
    {"formatInteger", {"$length($formatInteger(1, '0' & $t)) > 0"}},
    {"parseInteger", {"$exists($parseInteger($d, '0'))"}},
    {"partition", {"$count($partition($a, 2))"}},
    {"range", {"$count($range(1, $count($a), 1))"}},
    {"hash", {"$hash($t, 'SHA-256')", "$hash($t, 'MD5')"}},
    {"parse", {"$count($parse($j))"}},
    {"eval", {"$eval($j)[0]"}},
    {"count", {"$count($a[$ > 0])"}},
    {"type", {"$type($a[$ > 0])"}},
    {"exists", {"$exists($a[$ < 0])"}},
    {"clone", {"$count(($clone($l)) ~> |$|{'x': 1}|)"}},
};

// What takes no longer for a larger argument, or whose argument is a picture or a seed.
const std::set<std::string_view> kConstant = {"abs",        "floor", "ceil",   "round",       "sqrt",
                                              "power",      "error", "assert", "random",      "uuid",
                                              "formatBase", "now",   "millis", "formatNumber"};

TEST(ChargedWork, EveryFunctionOfTheLibraryIsHere) {
    for (const auto& topic :
         {jsonata::string_functions(), jsonata::matching_functions(), jsonata::encoding_functions(),
          jsonata::number_functions(), jsonata::array_functions(), jsonata::object_functions(),
          jsonata::higher_order_functions(), jsonata::date_functions(), jsonata::flow_functions()}) {
        for (const jsonata::LibraryRow& row : topic)
            EXPECT_TRUE(kWork.count(row.name) + kConstant.count(row.name) == 1) << row.name;
    }
}

TEST(ChargedWork, StepsGrowWithTheWork) {
    constexpr std::size_t kSmall = 20'000;
    constexpr std::size_t kLarge = 4 * kSmall;
    for (const auto& [name, expressions] : kWork) {
        for (const char* expression : expressions) {
            const std::uint64_t none = steps_of(expression, 64);
            const std::uint64_t small = steps_of(expression, kSmall) - none;
            const std::uint64_t large = steps_of(expression, kLarge) - none;
            // At least a step for a few hundred bytes; three times as many at least for four times as much; and
            // no more than n log n.
            EXPECT_GE(small, kSmall / 512) << expression;
            EXPECT_GE(large, 3 * small) << expression << ": " << small << ", " << large;
            EXPECT_LE(large, 6 * small) << expression << ": " << small << ", " << large;
        }
    }
}

TEST(ChargedWork, OperatorsAreCharged) {
    for (const char* expression :
         {"$t = $same", "$t < $same", "$t >= $same", "$t in [$same]", "$merge([$keyed]) = $keyed", "$l.k[0]",
          "$t & $same != ''", "$a[[0..100]] = 0", "$l{k: 1} != 0", "$o.*[0]", "$l@$x.k[0]", "($l#$i.k)[0]",
          "$keyed{$keys($): 1} = 1"}) {
        const std::uint64_t small = steps_of(expression, 20'000);
        const std::uint64_t large = steps_of(expression, 80'000);
        EXPECT_GE(large, small + 60'000 / 512) << expression << ": " << small << ", " << large;
    }
}

TEST(ChargedWork, NumbersWithManyZerosAreReadOnce) {
    EXPECT_EQ(jsonata::evaluate("$number($pad('1', -6900000, '0'))"), "1");
    EXPECT_EQ(jsonata::evaluate("$number('-' & $pad('12', -100000, '0'))"), "-12");
    EXPECT_EQ(jsonata::evaluate("$number($pad('', 1000, '0'))"), "0");
    EXPECT_EQ(jsonata::evaluate("$number('00.5')"), "0.5");
}

TEST(ChargedWork, MessagesAreMadeOnce) {
    EXPECT_EQ(jsonata::message("$error($pad('', 300000, '\\u0000'))").size(), 900'000U);
    // A value that looks like a place for another is not filled in again.
    EXPECT_EQ(jsonata::message("'{{value2}}' < 1"),
              R"(The values "{{value2}}" and 1 either side of operator "<" must be of the same data type)");
}

// ------------------------------------------------------------------------------------------ paths

std::uint64_t path_steps(const std::string& expression, const json::Value& input) {
    path::TestScope around("{}");
    around.input = input;
    around.budget = Budget({.steps = std::uint64_t{1} << 40, .bytes = std::size_t{1} << 40, .depth = 1000});
    const std::string result = path::evaluate(expression, around);
    EXPECT_FALSE(result.starts_with("refused")) << expression << ": " << result;
    return around.budget.steps_used();
}

json::Value path_input(std::size_t size) {
    const std::string text(size, 'a');
    std::vector<json::Value> items(64, json::ObjectBuilder().add("x", json::Value::integer(1)).build());
    return json::ObjectBuilder()
        .add("t", text)
        .add("same", std::string(size, 'a'))
        .add("half", std::string(size / 2, 'a') + "b")
        .add("digits", std::string(size, '1'))
        .add("a", counted(size / 8))
        .add("s", texts(size / 16))
        .add("o", object(size / 16))
        .add("keyed", json::ObjectBuilder().add(text, "x").build())
        .add("j", json::dump(counted(size / 8)))
        .add("items", json::Value::array(std::move(items)))
        .build();
}

TEST(ChargedWork, PathsAndIntrinsicsAreCharged) {
    std::string many;
    for (int i = 0; i < 500; ++i)
        many += "'n" + std::to_string(i) + "',";
    for (const char* expression : {"$.a[*]",
                                   "$.a[0:10000000]",
                                   "$..x",
                                   "$.a[?(@ > 0)]",
                                   "$.items[?(@.x == $.digits)]",
                                   "$.items[?($.t == $.same)]",
                                   "$.items[?($.t < $.same)]",
                                   "$.items[?($.t contains $.half)]",
                                   "$.items[?($.t =~ /.*b/)]",
                                   "$.items[?($.t size 3)]",
                                   "$.items[?($.o[0] == 1)]",
                                   "$.a.sum()",
                                   "$.items[*].sum($.a)",
                                   "$.o.keys()",
                                   "$.a.append(1)",
                                   "$.s.concat()",
                                   "$.items[?(@.x in $.a)]",
                                   "States.Format('{}', $.a)",
                                   "States.Format('{}{}', $.keyed, $.keyed)",
                                   "States.JsonToString($.a)",
                                   "States.StringToJson($.j)",
                                   "States.JsonMerge($.o, $.o, false)",
                                   "States.JsonMerge($.keyed, $.keyed, false)",
                                   "States.ArrayUnique($.s)",
                                   "States.ArrayContains($.s, 'x')",
                                   "States.ArrayPartition($.a, 2)",
                                   "States.StringSplit($.t, 'b')",
                                   "States.Hash($.t, 'MD5')",
                                   "States.Base64Encode($.t)",
                                   "States.ArrayUnique(States.Array($.t, $.same))"}) {
        const std::uint64_t small = path_steps(expression, path_input(20'000));
        const std::uint64_t large = path_steps(expression, path_input(80'000));
        EXPECT_GE(large, small + 60'000 / 512) << expression << ": " << small << ", " << large;
        EXPECT_LE(large, 6 * small + 20'000) << expression << ": " << small << ", " << large;
    }
    // Names of a union are looked for once each, however many there are.
    const std::string names = "$.o[" + many + "'z']";
    EXPECT_GE(path_steps(names, path_input(64)), 500U);
}

// ------------------------------------------------------------------------------------------ definitions

// Blocks in blocks, each with a state that assigns, and long names: what is quadratic in any of it would not end.
TEST(ChargedWork, DefinitionsAreReadInLinearTime) {
    std::string assigns = "{";
    for (int i = 0; i < 5'000; ++i)
        assigns += (i > 0 ? ",\"v" : "\"v") + std::to_string(i) + "\":1";
    assigns += "}";
    std::string states = R"("A":{"Type":"Pass","Next":"P0","Assign":)" + assigns + "}";
    constexpr int kBlocks = 3'000;
    for (int i = 0; i < kBlocks; ++i) {
        const std::string n = std::to_string(i);
        states += ",\"P" + n + R"(":{"Type":"Parallel","Branches":[{"StartAt":"I)" + n + R"(","States":{"I)" +
                  n + R"(":{"Type":"Pass","End":true}}}],)" +
                  (i + 1 < kBlocks ? R"("Next":"P)" + std::to_string(i + 1) + "\"}" : R"("End":true})");
    }
    const asl::Compiled compiled = asl::compile(R"({"StartAt":"A","States":{)" + states + "}}");
    EXPECT_NE(compiled.flow, nullptr);

    // A name of half a megabyte around thousands of transitions, none of which leads anywhere.
    std::string inner;
    for (int i = 0; i < 2'000; ++i)
        inner += (i > 0 ? ",\"S" : "\"S") + std::to_string(i) + R"(":{"Type":"Pass","Next":"nowhere"})";
    const std::string name(500'000, 'n');
    const asl::Compiled wrong = asl::compile(
        R"({"StartAt":"x","States":{")" + name +
        R"(":{"Type":"Parallel","End":true,"Branches":[{"StartAt":"S0","States":{)" + inner + "}}]}}}");
    EXPECT_EQ(wrong.flow, nullptr);
    EXPECT_FALSE(wrong.findings.empty());
    std::size_t bytes = 0;
    for (const asl::Finding& finding : wrong.findings)
        bytes += finding.location.size() + finding.message.size();
    EXPECT_LE(bytes, 8U * 1024 * 1024);
}

TEST(ChargedWork, PatternsOfADefinitionAreBoundedTogether) {
    std::string states;
    for (int i = 0; i < 100; ++i) {
        states += "\"S" + std::to_string(i) +
                  R"(":{"Type":"Pass","OutputPath":"$[?(@.a =~ /(a{1000}){18}/)]","Next":"S)" +
                  std::to_string(i + 1) + "\"},";
    }
    const asl::Compiled compiled =
        asl::compile(R"({"StartAt":"S0","States":{)" + states + R"("S100":{"Type":"Succeed"}}})");
    EXPECT_EQ(compiled.flow, nullptr);
    ASSERT_FALSE(compiled.findings.empty());
    EXPECT_NE(compiled.findings.front().message.find("too large together"), std::string::npos)
        << compiled.findings.front().message;
}

// ------------------------------------------------------------------------------------------ searching

TEST(Find, IsThatOfStringView) {
    Random random(7);
    for (int round = 0; round < 3'000; ++round) {
        const auto word = [&](std::size_t most) {
            std::string out(static_cast<std::size_t>(random.next_unit() * static_cast<double>(most)), 'a');
            for (char& c : out)
                if (random.next_unit() < 0.3) c = 'b';
            return out;
        };
        const std::string text = word(60);
        const std::string wanted = word(6);
        const auto from = static_cast<std::size_t>(random.next_unit() * 62);
        Budget budget;
        EXPECT_EQ(text::find(text, wanted, from, budget), std::string_view(text).find(wanted, from))
            << text << " " << wanted << " " << from;
    }
}

TEST(Find, IsLinear) {
    for (const char* unit : {"a", "ab", "aab"}) {
        std::string text;
        while (text.size() < 400'000)
            text += unit;
        const std::string wanted = text.substr(0, 200'000) + "c";
        Budget budget;
        EXPECT_EQ(text::find(text, wanted, 0, budget), std::string_view::npos);
        EXPECT_LE(budget.steps_used(), 200'000U);
        EXPECT_EQ(text::find(text + wanted, wanted, 0, budget), text.size());
    }
}

}  // namespace
}  // namespace flowctl
