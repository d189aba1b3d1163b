// Intrinsic functions: the recorded answers, then edges, errors and hostile arguments.
#include <set>

#include "path_scope.hpp"

namespace flowctl::path {
namespace {

TEST(IntrinsicArray, Recorded) {
    EXPECT_EQ(evaluate("States.Array($.fst, $.snd)", R"({"fst":"","snd":""})"), R"(["",""])");
    EXPECT_EQ(evaluate("States.Array($.fst, $.snd)", R"({"fst":null,"snd":null})"), "[null,null]");
    EXPECT_EQ(evaluate("States.Array($.fst, $.fst)", R"({"fst":{"Arg1":1,"Arg2":[]}})"),
              R"([{"Arg1":1,"Arg2":[]},{"Arg1":1,"Arg2":[]}])");
    EXPECT_EQ(evaluate("States.Array('Foo', 2020, $.someJson, null)", R"({"someJson":{"random":"abcdefg"}})"),
              R"(["Foo",2020,{"random":"abcdefg"},null])");
    EXPECT_EQ(evaluate("States.Array()", "{}"), "[]");
    EXPECT_EQ(evaluate("States.Array( 1 ,true,false , -2.50 )", "{}"), "[1,true,false,-2.50]");
}

TEST(IntrinsicArray, Partition) {
    const auto partition = [](std::string_view items, std::string_view size) {
        return evaluate("States.ArrayPartition($.fst, $.snd)",
                        "{\"fst\":" + std::string(items) + ",\"snd\":" + std::string(size) + "}");
    };
    const std::string failed =
        "error: The function 'States.ArrayPartition($.fst, $.snd)' had the following error: "
        "Invalid arguments in States.ArrayPartition";
    EXPECT_EQ(partition("[]", "1"), "[]");
    EXPECT_EQ(partition("[]", "3"), "[]");
    EXPECT_EQ(partition("[0]", "1"), "[[0]]");
    EXPECT_EQ(partition("[0]", "4"), "[[0]]");
    EXPECT_EQ(partition("[0,1]", "1"), "[[0],[1]]");
    EXPECT_EQ(partition("[0,1,2]", "2"), "[[0,1],[2]]");
    EXPECT_EQ(partition("[0,1,2]", "3"), "[[0,1,2]]");
    EXPECT_EQ(partition("[1,2,3,4,5]", "2.6"), "[[1,2],[3,4],[5]]");
    EXPECT_EQ(partition("[1,2,3]", "9223372036854775807"), "[[1,2,3]]");
    for (const char* size : {"0", "-1", "0.6", "-0.4", "\"2\"", "null", "1e400", "1e30", "[1]"}) {
        EXPECT_EQ(partition("[1,2,3]", size), failed) << size;
    }
    EXPECT_EQ(partition("{}", "1"), failed);
}

TEST(IntrinsicArray, Contains) {
    const auto contains = [](std::string_view items, std::string_view item) {
        return evaluate("States.ArrayContains($.fst, $.snd)",
                        "{\"fst\":" + std::string(items) + ",\"snd\":" + std::string(item) + "}");
    };
    EXPECT_EQ(contains("[]", "[]"), "false");
    EXPECT_EQ(contains(R"([{"1":2,"2":[]}])", "[]"), "false");
    EXPECT_EQ(contains(R"([{"1":2,"2":[]}])", R"({"2":[],"1":2.0})"), "true");
    EXPECT_EQ(contains("[true,false]", "true"), "true");
    EXPECT_EQ(contains("[true,false]", "false"), "true");
    EXPECT_EQ(contains("[\"5\"]", "5"), "false");
    EXPECT_EQ(contains("[1,null]", "null"), "true");
    EXPECT_EQ(evaluate("States.ArrayContains($.inputArray, 5)", R"({"inputArray":[1,2,3,4,5]})"), "true");
}

TEST(IntrinsicArray, Range) {
    EXPECT_EQ(evaluate("States.ArrayRange(0, 10, 3)", "{}"), "[0,3,6,9]");
    EXPECT_EQ(evaluate("States.ArrayRange(1, 9, 9)", "{}"), "[1]");
    EXPECT_EQ(evaluate("States.ArrayRange(1, 9, 2)", "{}"), "[1,3,5,7,9]");
    EXPECT_EQ(evaluate("States.ArrayRange(5, 1, -2)", "{}"), "[5,3,1]");
    EXPECT_EQ(evaluate("States.ArrayRange(3, 3, -1)", "{}"), "[3]");
    EXPECT_EQ(evaluate("States.ArrayRange(5, 1, 1)", "{}"), "[]");
    EXPECT_EQ(evaluate("States.ArrayRange(1, 5, -1)", "{}"), "[]");
    EXPECT_EQ(evaluate("States.ArrayRange(1.4, 5.6, 2.2)", "{}"), "[1,3,5]");
    EXPECT_EQ(evaluate("States.ArrayRange(5.4, -0.6, -2.4)", "{}"), "[5,3,1]");
    EXPECT_EQ(evaluate("States.ArrayLength(States.ArrayRange(1, 1000, 1))", "{}"), "1000");
    EXPECT_EQ(evaluate("States.ArrayRange(9223372036854775806, 9223372036854775807, 1)", "{}"),
              "[9223372036854775806,9223372036854775807]");
    for (const char* call :
         {"States.ArrayRange(1, 1001, 1)", "States.ArrayRange(1001, 1, -1)", "States.ArrayRange(1, 10, 0)",
          "States.ArrayRange(1, 10, 0.49)", "States.ArrayRange(1, 1e300, 1)",
          "States.ArrayRange(-9223372036854775808, 9223372036854775807, 1)"}) {
        EXPECT_EQ(evaluate(call, "{}"),
                  "error: The function '" + std::string(call) +
                      "' had the following error: Invalid arguments in States.ArrayRange");
    }
}

TEST(IntrinsicArray, GetItemAndLength) {
    EXPECT_EQ(evaluate("States.ArrayGetItem($.a, 0)", R"({"a":["x","y"]})"), "\"x\"");
    EXPECT_EQ(evaluate("States.ArrayGetItem($.a, $.i)", R"({"a":["x","y"],"i":1})"), "\"y\"");
    EXPECT_EQ(evaluate("States.ArrayGetItem($.a, 2)", R"({"a":["x","y"]})"),
              "error: The function 'States.ArrayGetItem($.a, 2)' had the following error: "
              "Invalid arguments in States.ArrayGetItem");
    EXPECT_EQ(evaluate("States.ArrayGetItem($.a, -1)", R"({"a":["x","y"]})"),
              "error: The function 'States.ArrayGetItem($.a, -1)' had the following error: "
              "Invalid arguments in States.ArrayGetItem");
    EXPECT_EQ(evaluate("States.ArrayLength($)", "[1,2,3,4,5,6,7,8,9]"), "9");
    EXPECT_EQ(evaluate("States.ArrayLength($.a[*].nope)", R"({"a":[1,2]})"), "0");
    EXPECT_EQ(evaluate("States.ArrayLength($)", "{}"),
              "error: The function 'States.ArrayLength($)' had the following error: "
              "Invalid arguments in States.ArrayLength");
    EXPECT_EQ(evaluate("States.ArrayGetItem(States.StringSplit($.n, '-'), "
                       "States.MathAdd(States.ArrayLength(States.StringSplit($.n, '-')), -1))",
                       R"({"n":"a-b-c"})"),
              "\"c\"");
}

TEST(IntrinsicArray, Unique) {
    EXPECT_EQ(evaluate("States.ArrayUnique($)", "[1,2,3,3,3,3,3,3,4]"), "[1,2,3,4]");
    EXPECT_EQ(evaluate("States.ArrayUnique($)",
                       R"([1,1.0,"1",true,null,null,[1],[1.0],{"a":1,"b":2},{"b":2,"a":1e0}])"),
              R"([1,"1",true,null,[1],{"a":1,"b":2}])");
    EXPECT_EQ(evaluate("States.ArrayUnique($)", "[0,-0,0.0,0e9]"), "[0]");
    EXPECT_EQ(evaluate("States.ArrayUnique($)", "[9007199254740993,9007199254740992]"),
              "[9007199254740993,9007199254740992]");
    std::string many = "[0";
    for (int i = 1; i < 50'000; ++i)
        many += "," + std::to_string(i);
    EXPECT_EQ(evaluate("States.ArrayLength(States.ArrayUnique($))", many + "]"), "50000");
}

TEST(IntrinsicEncoding, Base64AndHash) {
    EXPECT_EQ(evaluate("States.Base64Encode($)", "\"Data to encode\""), R"("RGF0YSB0byBlbmNvZGU=")");
    EXPECT_EQ(evaluate("States.Base64Decode($)", R"("RGF0YSB0byBlbmNvZGU=")"), R"("Data to encode")");
    EXPECT_EQ(evaluate("States.Base64Encode('')", "{}"), R"("")");
    EXPECT_EQ(evaluate("States.Base64Decode('')", "{}"), R"("")");
    const auto fails = [](std::string_view call, std::string_view input) {
        return evaluate(call, input).find("had the following error: Invalid arguments in States.") !=
               std::string::npos;
    };
    EXPECT_TRUE(fails("States.Base64Decode($)", "\"%%%\""));
    EXPECT_TRUE(fails("States.Base64Decode($)", "\"/w==\""));  // not UTF-8
    EXPECT_TRUE(fails("States.Base64Decode($)", "\"AA==\""));  // \u0000
    EXPECT_TRUE(fails("States.Base64Encode($)", "1"));
    EXPECT_FALSE(fails("States.Base64Encode($)", "\"" + std::string(10'000, 'x') + "\""));
    std::string encoded;
    for (int i = 0; i < 2'500; ++i)
        encoded += "QUFB";
    EXPECT_FALSE(fails("States.Base64Decode($)", "\"" + encoded + "\""));
    EXPECT_TRUE(fails("States.Base64Decode($)", "\"" + encoded + "QQ==\""));
    EXPECT_TRUE(fails("States.Base64Encode($)", "\"" + std::string(10'001, 'x') + "\""));
    EXPECT_EQ(evaluate("States.Hash($.d, $.a)", R"({"d":"input data","a":"SHA-256"})"),
              R"("b4a697a057313163aee33cd8d40c66e9f0f177e00cac2de32475ffff6169c3e3")");
    EXPECT_EQ(evaluate("States.Hash('input data', 'SHA-1')", "{}"),
              R"("aaff4a450a104cd177d28d18d74485e8cae074b7")");
    EXPECT_EQ(evaluate("States.Hash('abc', 'MD5')", "{}"), R"("900150983cd24fb0d6963f7d28e17f72")");
    EXPECT_TRUE(fails("States.Hash('abc', 'md5')", "{}"));
    EXPECT_TRUE(fails("States.Hash($, 'MD5')", "\"" + std::string(10'001, 'x') + "\""));
}

TEST(IntrinsicJson, MergeParsePrint) {
    EXPECT_EQ(
        evaluate("States.JsonMerge($.a, $.b, false)", R"({"a":{"x":{"y":1},"z":1},"b":{"x":{"w":2},"v":3}})"),
        R"({"x":{"w":2},"z":1,"v":3})");
    EXPECT_NE(evaluate("States.JsonMerge($, $, true)", "{}").find("deep merging is not supported"),
              std::string::npos);
    EXPECT_EQ(evaluate("States.StringToJson($)", "\"\""), "null");
    EXPECT_EQ(evaluate("States.StringToJson($)", "\" \""), "null");
    EXPECT_EQ(evaluate("States.StringToJson($)", "\"-0\""), "0");
    EXPECT_EQ(evaluate("States.StringToJson($)", "\"true\""), "true");
    EXPECT_EQ(evaluate("States.StringToJson($)", R"("\"HelloWorld\"")"), "\"HelloWorld\"");
    EXPECT_EQ(evaluate("States.StringToJson($)", R"("[1, 2, \"HelloWorld\"]")"), R"([1,2,"HelloWorld"])");
    EXPECT_EQ(evaluate("States.StringToJson($)", R"("{\"a\":1.50}")"), R"({"a":1.50})");
    EXPECT_EQ(evaluate("States.StringToJson($)", "\"{\""),
              "error: The function 'States.StringToJson($)' had the following error: "
              "Invalid arguments in States.StringToJson");
    EXPECT_EQ(evaluate("States.JsonToString($)", "0"), R"("0")");
    EXPECT_EQ(evaluate("States.JsonToString($)", "1.1"), R"("1.1")");
    EXPECT_EQ(evaluate("States.JsonToString($)", "true"), R"("true")");
    EXPECT_EQ(evaluate("States.JsonToString($)", R"({ "b" : "x\"" , "a" : [ 1 , null ] })"),
              R"("{\"b\":\"x\\\"\",\"a\":[1,null]}")");
}

TEST(IntrinsicMath, AddRoundsHalfUp) {
    const auto add = [](std::string_view a, std::string_view b) {
        return evaluate("States.MathAdd($[0], $[1])", "[" + std::string(a) + "," + std::string(b) + "]");
    };
    EXPECT_EQ(add("-1.49", "-1.5"), "-2");
    EXPECT_EQ(add("-1.5", "-1.51"), "-3");
    EXPECT_EQ(add("1.5", "0"), "2");
    EXPECT_EQ(add("1.51", "0"), "2");
    EXPECT_EQ(add("-1.49", "0"), "-1");
    EXPECT_EQ(add("3.5", "0"), "4");
    EXPECT_EQ(add("-0.5", "0.5"), "1");
    EXPECT_EQ(add("-2.5", "0"), "-2");
    EXPECT_EQ(add("-3.5", "0"), "-3");
    EXPECT_EQ(add("9007199254740993", "1"), "9007199254740994");
    EXPECT_EQ(add("1e2", "1.0"), "101");
    const std::string failed =
        "error: The function 'States.MathAdd($[0], $[1])' had the following error: Invalid arguments in "
        "States.MathAdd";
    EXPECT_EQ(add("9223372036854775807", "1"), failed);
    EXPECT_EQ(add("1e19", "1"), failed);
    EXPECT_EQ(add("1e400", "1"), failed);
    EXPECT_EQ(add("1", "\"2\""), failed);
    EXPECT_EQ(add("1", "null"), failed);
}

TEST(IntrinsicMath, Random) {
    TestScope around(R"({"a":-99999,"b":-9999})");
    std::set<std::string> seen;
    for (int i = 0; i < 200; ++i) {
        const std::string text = evaluate("States.MathRandom($.a, $.b)", around);
        const int value = std::stoi(text);
        ASSERT_GE(value, -99999);
        ASSERT_LT(value, -9999);
        seen.insert(text);
    }
    EXPECT_GT(seen.size(), 100u);
    // java.util.Random(42).nextDouble() = 0.7275636800328681
    EXPECT_EQ(evaluate("States.MathRandom(0, 10000000, 42)", around), "7275636");
    EXPECT_EQ(evaluate("States.MathRandom(1, 2, -10)", around), "1");
    EXPECT_EQ(evaluate("States.MathRandom(1, 100, 7)", around),
              evaluate("States.MathRandom(1, 100, 7)", around));
    const std::string whole =
        evaluate("States.MathRandom(-9223372036854775808, 9223372036854775807, 42)", around);
    EXPECT_EQ(whole.find("error"), std::string::npos) << whole;
    for (const char* call :
         {"States.MathRandom(1, 1)", "States.MathRandom(10, 5)", "States.MathRandom(1.4, 1.6)"}) {
        EXPECT_NE(evaluate(call, around).find("Invalid arguments in States.MathRandom"), std::string::npos)
            << call;
    }
}

TEST(IntrinsicString, Split) {
    const auto split = [](std::string_view text, std::string_view by) {
        return evaluate("States.StringSplit($[0], $[1])",
                        "[\"" + std::string(text) + "\",\"" + std::string(by) + "\"]");
    };
    EXPECT_EQ(split(" ", ","), R"([" "])");
    EXPECT_EQ(split(" , ", ","), R"([" "," "])");
    EXPECT_EQ(split(",,,,", ","), "[]");
    EXPECT_EQ(split("a,b;c d", ",; "), R"(["a","b","c","d"])");
    EXPECT_EQ(split("abc", ""), R"(["abc"])");
    EXPECT_EQ(split("", ","), "[]");
    EXPECT_EQ(split("1.2.3", "."), R"(["1","2","3"])");
    EXPECT_EQ(split("aéb€c", "€é"), R"(["a","b","c"])");
    EXPECT_EQ(evaluate("States.StringSplit('Hello\nWorld', '\n')", "{}"), R"(["Hello","World"])");
}

TEST(IntrinsicString, Format) {
    EXPECT_EQ(evaluate("States.Format('Formatting argument {}.', $)", "\"\""), R"("Formatting argument .")");
    EXPECT_EQ(evaluate("States.Format('Formatting argument {}.', $)", "\" \""),
              R"("Formatting argument  .")");
    EXPECT_EQ(evaluate("States.Format('Formatting argument {}.', $)", "1"), R"("Formatting argument 1.")");
    EXPECT_EQ(evaluate("States.Format('{} {}', $.a, $.a)", R"({"a":1.1})"), R"("1.1 1.1")");
    EXPECT_EQ(evaluate("States.Format('fst={} and snd={}.', $, $)", R"({"Arg1":1,"Arg2":[]})"),
              R"("fst={Arg1=1, Arg2=[]} and snd={Arg1=1, Arg2=[]}.")");
    EXPECT_EQ(evaluate("States.Format('{}', $)", R"([1,"x",null,{"a":{"b":[true,2.50]}}])"),
              R"("[1, x, null, {a={b=[true, 2.50]}}]")");
    EXPECT_EQ(evaluate("States.Format('{},{},{},{}', null, true, 'x', -1.5)", "{}"), R"("null,true,x,-1.5")");
    EXPECT_EQ(evaluate("States.Format('')", "{}"), R"("")");
    EXPECT_EQ(evaluate("States.Format('no places')", "{}"), R"("no places")");
    EXPECT_EQ(evaluate(R"(States.Format('it\'s \{{}\} \\', 1))", "{}"), R"("it's {1} \\")");
    EXPECT_EQ(evaluate(R"(States.Format('{}', '\{\}'))", "{}"), R"("{}")");
    EXPECT_EQ(evaluate("States.Format($.t, 'Foo')", R"({"t":"This value is \\{{}\\}"})"),
              R"("This value is {Foo}")");
    EXPECT_EQ(evaluate("States.Format('{}', $)", R"("{}")"), R"("{}")");  // an argument is no format
    EXPECT_EQ(evaluate("States.Format('{}')", "{}"),
              "error: The function 'States.Format('{}')' had the following error: Invalid arguments in "
              "States.Format: "
              "number of arguments do not match the occurrences of {}.");
    EXPECT_NE(evaluate("States.Format('x', 1)", "{}").find("do not match the occurrences"),
              std::string::npos);
    EXPECT_NE(evaluate("States.Format('{', 1)", "{}").find("matching '}' not found for '{'."),
              std::string::npos);
    EXPECT_NE(evaluate("States.Format($)", "\"}\"").find("matching '{' not found for '}'."),
              std::string::npos);
    EXPECT_NE(evaluate("States.Format($, 1)", "5").find("Invalid arguments in States.Format"),
              std::string::npos);
}

TEST(IntrinsicString, Uuid) {
    TestScope around("{}");
    const std::string first = evaluate("States.UUID()", around);
    EXPECT_EQ(first.size(), 38u);
    EXPECT_NE(first, evaluate("States.UUID()", around));
}

TEST(IntrinsicErrors, AMissingArgumentIsNamedWithTheInput) {
    EXPECT_EQ(evaluate("States.Format('{}',$.nope)", R"({"other":1})"),
              "error: The function 'States.Format('{}',$.nope)' had the following error: The JsonPath "
              "argument for the "
              "field '$.nope' could not be found in the input '{\"other\":1}'");
    EXPECT_EQ(evaluate("States.Format('{}', States.Format('{}', $.a.b))", R"({"other":1})"),
              "error: The function 'States.Format('{}', States.Format('{}', $.a.b))' had the following "
              "error: The JsonPath "
              "argument for the field '$.a.b' could not be found in the input '{\"other\":1}'");
    EXPECT_EQ(evaluate("States.Format('{}', $.items[5])", R"({"items":[1,2]})"),
              "error: The function 'States.Format('{}', $.items[5])' had the following error: The JsonPath "
              "argument for the "
              "field '$.items[5]' could not be found in the input '{\"items\":[1,2]}'");
    EXPECT_EQ(evaluate("States.Format('{}', $.other[0])", R"({"other":1})"),
              "error: The function 'States.Format('{}', $.other[0])' had the following error: Filter: [0] "
              "can only be "
              "applied to arrays. Current context is: 1");
    TestScope around(R"({"other":1})");
    around.context = *json::parse(R"({"State":{"Name":"P"}})");
    EXPECT_EQ(evaluate("States.Format('{}', $$.Nope.Deep)", around),
              "error: The function 'States.Format('{}', $$.Nope.Deep)' had the following error: The JsonPath "
              "argument for "
              "the field '$.Nope.Deep' could not be found in the input '{\"other\":1}'");
}

TEST(IntrinsicErrors, ContextAndVariables) {
    TestScope around(R"({"a":1})");
    around.context = *json::parse(R"({"Execution":{"Name":"run"}})");
    around.variables["v"] = json::Value::integer(4);
    EXPECT_EQ(evaluate("States.Format('{}-{}-{}', $$.Execution.Name, $v, $.a)", around), R"("run-4-1")");
    EXPECT_EQ(evaluate("States.Format('{}', $$)", around), R"("{Execution={Name=run}}")");
    EXPECT_EQ(evaluate("States.MathAdd($v,-1)", around), "3");
    const auto compiled = Expression::compile("States.Array($b, States.Array($a.x, $$.c, $.d), $b)",
                                              Expression::Allow::PathsAndIntrinsics);
    ASSERT_TRUE(compiled.ok());
    EXPECT_EQ(compiled->variables(), (std::vector<std::string>{"a", "b"}));
    EXPECT_FALSE(compiled->is_reference());
    EXPECT_TRUE(compiled->is_definite());
}

TEST(IntrinsicSyntax, Accepts) {
    for (const char* call : {
             "States.Format($.template, $.firstName, $.lastName)    ",
             "States.JsonToString($)    ",
             R"(States.Format('Welcome to {} {}\'s playlist.', $.firstName, $.lastName))",
             "States.Array('Foo', 2020, $.someJson, null)",
             "States.ArrayPartition($.inputArray,4)",
             "States.Format('one {}\ntwo {}', $.firstName, 'literal')",
             "States.MathAdd(States.MathAdd(States.MathAdd($yCurrent, $xCurrent), $zCurrent), $bias)",
             "States.Array($['a,b'], $.x[?(@.y == ')')], $.z[0,1])",
             "States.Array($.größe, 'ü')",
         }) {
        EXPECT_EQ(refusal(call), "accepted") << call;
    }
}

TEST(IntrinsicSyntax, Refuses) {
    for (const char* call : {
             "  States.Format($.template, $.firstName, $.lastName)",
             "States.JsonToString($",
             "States.StringToJson $.escaped)",
             "States. ",
             "States\nJsonToString($)",
             " States.Array('Foo', $.xyz, 'Bar', 2.3)",
             R"(States.StringToJson('{"text":"An \"escaped double quote\" here"}'))",
             R"(States.Format('He said, \"Hello, {}!\"', 'Test \"Name\" Here'))",
             "States.MathAdd(1,'-1')",
             "States.Nope()",
             "States.Format",
             "States.Format()",
             "States.UUID(1)",
             "States.ArrayPartition($.arr, )",
             "States.ArrayPartition($.arr)",
             "States.Array(,1)",
             "States.Array(1 2)",
             "States.Array('a",
             "States.Array(\"a\")",
             "States.Array(nul)",
             "States.Array(01)",
             "States.Array({})",
             "States.Array(1))",
             "States.Array($.)",
             "States.Array(.a)",
             R"(States.Array('\n'))",
             R"(States.Array('\))",
             "states.Array(1)",
             "$.a + 1",
             "",
         }) {
        EXPECT_NE(refusal(call), "accepted") << call;
    }
    EXPECT_NE(refusal("States.UUID()", Expression::Allow::Paths), "accepted");
}

TEST(IntrinsicSyntax, NestsTenDeep) {
    const auto nested = [](int depth) {
        std::string text = "1";
        for (int i = 0; i < depth; ++i)
            text = "States.Array(" + text + ")";
        return text;
    };
    EXPECT_EQ(evaluate(nested(10), "{}"), "[[[[[[[[[[1]]]]]]]]]]");
    EXPECT_EQ(refusal(nested(11)), "intrinsic functions may be nested 10 deep");
    EXPECT_EQ(refusal(nested(5'000)), "intrinsic functions may be nested 10 deep");
}

TEST(IntrinsicBudget, SharedValuesDoNotExplode) {
    TestScope around("null");
    json::Value wide = json::Value::string("x");
    for (int i = 0; i < 60; ++i)
        wide = json::Value::array({wide, wide});
    json::Value other = json::Value::string("x");
    for (int i = 0; i < 60; ++i)
        other = json::Value::array({other, other});
    around.input = json::Value::array({wide, other});
    around.budget = Budget({.steps = 200'000});
    EXPECT_THROW(evaluate("States.JsonToString($)", around), BudgetExceeded);
    around.budget = Budget({.steps = 200'000});
    EXPECT_THROW(evaluate("States.Format('{}', $)", around), BudgetExceeded);
    around.budget = Budget({.steps = 200'000});
    EXPECT_THROW(evaluate("States.ArrayUnique($)", around), BudgetExceeded);
    around.budget = Budget({.steps = 200'000});
    EXPECT_THROW(evaluate("States.ArrayContains($, $[1])", around), BudgetExceeded);
    around.budget = Budget({.steps = 200'000});
    EXPECT_EQ(evaluate("States.Array($.x)", around),
              "error: The function 'States.Array($.x)' had the following error: The JsonPath argument for "
              "the field '$.x' "
              "could not be found in the input '(13835058055282163709 bytes)'");
}

}  // namespace
}  // namespace flowctl::path
