// Edges of JSONata: arguments that are not there, the smallest arrays and pictures, and both sides of each bound.
#include "jsonata_support.hpp"

namespace flowctl::jsonata {
namespace {

TEST(JsonataEdges, AnArgumentThatIsNotThereGivesNothing) {
    for (const char* text : {"$substringBefore(nothing, 'a')",
                             "$substringAfter(nothing, 'a')",
                             "$parseInteger(nothing, '0')",
                             "$lookup({'a': 1}, nothing)",
                             "$fromMillis(nothing)",
                             "$toMillis(nothing)",
                             "$filter(nothing, function($x) { true })",
                             "$reduce(nothing, function($a, $b) { $a })",
                             "$single(nothing)",
                             "$formatInteger(nothing, '0')",
                             "$map(nothing, function($x) { 1 })",
                             "$base64encode(nothing)",
                             "$base64decode(nothing)",
                             "$encodeUrl(nothing)",
                             "$pad(nothing, 3)",
                             "$trim(nothing)",
                             "$uppercase(nothing)",
                             "$length(nothing)",
                             "$split(nothing, 'a')",
                             "$replace(nothing, 'a', 'b')",
                             "$join(nothing)",
                             "nothing < 1",
                             "1 >= nothing",
                             "'a' > nothing"})
        EXPECT_EQ(evaluate(text, "{}"), "undefined") << text;
}

TEST(JsonataEdges, ItemsThatAFunctionDoesNotWant) {
    EXPECT_EQ(evaluate("$single([1,2,3], function($x) { $x = 2 })"), "2");
    EXPECT_EQ(evaluate("$single([1,2,3], function($x) { $x = 4 })"), "D3139@8 single");
    EXPECT_EQ(evaluate("$filter([1,2,3], function($x) { $x = 2 })"), "2");
}

TEST(JsonataEdges, Spreading) {
    EXPECT_EQ(evaluate("$spread([[{'a':1},{'b':2}],{'c':3}])"), R"([{"a":1},{"b":2},{"c":3}])");
    EXPECT_EQ(evaluate("$spread('x')"), R"("x")");
}

TEST(JsonataEdges, SmallArrays) {
    EXPECT_EQ(evaluate("$shuffle([])"), "[]");
    EXPECT_EQ(evaluate("$shuffle([5])"), "[5]");
    EXPECT_EQ(evaluate("$distinct([])"), "[]");
    EXPECT_EQ(evaluate("$distinct([5])"), "[5]");
    EXPECT_EQ(evaluate("function($x)<a<n>:n> { $count($x) }(5)"), "1");
    EXPECT_EQ(evaluate("function($x)<a<n>:a> { $x }(5)"), "[5]");
}

// Each order of two is a shuffle of them.
TEST(JsonataEdges, AShuffleCanLeaveThingsWhereTheyAre) {
    bool same = false;
    bool turned = false;
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        const std::string order = evaluate("$shuffle([1,2])", "", {.seed = seed});
        same = same || order == "[1,2]";
        turned = turned || order == "[2,1]";
    }
    EXPECT_TRUE(same);
    EXPECT_TRUE(turned);
}

TEST(JsonataEdges, Equality) {
    EXPECT_EQ(evaluate("($f := function($x) { $x }; $f = $f)"), "true");
    EXPECT_EQ(evaluate("($f := function($x) { $x }; $g := function($x) { $x }; $f = $g)"), "false");
    EXPECT_EQ(evaluate("{'a':1} = {'a':1,'b':2}"), "false");
    EXPECT_EQ(evaluate("{'a':1,'b':2} = {'a':1}"), "false");
    EXPECT_EQ(evaluate("{'a':1,'b':2} = {'b':2,'a':1}"), "true");
    EXPECT_EQ(evaluate("a = b", R"({"a": {"x": 1}, "b": {"x": 1, "y": 2}})"), "false");
    EXPECT_EQ(evaluate("[1,2] = [1,2,3]"), "false");
}

TEST(JsonataEdges, TextOfValues) {
    EXPECT_EQ(evaluate("$string({'a': nothing, 'b': 1})", "{}"), R"("{\"b\":1}")");
    EXPECT_EQ(evaluate("$string(['\\u0001'])"), R"("[\"\\u0001\"]")");
    EXPECT_EQ(evaluate("$string([' '])"), R"("[\" \"]")");
    EXPECT_EQ(evaluate("$string(['\\ud83d'])"), R"("[\"\\ud83d\"]")");
    EXPECT_EQ(evaluate("$string(['\\udfff'])"), R"("[\"\\udfff\"]")");
    EXPECT_EQ(evaluate("$string(['\\ud7ff'])"), "\"[\\\"\xED\x9F\xBF\\\"]\"");
}

TEST(JsonataEdges, Base64InBothAlphabets) {
    EXPECT_EQ(evaluate("$base64decode('Pz8/')"), R"("???")");
    EXPECT_EQ(evaluate("$base64decode('Pz8_')"), R"("???")");
    EXPECT_EQ(evaluate("$base64decode('Pj4+')"), R"(">>>")");
    EXPECT_EQ(evaluate("$base64decode('Pj4-')"), R"(">>>")");
    EXPECT_EQ(evaluate("$base64decode('aGVs\\nbG8=')"), R"("hello")");
    EXPECT_EQ(evaluate("$base64decode('aGVsbG8=Pz8_')"), R"("hello")");
}

TEST(JsonataEdges, PicturesOfNumbers) {
    EXPECT_EQ(evaluate("$formatNumber(1234.5678, '#00.0e0')"), R"("12.3e2")");
    EXPECT_EQ(evaluate("$formatNumber(1234.5678, '#.00e0')"), R"("0.12e4")");
    EXPECT_EQ(evaluate("$formatNumber(1, '0.,0')").substr(0, 5), "D3087");
    EXPECT_EQ(evaluate("$formatNumber(1, '0,.0')").substr(0, 5), "D3087");
    EXPECT_EQ(evaluate("$formatInteger(5, '#')").substr(0, 5), "D3130");
    EXPECT_EQ(evaluate("$parseInteger('zero', 'w')"), "0");
    EXPECT_EQ(evaluate("$parseInteger('one hundred', 'w')"), "100");
    EXPECT_EQ(evaluate("$fromMillis(1521801216617, '[Y,2-2]')"), R"("18")");
    EXPECT_EQ(evaluate("$fromMillis(1521801216617, '[Y,*-2]')"), R"("18")");
    EXPECT_EQ(evaluate("$fromMillis(1521801216617, '[Y]')"), R"("2018")");
}

TEST(JsonataEdges, TimesOfADay) {
    EXPECT_EQ(evaluate("$toMillis('2018-03-23T23:59:59.999Z')"), "1521849599999");
    EXPECT_EQ(evaluate("$toMillis('2018-03-23T24:00:00Z')"), "1521849600000");
    for (const char* text : {"2018-03-23T24:00:01Z", "2018-03-23T24:00:00.001Z", "2018-03-23T24:01:00Z",
                             "2018-03-23T25:00:00Z", "2018-03-23T23:60:00Z", "2018-03-23T23:59:60Z"})
        EXPECT_EQ(evaluate("$toMillis('" + std::string(text) + "')").substr(0, 5), "D3110") << text;
}

// A week belongs to the month that its Thursday is in.
TEST(JsonataEdges, WeeksOfAMonth) {
    const auto week = [](const char* day) {
        return evaluate("$fromMillis($toMillis('" + std::string(day) + "'), '[w]')");
    };
    EXPECT_EQ(week("2018-01-28"), R"("4")");
    EXPECT_EQ(week("2018-01-31"), R"("1")") << "of February";
    EXPECT_EQ(week("2018-05-31"), R"("5")");
    EXPECT_EQ(week("2018-06-01"), R"("5")") << "of May";
    EXPECT_EQ(week("2018-06-04"), R"("1")");
}

TEST(JsonataEdges, OffsetsOfATime) {
    EXPECT_EQ(evaluate("$toMillis('2018-03-23T10:00:00+01:59')"), "1521792060000");
    EXPECT_EQ(evaluate("$toMillis('2018-03-23T10:00:00+01:60')").substr(0, 5), "D3110");
}

TEST(JsonataEdges, Matching) {
    EXPECT_EQ(evaluate("$match('aaa', /a/, 0)"), "undefined");
    EXPECT_EQ(evaluate("$count($match('aaa', /a/, 2))"), "2");
    EXPECT_EQ(evaluate("$count($match('aaa', /a/))"), "3");
}

TEST(JsonataEdges, LinesAndPairsInAPattern) {
    for (const char* end : {"\\n", "\\r", "\\u2028", "\\u2029"}) {
        EXPECT_EQ(evaluate("$contains('" + std::string(end) + "', /./)"), "false") << end;
        EXPECT_EQ(evaluate("$contains('a" + std::string(end) + "b', /^b/m)"), "true") << end;
    }
    EXPECT_EQ(evaluate("$contains('\\u0085', /./)"), "true");
    EXPECT_EQ(evaluate("$contains('\xF0\x9F\x98\x80', /^\\uD83D\\uDE00$/)"), "true");
}

TEST(JsonataEdges, WhatATransformTakes) {
    EXPECT_EQ(evaluate("{'a':{'b':1}} ~> |a|5|").substr(0, 5), "T2011");
    EXPECT_EQ(evaluate("{'a':{'b':1}} ~> |a|{'c':2},5|").substr(0, 5), "T2012");
    EXPECT_EQ(evaluate("{'a':{'b':1}} ~> |a|{'c':2},'b'|"), R"({"a":{"c":2}})");
    EXPECT_EQ(evaluate("|a|{'c':2}|(5)").substr(0, 5), "T0410");
}

TEST(JsonataEdges, SignaturesThatAreNone) {
    EXPECT_EQ(evaluate("function($x)<(a<n>s):n>{1}(1)").substr(0, 5), "S0402");
    EXPECT_EQ(evaluate("function($x)<(ns):n>{1}(1)"), "1");
}

TEST(JsonataEdges, PaddingIsBounded) {
    EXPECT_EQ(evaluate("$pad('a', 2000000000)"), "budget");
    EXPECT_EQ(evaluate("$pad('a', -2000000000)"), "budget");
}

TEST(JsonataEdges, GroupingSeparators) {
    EXPECT_EQ(evaluate("$formatNumber(1234567.891, '#,##0.000')"), R"("1,234,567.891")");
    EXPECT_EQ(evaluate("$formatNumber(1234567.891, '#,##,0.000')"), R"("1234,56,7.891")");
    EXPECT_EQ(evaluate("$formatNumber(1.123456, '0.00,00,00')"), R"("1.12,34,56")");
    EXPECT_EQ(evaluate("$formatNumber(1234, '#0')"), R"("1234")");
}

TEST(JsonataEdges, Precedence) {
    EXPECT_EQ(evaluate("10 - 5 - 2"), "3");
    EXPECT_EQ(evaluate("100 / 10 / 5"), "2");
    EXPECT_EQ(evaluate("2 + 3 * 4"), "14");
}

TEST(JsonataEdges, WhatIsMissingInTheText) {
    EXPECT_EQ(evaluate("(1 + 2").substr(0, 5), "S0203");
    EXPECT_EQ(evaluate("[1, 2").substr(0, 5), "S0203");
    EXPECT_EQ(evaluate("{'a' 1}").substr(0, 5), "S0202");
    EXPECT_EQ(evaluate("a.1").substr(0, 5), "S0213");
    EXPECT_EQ(evaluate("a.'b'", R"({"a": {"b": 3}})"), "3");
}

TEST(JsonataEdges, Paths) {
    EXPECT_EQ(evaluate("a.[b]", R"({"a": [{"b": 1}, {"b": 2}]})"), "[[1],[2]]");
    EXPECT_EQ(evaluate("a.b.(%.c)", R"({"a": {"c": 9, "b": [{"d": 1}]}})"), "9");
    EXPECT_EQ(evaluate("a.b.(%.%.e)", R"({"e": 7, "a": {"b": {"d": 1}}})"), "7");
}

// A chain of operators is as deep as it is long.
TEST(JsonataEdges, DepthOfChains) {
    const auto chain = [](std::size_t length) {
        std::string text = "1";
        for (std::size_t i = 0; i < length; ++i)
            text += "+1";
        return evaluate(text);
    };
    EXPECT_EQ(chain(10), "11");
    EXPECT_EQ(chain(2 * Expression::kMaxDepth).substr(0, 5), "U1001");
}

// What is hashed or compared is charged by its length, also where nothing is equal.
TEST(JsonataEdges, DistinctTextsAreCharged) {
    const std::string bindings =
        R"({"a": ")" + std::string(1'000'000, 'a') + R"(", "b": ")" + std::string(1'000'000, 'b') + R"("})";
    jsonata::Run run;
    run.bindings = bindings.c_str();
    run.limits.steps = 1'000;
    EXPECT_EQ(evaluate("$count($distinct([$a, $b]))", "", run), "budget");
    run.limits.steps = 1'000'000;
    EXPECT_EQ(evaluate("$count($distinct([$a, $b]))", "", run), "2");
}

}  // namespace
}  // namespace flowctl::jsonata
