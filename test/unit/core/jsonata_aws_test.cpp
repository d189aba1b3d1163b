// JSONata as Step Functions has it: six functions more, no context item, limits that a Catch sees.
#include "jsonata_support.hpp"

namespace flowctl::jsonata {
namespace {

const Run kFlow{.flow = FlowRules{}};

std::string in_flow(std::string_view text, std::string_view input = "") {
    return evaluate(text, input, kFlow);
}

std::string repeated(std::string_view text, int times) {
    std::string out;
    for (int i = 0; i < times; ++i)
        out += text;
    return out;
}

constexpr const char* kMemory =
    "Expression evaluation memory limit exceeded: Check for excessive memory usage";
constexpr const char* kStack =
    "Stack overflow error: Check for non-terminating recursive function. Consider rewriting as "
    "tail-recursive";
constexpr const char* kTime = "Expression evaluation timeout: Check for infinite loop";

TEST(JsonataAws, Partition) {
    EXPECT_EQ(in_flow("$partition([0], 1)"), "[[0]]");
    EXPECT_EQ(in_flow("$partition([1,2,3,4,5], 2)"), "[[1,2],[3,4],[5]]");
    EXPECT_EQ(in_flow("$partition([0,1], 4)"), "[[0,1]]");
    EXPECT_EQ(in_flow("$partition([1,2,3], 2.9)"), "[[1,2],[3]]");
    EXPECT_EQ(in_flow("$partition([1,2,3])"), "[[1,2,3]]");
    EXPECT_EQ(in_flow("$partition([1,2], 1e300)"), "[[1,2]]");
    EXPECT_EQ(in_flow("$partition([1..3], 2)"), "[[1,2],[3]]");
    EXPECT_EQ(in_flow("$partition([], 2)"), "undefined");
    EXPECT_EQ(in_flow("$partition([1], 0)"), "undefined");
    EXPECT_EQ(in_flow("$partition([1], -0.5)"), "undefined");
    EXPECT_EQ(in_flow("$partition($none, 2)"), "undefined");
    EXPECT_EQ(message("$partition([1], -1)", kFlow), "Second argument must be zero or greater");
    EXPECT_EQ(in_flow("$partition([1], -1)"), "D3137@11 partition");
    EXPECT_EQ(message("$partition(null, 2)", kFlow),
              "Argument 1 of function \"partition\" must be an array of undefined");
    EXPECT_EQ(in_flow("$partition([1], '2')"), "T0410@11 partition");
    EXPECT_EQ(in_flow("$partition([1], 2, 'x')"), "T0410@11 partition");
}

TEST(JsonataAws, Range) {
    EXPECT_EQ(in_flow("$range(0, 10, 3)"), "[0,3,6,9]");
    EXPECT_EQ(in_flow("$range(0, 10, 2)"), "[0,2,4,6,8,10]");
    EXPECT_EQ(in_flow("$range(10, 0, -5)"), "[10,5,0]");
    EXPECT_EQ(in_flow("$range(1, 9, 9)"), "1");
    EXPECT_EQ(in_flow("$range(3, 3, 1)"), "3");
    EXPECT_EQ(in_flow("$range(-1.7, 2, 1)"), "[-1,0,1,2]");
    EXPECT_EQ(in_flow("$range(5, 1, -1.5)"), "[5,4,3,2,1]");
    EXPECT_EQ(in_flow("$range(5, 1, 1)"), "undefined");
    EXPECT_EQ(in_flow("$range(1, 5, 0)"), "undefined");
    EXPECT_EQ(in_flow("$range(1, 5)"), "undefined");
    EXPECT_EQ(in_flow("$range(1)"), "T0410@7 range");
    EXPECT_EQ(in_flow("$range(1, 5, 1, 'x')"), "T0410@7 range");
    // Ends and steps at the edge of what Java's long holds.
    EXPECT_EQ(in_flow("$count($range(-9223372036854775808, 9223372036854775807, 9223372036854775807))"), "3");
    EXPECT_EQ(in_flow("$count($range(9223372036854775807, -9223372036854775808, -9223372036854775808))"),
              "2");
    EXPECT_EQ(in_flow("$count($range(0, 1e300, 1e300))"), "2");
}

TEST(JsonataAws, Hash) {
    EXPECT_EQ(in_flow("$hash('Hello', 'MD5')"), "\"8b1a9953c4611296a827abf8c47804d7\"");
    EXPECT_EQ(in_flow("$hash('input', 'SHA-1')"), "\"140f86aae51ab9e1cda9b4254fe98a74eb54c1a1\"");
    EXPECT_EQ(in_flow("$hash('Hello', 'SHA-256')"),
              "\"185f8db32271fe25f561a6fc938b2e264306ec304eda518007d1764826381969\"");
    EXPECT_EQ(in_flow("$hash('Hello', 'SHA-384')").substr(0, 17), "\"3519fe5ad2c596ef");
    EXPECT_EQ(in_flow("$hash('Hello', 'SHA-512')").substr(0, 17), "\"3615f80c9d293ed7");
    EXPECT_EQ(in_flow("$hash('ñ', 'MD5')"), "\"94e9342ecbb1458b6043ecd3bfcbc192\"");
    EXPECT_EQ(in_flow("$hash('a')"), "undefined");
    EXPECT_EQ(message("$hash('a', 'md5')", kFlow),
              "Hash algorithm 'md5' must be one of SHA-1, SHA-384, SHA-256, SHA-512, MD5");
    EXPECT_EQ(in_flow("$hash(42, 'MD5')"), "T0410@6 hash");
    EXPECT_EQ(in_flow("$hash('a', 5)"), "T0410@6 hash");
}

TEST(JsonataAws, Random) {
    EXPECT_EQ(in_flow("$random(42)"), "0.7275636800328681");
    EXPECT_EQ(in_flow("$random(0)"), "0.730967787376657");
    EXPECT_EQ(in_flow("$random(7.9)"), "0.7306990420600421");
    EXPECT_EQ(in_flow("$random() = $random()"), "false");
    EXPECT_EQ(in_flow("($r := $random(); $r >= 0 and $r < 1)"), "true");
    EXPECT_EQ(in_flow("$random(1, 2)"), "T0410@8 random");
    // The same seed of the evaluation gives the same numbers.
    EXPECT_EQ(in_flow("$random()"), in_flow("$random()"));
}

TEST(JsonataAws, Uuid) {
    EXPECT_EQ(
        in_flow(
            "$contains($uuid(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)"),
        "true");
    EXPECT_EQ(in_flow("$uuid() = $uuid()"), "false");
    EXPECT_EQ(in_flow("$uuid('x')"), "T0410@6 uuid");
}

TEST(JsonataAws, Parse) {
    EXPECT_EQ(in_flow(R"($parse('{"b":1,"a":[true,null]}'))"), R"({"b":1,"a":[true,null]})");
    EXPECT_EQ(in_flow(R"($parse('{"a":{"b":[1,2]}}').a.b[1])"), "2");
    EXPECT_EQ(in_flow(R"($map(['{"a":1}', '{"a":2}'], $parse).a)"), "[1,2]");
    EXPECT_EQ(in_flow("$parse('9223372036854775807')"), "9223372036854775807");
    EXPECT_EQ(in_flow("$exists($parse('null'))"), "true");
    EXPECT_EQ(in_flow("$parse()"), "undefined");
    EXPECT_EQ(in_flow("$parse(null)"), "T0410@7 parse");
    EXPECT_EQ(in_flow("$parse('{}', 'x')"), "T0410@7 parse");
    for (const char* text : {"", "  ", "nothing", "1 2", R"({"a":1}{"b":2})", R"({"a":1,"a":2})",
                             R"([{"b":1,"b":1}])", "1e400", "[1e400]"}) {
        const std::string expression = "$parse('" + std::string(text) + "')";
        EXPECT_EQ(in_flow(expression), "D3137@7 parse") << text;
        EXPECT_EQ(message(expression, kFlow), "Invalid JSON") << text;
    }
}

TEST(JsonataAws, EvalIsNotThere) {
    EXPECT_EQ(in_flow("$eval('1+1')"), "T1006@6 eval");
    EXPECT_EQ(message("$eval('1+1')", kFlow), "Attempted to invoke a non-function");
    EXPECT_EQ(in_flow("$exists($eval)"), "false");
}

TEST(JsonataAws, NumbersThatJsonHasNot) {
    EXPECT_EQ(in_flow("1/0"), "\"Infinity\"");
    EXPECT_EQ(in_flow("[-1/0, {'k': 0/0}]"), R"(["-Infinity",{"k":"NaN"}])");
    EXPECT_EQ(in_flow("1/0 + 1"), "D1001@5 +");
    EXPECT_EQ(evaluate("1/0").substr(0, 5), "D1001");
}

TEST(JsonataAws, Depth) {
    const std::string recursive = "($f := function($x){ $x <= 0 ? 0 : 1 + $f($x-1) }; $f(";
    EXPECT_EQ(in_flow("1" + repeated("+1", 99)), "100");
    EXPECT_EQ(in_flow("1" + repeated("+1", 100)), kStack);
    EXPECT_EQ(in_flow("1" + repeated("+1", 199)), kStack);
    EXPECT_EQ(in_flow(repeated("(", 99) + "1" + repeated(")", 99)), "1");
    EXPECT_EQ(in_flow(repeated("(", 100) + "1" + repeated(")", 100)), kStack);
    EXPECT_EQ(in_flow("$exists(" + repeated("[", 98) + "1" + repeated("]", 98) + ")"), "true");
    EXPECT_EQ(in_flow("1" + repeated(" ~> $string()", 99)), "\"1\"");
    EXPECT_EQ(in_flow("1" + repeated(" ~> $string()", 100)), kStack);
    EXPECT_EQ(in_flow(recursive + "31))"), "31");
    EXPECT_EQ(in_flow(recursive + "32))"), kStack);
    // Calls in tail position do not nest.
    EXPECT_EQ(in_flow("($f := function($n, $a){ $n = 0 ? $a : $f($n - 1, $a + 1) }; $f(5000, 0))"), "5000");
}

TEST(JsonataAws, Memory) {
    const std::string doubled =
        "($p := function($s, $n) { $n = 0 ? $s : $p($s & $s, $n - 1) }; $length($p('x', ";
    EXPECT_EQ(in_flow("$count([1..873782])"), "873782");
    EXPECT_EQ(in_flow("$count([1..873783])"), kMemory);
    EXPECT_EQ(in_flow("[1..900000] ~> $count()"), kMemory);
    EXPECT_EQ(in_flow("$count($append([1..873782], 1))"), kMemory);
    EXPECT_EQ(in_flow(doubled + "22)))"), "4194304");
    EXPECT_EQ(in_flow(doubled + "23)))"), kMemory);
    EXPECT_EQ(in_flow("$length($pad('', 8388608))"), kMemory);
    EXPECT_EQ(in_flow("$count($range(1, 360145, 1))"), "360145");
    EXPECT_EQ(in_flow("$count($range(1, 360146, 1))"), kMemory);
    EXPECT_EQ(in_flow("$count($range(1, 1e15, 1))"), kMemory);
    EXPECT_EQ(in_flow("$sum($map([1..200000], function($v){ $v * 2 }))"), "40000200000");
}

TEST(JsonataAws, LimitsAreSettings) {
    const auto within = [](std::string_view text) {
        return evaluate(text, "", {.flow = FlowRules{.depth = 10, .value_bytes = 80, .range_items = 5}});
    };
    EXPECT_EQ(within("1+1+1+1+1+1+1+1+1+1"), "10");
    EXPECT_EQ(within("1+1+1+1+1+1+1+1+1+1+1"), kStack);
    EXPECT_EQ(within("$count([1..10])"), "10");
    EXPECT_EQ(within("$count([1..11])"), kMemory);
    EXPECT_EQ(within("$range(1,6,1)"), kMemory);
}

TEST(JsonataAws, TheBudgetIsAnErrorOfTheExpression) {
    const auto within = [](std::string_view text, const Budget::Limits& limits) {
        return evaluate(text, "", {.limits = limits, .flow = FlowRules{}});
    };
    EXPECT_EQ(within("($f := function($x){ $f($x+1) }; $f(1))", {.steps = 10'000}), kTime);
    EXPECT_EQ(within("$map([1..100000], function($x){ [$x] })", {.bytes = 1 << 20}), kMemory);
}

std::vector<std::string> unsupported(std::string_view text, const Expression::Places& places = {}) {
    const auto expression = Expression::compile(text);
    if (!expression.ok()) return {expression.error().code};
    return expression.value().unsupported(places);
}

std::vector<std::string> names(std::initializer_list<const char*> list) {
    std::vector<std::string> out;
    for (const char* name : list)
        out.push_back("Reference to '" + std::string(name) + "' at the top level is not supported.");
    return out;
}

TEST(JsonataAws, NamesAtTheTopLevelAreUnsupported) {
    EXPECT_EQ(unsupported("phone"), names({"phone"}));
    EXPECT_EQ(unsupported("phone[0]"), names({"phone"}));
    EXPECT_EQ(unsupported("phone.number^(kind){a: b}"), names({"phone"}));
    EXPECT_EQ(unsupported("aaa + bbb & aaa"), names({"aaa", "bbb"}));
    EXPECT_EQ(unsupported("$"), names({"$"}));
    EXPECT_EQ(unsupported("$.phone"), names({"$"}));
    EXPECT_EQ(unsupported("$[0]"), names({"$"}));
    EXPECT_EQ(unsupported("$$.phone"), std::vector<std::string>{"Reference to '$$' is not supported."});
    EXPECT_EQ(unsupported("`a b`"), names({"a b"}));
    EXPECT_EQ(unsupported(R"("a\ud882" . "b\udc00")"), names({"a\uFFFD"}));
    EXPECT_EQ(unsupported(R"("a\u0000".b)"), names({"a\uFFFD"}));
    EXPECT_EQ(unsupported("[a, -b]"), names({"a", "b"}));
    EXPECT_EQ(unsupported("{aaa: bbb, 'c': $}"), names({"aaa", "bbb", "$"}));
    EXPECT_EQ(unsupported("a ? b : c"), names({"a", "b", "c"}));
    EXPECT_EQ(unsupported("(a; $x := b; c)"), names({"a", "b", "c"}));
    EXPECT_EQ(unsupported("a ?? b ?: c"), names({"a", "b", "c"}));
    EXPECT_EQ(unsupported("$sum(a) ~> $string(b)"), names({"a", "b"}));
    EXPECT_EQ(unsupported("$substring(?, a)"), names({"a"}));
    EXPECT_EQ(unsupported("$map($states.input.a, function($x){ b })"), names({"b"}));
    EXPECT_EQ(unsupported("[1..n]"), names({"n"}));
    EXPECT_EQ(unsupported("(a).b"), names({"a"}));
}

TEST(JsonataAws, NamesInsideOfStepsAreFine) {
    for (const char* text :
         {"$states.input.phone", "$states.input.items[phone > 3]", "$states.input.items^(price, >name)",
          "$states.input.items{category: $sum(price)}", "$states.input.items.{'a': b, c: $}",
          "$states.input.items.(a & b)", "$states.input.items@$i#$n.$states.context.x[a = $i.b]",
          "$map($states.input.a, function($x){ $x.phone })", "$x[name = 'a']", "$x ~> |a|{'b': c}, 'd'|",
          "$count($states.result[$ = 1])", "$contains('a', /b/)", "'text' & 1 & true", "*", "**.a",
          "$undefined_variable", "$eval('a')", "$states"}) {
        EXPECT_EQ(unsupported(text), std::vector<std::string>()) << text;
    }
}

TEST(JsonataAws, FieldsOfStatesAreWhereTheyAre) {
    using Sentences = std::vector<std::string>;
    const Sentences error_output{"Field '$states.errorOutput' does not exist."};
    EXPECT_EQ(unsupported("$states.errorOutput.Cause", {.error_output = false}), error_output);
    EXPECT_EQ(unsupported("$string($states.errorOutput)", {.error_output = false}), error_output);
    EXPECT_EQ(unsupported("$states.errorOutput"), Sentences());
    EXPECT_EQ(unsupported("$states.result", {.result = false}),
              Sentences{"Field '$states.result' does not exist."});
    EXPECT_EQ(unsupported("$states.result + $states.input.errorOutput", {.error_output = false}),
              Sentences());
}

}  // namespace
}  // namespace flowctl::jsonata
