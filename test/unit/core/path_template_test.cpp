// Payload templates and ResultPath.
#include "path_scope.hpp"

namespace flowctl::path {
namespace {

json::Value read(std::string_view text) {
    return *json::parse(text);
}

std::string fill(std::string_view text, std::string_view input) {
    auto compiled = Template::compile(read(text));
    if (!compiled.ok())
        return "refused: " + compiled.error().front().pointer + ": " + compiled.error().front().message;
    TestScope around(input);
    around.context = read(R"({"State":{"Name":"P"}})");
    around.variables["v"] = read("[1]");
    auto result = compiled->evaluate(around.scope());
    return result.ok() ? json::dump(*result) : "error: " + result.error().message;
}

TEST(PathTemplate, FillsMarkedMembers) {
    EXPECT_EQ(
        fill(
            R"~({"a.$":"$.x","b":"$.x","c":[1,{"d.$":"$$.State.Name"}],"e.$":"$v","f.$":"States.MathAdd($.x,1)"})~",
            R"({"x":1})"),
        R"({"a":1,"b":"$.x","c":[1,{"d":"P"}],"e":[1],"f":2})");
    EXPECT_EQ(fill(R"({"$bucket":"$bucket",".$":"$.x"})", R"({"x":1})"), R"({"$bucket":"$bucket","":1})");
    EXPECT_EQ(fill(R"({"item.$":"$.items[1:]"})", "null"), R"({"item":[]})");
    EXPECT_EQ(fill(R"({"item.$":"$.items[5]"})", R"({"items":[1,2]})"), R"({"item":null})");
    EXPECT_EQ(fill("\"$.x\"", R"({"x":1})"), "\"$.x\"");
    EXPECT_EQ(fill("null", "{}"), "null");
}

TEST(PathTemplate, TheLaterOfTwoSpellingsCounts) {
    EXPECT_EQ(fill(R"({"a":0,"b":1,"a.$":"$.x"})", R"({"x":1})"), R"({"b":1,"a":1})");
    EXPECT_EQ(fill(R"({"a.$":"$.x","b":1,"a":0})", R"({"x":1})"), R"({"b":1,"a":0})");
}

TEST(PathTemplate, LiteralsAreTheSamePayload) {
    const json::Value literal = read(R"({"a":{"b":[1,2]},"c.$":"$.x"})");
    auto compiled = Template::compile(literal);
    ASSERT_TRUE(compiled.ok());
    TestScope around(R"({"x":{"y":1}})");
    const json::Value filled = *compiled->evaluate(around.scope());
    EXPECT_TRUE(filled.find("a")->same(*literal.find("a")));
    EXPECT_TRUE(filled.find("c")->same(*around.input.find("x")));
    const json::Value whole = read(R"({"a":[{}]})");
    EXPECT_TRUE(Template::compile(whole)->evaluate(around.scope())->same(whole));
}

TEST(PathTemplate, ErrorsReadAsRecorded) {
    EXPECT_EQ(fill(R"({"value.$":"$.no_such_jsonpath"})", R"({"int-literal": 0})"),
              "error: The JSONPath '$.no_such_jsonpath' specified for the field 'value.$' could not be found "
              "in the input "
              "'{\"int-literal\":0}'");
    EXPECT_EQ(fill(R"({"a":[{"b.$":"$$.Nope"}]})", "{}"),
              "error: The JSONPath '$$.Nope' specified for the field 'b.$' could not be found in the input "
              "'{\"State\":{\"Name\":\"P\"}}'");
    EXPECT_EQ(
        fill(R"({"b.$":"$v.x"})", "{}"),
        "error: The JSONPath '$v.x' specified for the field 'b.$' could not be found in the input '[1]'");
    EXPECT_EQ(fill(R"~({"b.$":"States.Format('{}', $.x)"})~", "{}"),
              "error: The function 'States.Format('{}', $.x)' had the following error: The JsonPath argument "
              "for the field "
              "'$.x' could not be found in the input '{}'");
}

TEST(PathTemplate, AllProblemsWithPlaces) {
    auto compiled = Template::compile(
        read(R"~({"a.$":1,"b":[0,{"c/d~.$":"$.."}],"e":{"f.$":"States.Nope()"},"g.$":"$.fine","h.$":"x"})~"));
    ASSERT_FALSE(compiled.ok());
    std::vector<std::string> pointers;
    for (const Template::Problem& problem : compiled.error()) {
        pointers.push_back(problem.pointer);
        EXPECT_FALSE(problem.message.empty());
    }
    EXPECT_EQ(pointers, (std::vector<std::string>{"/a.$", "/b/1/c~1d~0.$", "/e/f.$", "/h.$"}));
}

TEST(PathTemplate, Variables) {
    auto compiled =
        Template::compile(read(R"~({"a.$":"$x.y","b":[{"c.$":"States.Array($z, $.q, $x)"}],"d":"$no"})~"));
    ASSERT_TRUE(compiled.ok());
    EXPECT_EQ(compiled->variables(), (std::vector<std::string>{"x", "z"}));
}

TEST(PathTemplate, DepthIsLimited) {
    json::Value deep = json::Value::integer(1);
    for (int i = 0; i < 1'500; ++i)
        deep = json::Value::array({deep});
    auto compiled = Template::compile(deep);
    ASSERT_FALSE(compiled.ok());
    EXPECT_EQ(compiled.error().front().message, "nested too deeply");
}

std::string insert(std::string_view path, std::string_view root, std::string_view value) {
    auto compiled = ReferencePath::compile(path);
    if (!compiled.ok()) return "refused";
    Budget budget;
    auto result = compiled->insert(read(root), read(value), budget);
    return result.ok() ? json::dump(*result) : "error: " + result.error().message;
}

TEST(PathReference, Inserts) {
    EXPECT_EQ(insert("$", R"({"a":1})", "2"), "2");
    EXPECT_EQ(insert("$.a", R"({"a":1,"b":2})", "[3]"), R"({"a":[3],"b":2})");
    EXPECT_EQ(insert("$.c", R"({"a":1})", "3"), R"({"a":1,"c":3})");
    EXPECT_EQ(insert("$.x.y.z", R"({"a":1})", "3"), R"({"a":1,"x":{"y":{"z":3}}})");
    EXPECT_EQ(insert("$['x y']['z']", "{}", "3"), R"({"x y":{"z":3}})");
    EXPECT_EQ(insert("$.a[1].b", R"({"a":[1,{"c":2}]})", "3"), R"({"a":[1,{"c":2,"b":3}]})");
    EXPECT_EQ(insert("$[0]", "[1,2]", "3"), "[3,2]");
}

TEST(PathReference, KeepsTheRest) {
    const json::Value root = read(R"({"a":{"b":[1]},"c":{"d":2}})");
    Budget budget;
    auto result = ReferencePath::compile("$.c.e")->insert(root, json::Value::integer(1), budget);
    ASSERT_TRUE(result.ok());
    EXPECT_TRUE(result->find("a")->same(*root.find("a")));
    EXPECT_EQ(json::dump(root), R"({"a":{"b":[1]},"c":{"d":2}})");
}

TEST(PathReference, CannotApply) {
    EXPECT_EQ(insert("$.a", "\"text\"", "1"), R"(error: Unable to apply ReferencePath $.a to input "text")");
    EXPECT_EQ(insert("$.a.b", R"({"a":null})", "1"),
              R"(error: Unable to apply ReferencePath $.a.b to input {"a":null})");
    EXPECT_EQ(insert("$.a[1]", R"({"a":[0]})", "1"),
              R"(error: Unable to apply ReferencePath $.a[1] to input {"a":[0]})");
    EXPECT_EQ(insert("$.a[0]", R"({})", "1"), "error: Unable to apply ReferencePath $.a[0] to input {}");
}

TEST(PathReference, RefusesWhatIsNoReference) {
    for (const char* path :
         {"$...", ".guid", "..guid", "$foo", "$$", "$$.a", "$.a[*]", "$.a[-1]", "$..a", "$['a','b']",
          "$.a[1:2]", "$.a[?(@.b)]", "$.a.length()", "", "a", "States.UUID()"}) {
        EXPECT_EQ(insert(path, "{}", "1"), "refused") << path;
    }
}

}  // namespace
}  // namespace flowctl::path
