// Hostile expressions and inputs: each ends in an error or an exhausted budget, soon and with a small stack.
#include "jsonata_support.hpp"

namespace flowctl::jsonata {
namespace {

std::string repeated(std::string_view text, int times) {
    std::string out;
    for (int i = 0; i < times; ++i)
        out += text;
    return out;
}

TEST(JsonataLimits, DepthOfExpressions) {
    EXPECT_EQ(evaluate(repeated("[", 100000)).substr(0, 5), "U1001");
    EXPECT_EQ(evaluate(repeated("-", 100000) + "1").substr(0, 5), "U1001");
    EXPECT_EQ(evaluate("1" + repeated("+1", 100000)).substr(0, 5), "U1001");
    EXPECT_EQ(evaluate("a" + repeated(".a", 100000)).substr(0, 5), "U1001");
    EXPECT_EQ(evaluate("a" + repeated("[0]", 100000)).substr(0, 5), "U1001");
    EXPECT_EQ(evaluate(repeated("a?", 100000) + "b").substr(0, 5), "U1001");
    EXPECT_EQ(evaluate(repeated("(", 5000)).substr(0, 5), "U1001");
    EXPECT_EQ(evaluate("/" + repeated("(", 5000) + "a" + repeated(")", 5000) + "/").substr(0, 5), "S0303");
    EXPECT_EQ(evaluate(std::string(Expression::kMaxBytes + 1, ' ')).substr(0, 5), "U1001");
    EXPECT_EQ(evaluate("1" + repeated("+1", 500)), "501");
}

TEST(JsonataLimits, DepthOfRecursion) {
    EXPECT_EQ(evaluate("($f := function($n){ 1 + $f($n) }; $f(1))"), "budget");
    EXPECT_EQ(evaluate("$reduce([1..100000], function($a,$x){[[$a]]})"), "budget");
    EXPECT_EQ(evaluate("$eval('$eval(\"$eval(1)\")')").substr(0, 5), "D3121");
    EXPECT_EQ(evaluate("($e := '$eval($e)'; $eval($e))"), "budget");
    const std::string deep = repeated("[", 900) + repeated("]", 900);
    EXPECT_EQ(evaluate("$boolean($)", deep), "false");
    EXPECT_EQ(evaluate("$string($) = $string($)", deep, {.limits = {.depth = 100}}), "budget");
}

TEST(JsonataLimits, StepsAndBytes) {
    EXPECT_EQ(evaluate("($f := function(){ $f() }; $f())"), "budget");
    EXPECT_EQ(evaluate("$map([1..1000], function($i){ $map([1..1000], function($j){ $sum([1..1000]) }) })"),
              "budget");
    EXPECT_EQ(evaluate("$pad('', 1e12)"), "budget");
    EXPECT_EQ(evaluate("$formatInteger(1e15, 'I')"), "budget");
    EXPECT_EQ(evaluate("$replace($pad('', 100000), ' ', $pad('', 100000))"), "budget");
    EXPECT_EQ(evaluate("($d := function($s){ $d($s & $s) }; $d('ab'))"), "budget");
    EXPECT_EQ(evaluate("[1..10000000] ~> $count()"), "10000000");
    EXPECT_EQ(evaluate("$count([1..200000])", "", {.limits = {.steps = 100}}), "200000");
    EXPECT_EQ(evaluate("$sum([1..200000])", "", {.limits = {.steps = 1000}}), "budget");
}

TEST(JsonataLimits, AccumulatingIsLinear) {
    EXPECT_EQ(evaluate("$count($reduce([1..20000], function($a,$x){$append($a,$x)}))"), "20000");
    EXPECT_EQ(evaluate("$length($reduce([1..20000], function($a,$x){$a & 'xy'}, ''))"), "40000");
}

TEST(JsonataLimits, ExpressionsAreShared) {
    const auto expression = Expression::compile("($n := $n + 1; $n)");
    ASSERT_TRUE(expression.ok());
    const Expression copy = expression.value();
    Random random(1);
    for (int i = 0; i < 3; ++i) {
        Budget budget;
        const auto result = copy.evaluate(nullptr, json::parse(R"({"n":1})").value(),
                                          {.now_milliseconds = 0, .random = random, .budget = budget});
        ASSERT_TRUE(result.ok());
        EXPECT_EQ(json::dump(*result.value()), "2");
    }
}

}  // namespace
}  // namespace flowctl::jsonata
