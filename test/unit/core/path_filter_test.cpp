// Filters and functions of JSONPath.
#include "path_scope.hpp"

namespace flowctl::path {
namespace {

const char* const kItems =
    R"({"min":2,"items":[{"n":1,"s":"one","t":["a"]},{"n":2.0,"s":"two","t":["a","b"]},{"n":"3","s":null,"t":[]},{"s":""}]})";

// The names of the items that pass.
std::string passing(std::string_view condition) {
    const std::string found = evaluate("$.items[?(" + std::string(condition) + ")]", kItems);
    if (found.front() != '[') return found;
    std::string indexes;
    const json::Value all = *json::parse(kItems);
    const json::Value chosen = *json::parse(found);
    for (const json::Value& item : chosen.items()) {
        for (std::size_t i = 0; i < 4; ++i) {
            if (json::equal(item, all.find("items")->items()[i])) indexes += std::to_string(i);
        }
    }
    return indexes;
}

TEST(PathFilter, Comparisons) {
    EXPECT_EQ(passing("@.n == 1"), "0");
    EXPECT_EQ(passing("@.n == 2"), "1");
    EXPECT_EQ(passing("@.n == 3"), "2");  // a string that reads as the number
    EXPECT_EQ(passing("@.n === 3"), "");
    EXPECT_EQ(passing("@.n == '3'"), "2");
    EXPECT_EQ(passing("@.n != 1"), "123");  // also what is missing
    EXPECT_EQ(passing("@.n > 1"), "1");
    EXPECT_EQ(passing("@.n >= 1"), "01");
    EXPECT_EQ(passing("@.n < 2"), "0");
    EXPECT_EQ(passing("@.n <= 2"), "01");
    EXPECT_EQ(passing("1 < @.n"), "1");
    EXPECT_EQ(passing("@.s == 'two'"), "1");
    EXPECT_EQ(passing("@.s == \"two\""), "1");
    EXPECT_EQ(passing("@.s > 'one'"), "1");
    EXPECT_EQ(passing("@.s == null"), "2");
    EXPECT_EQ(passing("@.t == ['a','b']"), "1");
    EXPECT_EQ(passing("@['n']==1"), "0");
    EXPECT_EQ(passing("@.n == $.min"), "1");
    EXPECT_EQ(passing("@.n >= $.min"), "1");
    EXPECT_EQ(passing("@.n == -1"), "");
    EXPECT_EQ(passing("@.n==1.0e0"), "0");
}

TEST(PathFilter, Existence) {
    EXPECT_EQ(passing("@.n"), "012");
    EXPECT_EQ(passing("!@.n"), "3");
    EXPECT_EQ(passing("!(@.n)"), "3");
    EXPECT_EQ(passing("@.s"), "0123");  // null is there
    EXPECT_EQ(passing("@.t[1]"), "1");
    EXPECT_EQ(passing("$.min"), "0123");
    EXPECT_EQ(passing("$.max"), "");
}

TEST(PathFilter, Logic) {
    EXPECT_EQ(passing("@.n == 1 || @.n == 2"), "01");
    EXPECT_EQ(passing("@.n == 1||@.n == 2"), "01");
    EXPECT_EQ(passing("@.n && @.s == 'one'"), "0");
    EXPECT_EQ(passing("@.n == 1 || @.n == 2 && @.s == 'x'"), "0");
    EXPECT_EQ(passing("(@.n == 1 || @.n == 2) && @.s == 'two'"), "1");
    EXPECT_EQ(passing("!(@.n == 1 || @.n == 2)"), "23");
    EXPECT_EQ(passing("@.n&&@.s"), "012");
}

TEST(PathFilter, Sets) {
    EXPECT_EQ(passing("@.s in ['one','two']"), "01");
    EXPECT_EQ(passing("@.s IN ['one']"), "0");
    EXPECT_EQ(passing("@.s nin ['one','two']"), "23");
    EXPECT_EQ(passing("@.t subsetof ['a','c']"), "02");
    EXPECT_EQ(passing("@.t anyof ['b','c']"), "1");
    EXPECT_EQ(passing("@.t noneof ['b','c']"), "02");
    EXPECT_EQ(passing("@.t all ['a','b']"), "1");
    EXPECT_EQ(passing("@.t contains 'b'"), "1");
    EXPECT_EQ(passing("@.s contains 'w'"), "1");
    EXPECT_EQ(passing("'a' in @.t"), "01");
    EXPECT_EQ(passing("@.t size 2"), "1");
    EXPECT_EQ(passing("@.s size 3"), "01");
    EXPECT_EQ(passing("@.t empty true"), "2");
    EXPECT_EQ(passing("@.t empty false"), "01");
    EXPECT_EQ(passing("@.s empty true"), "3");
}

TEST(PathFilter, AppliesToAnObjectItself) {
    EXPECT_EQ(evaluate("$.a[?(@.x == 1)]", R"({"a":{"x":1}})"), R"([{"x":1}])");
    EXPECT_EQ(evaluate("$.a[?(@.x == 2)]", R"({"a":{"x":1}})"), "[]");
    EXPECT_EQ(evaluate("$.a[?(@.x == 2)]", R"({"a":5})"),
              "error: Invalid path '$.a[?(@.x == 2)]' : Filter: [?] can not be applied to primitives. "
              "Current context is: 5");
    EXPECT_EQ(evaluate("$[?(@ > 1)]", "[1,2,3]"), "[2,3]");
    EXPECT_EQ(
        evaluate("$..[?(@.p < 10)].t", R"({"x":[{"p":1,"t":"a"},{"p":11,"t":"b"}],"y":{"p":2,"t":"c"}})"),
        R"(["a","c"])");
    EXPECT_EQ(evaluate("$[?(@.a[?(@.b == 1)])]", R"([{"a":[{"b":1}]}])"), R"([{"a":[{"b":1}]}])");
}

TEST(PathFilter, RegularExpressions) {
    EXPECT_EQ(passing("@.s =~ /o.*/"), "0");
    EXPECT_EQ(passing("@.s =~ /O.*/i"), "0");
    EXPECT_EQ(passing("@.s =~ /.*w.*/"), "1");
    EXPECT_EQ(passing("@.s =~ /w/"), "");  // the whole text must match
    EXPECT_EQ(passing("@.n =~ /\\d/"), "02");
    EXPECT_EQ(passing("@.s =~ //"), "3");
    EXPECT_EQ(refusal("$[?(@.a =~ 'x')]"), "=~ needs a /regular expression/");
    EXPECT_EQ(refusal("$[?(@.a =~ /(?=x)/)]"), "regular expression: look-ahead is not supported");
    EXPECT_EQ(refusal("$[?(@.a =~ /(?>x)/)]"),
              "regular expression: atomic groups and flags inside a pattern are not supported");
}

TEST(PathFilter, AWordWithoutQuotesIsAString) {
    EXPECT_EQ(evaluate("$.items[?(@.kind==big)].n", R"({"items":[{"kind":"big","n":7},{"kind":"small","n":8}]})"),
              "[7]");
    EXPECT_EQ(evaluate("$[?(@.k != in-stock && @.b == true)].k", R"([{"k":"in-stock","b":true},{"k":"x","b":true}])"),
              R"(["x"])");
    EXPECT_EQ(evaluate("$[?(@.k == null)].b", R"([{"k":null,"b":1},{"k":"null","b":2}])"), "[1]");
    EXPECT_NE(refusal("$[?(@.a == )]"), "accepted");
    EXPECT_NE(refusal("$[?(@.a == 2x)]"), "accepted");
}

TEST(PathFilter, EscapesThatEndTooEarly) {
    for (const char* path : {R"($[?(@.a == "\u)", R"($[?(@.a == "\u00)", R"($[?(@.a == "\ud83d\u)", R"($['\u004)",
                             R"($[?(@.a == ["\u"])])"}) {
        EXPECT_NE(refusal(path), "accepted") << path;
    }
    EXPECT_EQ(evaluate(R"($[?(@.a == "\ud83d\ude00")].b)", R"([{"a":"\ud83d\ude00","b":1}])"), "[1]");
}

TEST(PathFilter, Functions) {
    EXPECT_EQ(evaluate("$.a.length()", R"({"a":[1,2,3]})"), "3");
    EXPECT_EQ(evaluate("$.a.size()", R"({"a":{"x":1}})"), "1");
    EXPECT_EQ(evaluate("$.a.length()", R"({"a":"text"})"), "null");
    EXPECT_EQ(evaluate("$.length()", "[1]"), "1");
    EXPECT_EQ(evaluate("$.a.min()", R"({"a":[3,1,"x",2]})"), "1");
    EXPECT_EQ(evaluate("$.a.max()", R"({"a":[3,1,2.5]})"), "3");
    EXPECT_EQ(evaluate("$.a.sum()", R"({"a":[0.5,1,2]})"), "3.5");
    EXPECT_EQ(evaluate("$.a.avg()", R"({"a":[1,2]})"), "1.5");
    EXPECT_EQ(evaluate("$.a.stddev()", R"({"a":[2,4,4,4,5,5,7,9]})"), "2");
    EXPECT_EQ(evaluate("$.a.keys()", R"({"a":{"x":1,"y":2}})"), R"(["x","y"])");
    EXPECT_EQ(evaluate("$.a.concat()", R"({"a":["x",1,"y"]})"), R"("xy")");
    EXPECT_EQ(evaluate("$.concat($.a, \"-\", $.b)", R"({"a":"x","b":"y"})"), R"("x-y")");
    EXPECT_EQ(evaluate("$.a.append(4)", R"({"a":[1]})"), "[1,4]");
    EXPECT_EQ(evaluate("$.a.first()", R"({"a":[7,8]})"), "7");
    EXPECT_EQ(evaluate("$.a.last()", R"({"a":[7,8]})"), "8");
    EXPECT_EQ(evaluate("$.a.index(-2)", R"({"a":[7,8]})"), "7");
    EXPECT_EQ(evaluate("$..p.sum()", R"([{"p":1},{"p":2}])"), "3");
    EXPECT_EQ(evaluate("$[*].length()", "[[1],[1,2]]"), "[1,2]");
    EXPECT_EQ(evaluate("$.sum($.a[*])", R"({"a":[1,2]})"), "3");
    EXPECT_EQ(evaluate("$.a.sum()", R"({"a":[]})"),
              "error: Invalid path '$.a.sum()' : Aggregation function attempted to calculate value using "
              "empty array");
    EXPECT_EQ(evaluate("$.a.sum()", R"({"a":[1e308,1e308]})"),
              "error: Invalid path '$.a.sum()' : The result is not a number");
    EXPECT_EQ(evaluate("$[?(@.length() > 1)]", "[[1],[1,2]]"), "[[1,2]]");
}

}  // namespace
}  // namespace flowctl::path
