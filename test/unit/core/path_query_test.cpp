// JSONPath: notation, definite and indefinite results, slices, descent, and what is an error and how it
// reads.
#include "path_scope.hpp"

namespace flowctl::path {
namespace {

const char* const kStore =
    R"({"store":{"book":[)"
    R"({"category":"reference","author":"Rees","title":"Sayings","price":8.95},)"
    R"({"category":"fiction","author":"Waugh","title":"Sword","price":12.99},)"
    R"({"category":"fiction","author":"Melville","title":"Moby","isbn":"0-553","price":8.99},)"
    R"({"category":"fiction","author":"Tolkien","title":"Lord","isbn":"0-395","price":22.99}],)"
    R"("bicycle":{"color":"red","price":19.95}},"expensive":10})";

TEST(PathQuery, DefinitePathsGiveTheValue) {
    EXPECT_EQ(evaluate("$", R"({"a":1})"), R"({"a":1})");
    EXPECT_EQ(evaluate("$.a", R"({"a":1})"), "1");
    EXPECT_EQ(evaluate("$.a.b[1]", R"({"a":{"b":[1,2]}})"), "2");
    EXPECT_EQ(evaluate("$.a.b[-1]", R"({"a":{"b":[1,2]}})"), "2");
    EXPECT_EQ(evaluate("$[0]", "[7]"), "7");
    EXPECT_EQ(evaluate("$['a']", R"({"a":1})"), "1");
    EXPECT_EQ(evaluate("$[\"a\"]['b c']", R"({"a":{"b c":1}})"), "1");
    EXPECT_EQ(evaluate("$.['a']", R"({"a":1})"), "1");
    EXPECT_EQ(evaluate("$[ 'a' ]", R"({"a":1})"), "1");
    EXPECT_EQ(evaluate("$.a  ", R"({"a":1})"), "1");
    EXPECT_EQ(evaluate("$.a", R"({"a":null})"), "null");
    EXPECT_EQ(evaluate("$.1", R"({"1":2})"), "2");
}

TEST(PathQuery, TheSamePayloadComesOut) {
    TestScope around(R"({"a":{"b":[1]}})");
    auto compiled = Expression::compile("$.a.b", Expression::Allow::Paths);
    ASSERT_TRUE(compiled.ok());
    EXPECT_TRUE(compiled->evaluate(around.scope())->same(*around.input.find("a")->find("b")));
    EXPECT_TRUE(
        Expression::compile("$", Expression::Allow::Paths)->evaluate(around.scope())->same(around.input));
}

TEST(PathQuery, Names) {
    EXPECT_EQ(evaluate("$.delivery-partner", R"({"delivery-partner":1})"), "1");
    EXPECT_EQ(evaluate("$.größe.日本", R"({"größe":{"日本":1}})"), "1");
    EXPECT_EQ(evaluate("$.a@b:c", R"({"a@b:c":1})"), "1");
    EXPECT_EQ(evaluate(R"($['it\'s'])", R"({"it's":1})"), "1");
    EXPECT_EQ(evaluate(R"($['a\\b'])", R"({"a\\b":1})"), "1");
    EXPECT_EQ(evaluate(R"($['\u00e9\ud83d\ude00'])", R"({"é😀":1})"), "1");
    EXPECT_EQ(evaluate("$['a.b']['[x]']", R"({"a.b":{"[x]":1}})"), "1");
    EXPECT_EQ(evaluate("$['']", R"({"":1})"), "1");
}

TEST(PathQuery, ANameInBracketsIsTakenAsItIsWritten) {
    const char* input = R"({"a\\\"b": 1, "c\"d": 2, "e\\f": 3, "é": 4})";
    EXPECT_EQ(evaluate(R"($['a\"b'])", input), "1");    // the name has a backslash and a quote
    EXPECT_EQ(evaluate(R"($['c\"d'])", input), "2");    // no such name, so the escape means a quote
    EXPECT_EQ(evaluate(R"($['e\f'])", input), "3");     // not a form feed
    EXPECT_EQ(evaluate(R"($['e\\f'])", input), "3");
    EXPECT_EQ(evaluate(R"($['\u00e9'])", input), "4");
    EXPECT_EQ(evaluate(R"($['a\"b','e\f'])", input), R"({"a\\\"b":1,"e\\f":3})");
    EXPECT_EQ(evaluate(R"($..['e\f'])", input), "[3]");
}

TEST(PathQuery, SeveralNamesMerge) {
    EXPECT_EQ(evaluate("$['a','c']", R"({"a":1,"b":2,"c":3})"), R"({"a":1,"c":3})");
    EXPECT_EQ(evaluate("$['a','x']", R"({"a":1})"), R"({"a":1})");
    EXPECT_EQ(evaluate("$['a','b'].n", R"({"a":{"n":1},"b":{"n":2},"c":{"n":3}})"), "[1,2]");
    EXPECT_EQ(evaluate("$.*['n','m']", R"({"a":{"n":1},"b":{"m":2}})"), R"([{"n":1},{"m":2}])");
}

TEST(PathQuery, IndefinitePathsGiveAnArray) {
    EXPECT_EQ(evaluate("$.a[*]", R"({"a":[1,[2]]})"), "[1,[2]]");
    EXPECT_EQ(evaluate("$.*", R"({"a":1,"b":2})"), "[1,2]");
    EXPECT_EQ(evaluate("$[*].x", R"([{"x":1},{"y":2},{"x":3},4])"), "[1,3]");
    EXPECT_EQ(evaluate("$.a[0,2]", R"({"a":[1,2,3]})"), "[1,3]");
    EXPECT_EQ(evaluate("$.a[*]", R"({"a":5})"), "[]");
    EXPECT_EQ(evaluate("$.a[*]", R"({"a":[]})"), "[]");
}

TEST(PathQuery, NothingThereIsAnEmptyArrayForIndefinitePaths) {
    for (const char* path : {"$.items[1:]", "$.items[:1]", "$.item.items[*]", "$.item.items[1:]",
                             "$.item.items[1:5]", "$.items[:1].itemValue", "$.items[1:].itemValue",
                             "$.items[*].itemValue", "$..x", "$.items[?(@.a == 1)]"}) {
        EXPECT_EQ(evaluate(path, "null"), "[]") << path;
        EXPECT_EQ(evaluate(path, "{}"), "[]") << path;
    }
}

TEST(PathQuery, Slices) {
    const char* const five = "[0,1,2,3,4]";
    EXPECT_EQ(evaluate("$[1:3]", five), "[1,2]");
    EXPECT_EQ(evaluate("$[3:]", five), "[3,4]");
    EXPECT_EQ(evaluate("$[:2]", five), "[0,1]");
    EXPECT_EQ(evaluate("$[-2:]", five), "[3,4]");
    EXPECT_EQ(evaluate("$[:-3]", five), "[0,1]");
    EXPECT_EQ(evaluate("$[-3:-1]", five), "[2,3]");
    EXPECT_EQ(evaluate("$[-99:]", five), "[0,1,2,3,4]");
    EXPECT_EQ(evaluate("$[:99]", five), "[0,1,2,3,4]");
    EXPECT_EQ(evaluate("$[3:1]", five), "[]");
    EXPECT_EQ(evaluate("$[9:]", five), "[]");
    EXPECT_EQ(evaluate("$[0:5:2]", five), "[0,2,4]");
    EXPECT_EQ(evaluate("$[::2]", five), "[0,2,4]");
    EXPECT_EQ(evaluate("$[1::3]", five), "[1,4]");
    EXPECT_EQ(evaluate("$[-2147483648:2147483647]", "[1]"), "[1,1]");  // Jayway wraps; never past the ends
    EXPECT_EQ(refusal("$[0:1:0]"), "a slice's step must be positive");
    EXPECT_EQ(refusal("$[:]"), "a slice needs a beginning or an end");
    EXPECT_EQ(refusal("$[99999999999]"), "not an index");
}

TEST(PathQuery, IndexPastTheEnd) {
    // Null as the last step of a path, a miss anywhere else, and never present.
    EXPECT_EQ(evaluate("$.items[5]", R"({"items":[1,2]})"), "null");
    EXPECT_EQ(evaluate("$.items[-3]", R"({"items":[1,2]})"), "null");
    EXPECT_EQ(evaluate("$.items[5].x", R"({"items":[1]})"),
              "error: Invalid path '$.items[5].x' : Property ['x'] not found in path $['items'][5]");
    EXPECT_EQ(evaluate("$.items[5][0]", R"({"items":[1]})"),
              "error: Invalid path '$.items[5][0]' : The path $['items'][5] is null");
    EXPECT_EQ(evaluate("$[*][1]", "[[1,2],[3]]"), "[2,null]");
    EXPECT_EQ(evaluate("$[*][1].x", "[[1,{\"x\":2}],[3]]"), "[2]");
}

TEST(PathQuery, Descent) {
    EXPECT_EQ(evaluate("$..author", kStore), R"(["Rees","Waugh","Melville","Tolkien"])");
    EXPECT_EQ(evaluate("$.store..price", kStore), "[8.95,12.99,8.99,22.99,19.95]");
    EXPECT_EQ(evaluate("$..book[0].title", kStore), R"(["Sayings"])");
    EXPECT_EQ(evaluate("$..book[-1:].title", kStore), R"(["Lord"])");
    EXPECT_EQ(evaluate("$..*", R"({"a":{"b":1},"c":[2]})"), R"([{"b":1},[2],1,2])");
    EXPECT_EQ(evaluate("$..[0]", "[[1,2],[3]]"), "[[1,2],1,3]");
    EXPECT_EQ(evaluate("$..['a','b']", R"({"x":{"a":1,"b":2},"y":{"a":3}})"), R"([{"a":1,"b":2}])");
    EXPECT_EQ(evaluate("$..a", R"({"a":{"a":1}})"), R"([{"a":1},1])");
}

TEST(PathQuery, ErrorsReadAsRecorded) {
    EXPECT_EQ(evaluate("$.NoSuchOutputPath", R"({"int-literal":0})"),
              "error: Invalid path '$.NoSuchOutputPath' : No results for path: $['NoSuchOutputPath']");
    EXPECT_EQ(evaluate("$.a.b", R"({"a":{}})"),
              "error: Invalid path '$.a.b' : No results for path: $['a']['b']");
    EXPECT_EQ(evaluate("$.a.b.c", R"({"a":{}})"),
              "error: Invalid path '$.a.b.c' : Missing property in path $['a']['b']");
    EXPECT_EQ(evaluate("$.list.length", R"({"list":[]})"),
              "error: Invalid path '$.list.length' : Property ['length'] not found in path $['list']");
    EXPECT_EQ(evaluate("$.other[0]", R"({"other":1})"),
              "error: Invalid path '$.other[0]' : Filter: [0] can only be applied to arrays. Current context "
              "is: 1");
    EXPECT_EQ(evaluate("$.x", "null"), "error: Invalid path '$.x' : Property ['x'] not found in path $");
}

TEST(PathQuery, ContextAndVariables) {
    TestScope around(R"({"a":1})");
    around.context = *json::parse(R"({"State":{"Name":"P"}})");
    around.variables["x"] = *json::parse(R"({"y":[1,2]})");
    around.variables["größe"] = json::Value::integer(7);
    EXPECT_EQ(evaluate("$$", around), R"({"State":{"Name":"P"}})");
    EXPECT_EQ(evaluate("$$.State.Name", around), "\"P\"");
    EXPECT_EQ(evaluate("$$['State']", around), R"({"Name":"P"})");
    EXPECT_EQ(evaluate("$$.Nope", around), "error: Invalid path '$$.Nope' : No results for path: $['Nope']");
    EXPECT_EQ(evaluate("$x", around), R"({"y":[1,2]})");
    EXPECT_EQ(evaluate("$x.y[1]", around), "2");
    EXPECT_EQ(evaluate("$x.y[*]", around), "[1,2]");
    EXPECT_EQ(evaluate("$größe", around), "7");
    EXPECT_EQ(evaluate("$nope.y", around),
              "error: Invalid path '$nope.y' : The variable 'nope' is not defined");
    EXPECT_EQ(evaluate("$nope[*]", around),
              "error: Invalid path '$nope[*]' : The variable 'nope' is not defined");
}

TEST(PathQuery, Present) {
    TestScope around(R"({"a":null,"b":{"c":1},"d":[1]})");
    around.variables["v"] = json::Value();
    const auto present = [&](std::string_view path) {
        return Expression::compile(path, Expression::Allow::Paths)->present(around.scope());
    };
    EXPECT_TRUE(present("$"));
    EXPECT_TRUE(present("$.a"));
    EXPECT_TRUE(present("$.b.c"));
    EXPECT_TRUE(present("$.d[0]"));
    EXPECT_TRUE(present("$v"));
    EXPECT_FALSE(present("$.x"));
    EXPECT_FALSE(present("$.a.x"));
    EXPECT_FALSE(present("$.b.c.d"));
    EXPECT_FALSE(present("$.d[1]"));
    EXPECT_FALSE(present("$.b[0]"));
    EXPECT_FALSE(present("$w"));
    EXPECT_FALSE(present("$$.x"));
}

TEST(PathQuery, SaysWhatItIs) {
    const auto compiled = [](std::string_view path) {
        return *Expression::compile(path, Expression::Allow::Paths);
    };
    for (const char* path : {"$", "$.a", "$.a[0].b", "$['a b']", "$$.x", "$v.x"}) {
        EXPECT_TRUE(compiled(path).is_reference()) << path;
        EXPECT_TRUE(compiled(path).is_definite()) << path;
    }
    for (const char* path : {"$.a[*]", "$..a", "$[1:2]", "$[0,1]", "$[?(@.a)]", "$.*", "$['a','b'].c"}) {
        EXPECT_FALSE(compiled(path).is_reference()) << path;
        EXPECT_FALSE(compiled(path).is_definite()) << path;
    }
    EXPECT_FALSE(compiled("$.a.length()").is_reference());
    EXPECT_FALSE(compiled("$['a','b']").is_reference());
    EXPECT_EQ(compiled("$v.x").variables(), std::vector<std::string>{"v"});
    EXPECT_TRUE(compiled("$.x").variables().empty());
    EXPECT_EQ(compiled("$.a.b").text(), "$.a.b");
}

TEST(PathQuery, RefusesWhatIsNoPath) {
    for (const char* path : {"",
                             " $",
                             "a",
                             ".guid",
                             "..guid",
                             "$...",
                             "$..",
                             "$.",
                             "$.a.",
                             "$.a..",
                             "$a-b",
                             "$.a b",
                             "$[",
                             "$[]",
                             "$['a'",
                             "$['a]",
                             "$[a]",
                             "$['a' 'b']",
                             "$['a',]",
                             "$[1,]",
                             "$[1",
                             "$.a[1]b",
                             "$*",
                             "$[?]",
                             "$[?()]",
                             "$[?(@.a]",
                             "@.a",
                             "$.a.nosuch()",
                             "$.a.length().b",
                             "$.a.length(",
                             "$.a.index()",
                             "$$$",
                             "$.a[0x1]",
                             "$[?(@.a ==)]",
                             "$[?(@.a = 1)]",
                             "$[?(@.a && )]",
                             "$[?(@.a == 'x)]",
                             "$[?(1)]",
                             "States.Format('x')"}) {
        EXPECT_NE(refusal(path, Expression::Allow::Paths), "accepted") << path;
    }
}

TEST(PathQuery, HostileInputs) {
    // Long and deep paths, deep values, explosive descent: a result, a refusal or an exhausted budget, in
    // bounded time.
    std::string path = "$";
    for (int i = 0; i < 2'000; ++i)
        path += ".a";
    EXPECT_EQ(refusal(path), "the path has too many steps");
    std::string filters = "$";
    for (int i = 0; i < 200; ++i)
        filters += "[?(@";
    EXPECT_EQ(refusal(filters), "the filter is nested too deeply");
    EXPECT_EQ(refusal("$[?(" + std::string(10'000, '(')), "the filter is nested too deeply");
    EXPECT_EQ(refusal("$[?(" + std::string(10'000, '!')), "the filter is nested too deeply");

    json::Value deep = json::Value::integer(1);
    for (int i = 0; i < 100'000; ++i)
        deep = json::ObjectBuilder().add("a", deep).build();
    TestScope around("null");
    around.input = deep;
    EXPECT_EQ(evaluate("$..b", around), "[]");

    json::Value wide = json::Value::integer(1);
    for (int i = 0; i < 40; ++i)
        wide = json::Value::array({wide, wide});
    around.input = wide;
    around.budget = Budget({.steps = 200'000});
    EXPECT_THROW(evaluate("$..*", around), BudgetExceeded);
    around.budget = Budget({.steps = 200'000});
    EXPECT_THROW(evaluate("$..[0]..[1]", around), BudgetExceeded);
}

}  // namespace
}  // namespace flowctl::path
