// Paths, operators, variables and functions of JSONata.
#include "jsonata_support.hpp"

namespace flowctl::jsonata {
namespace {

const char* const kOrders =
    R"({"name":"Firefly","orders":[)"
    R"({"id":"o1","lines":[{"sku":"A","price":2.5,"qty":2},{"sku":"B","price":10,"qty":1}]},)"
    R"({"id":"o2","lines":[{"sku":"C","price":1,"qty":7}]}]})";

TEST(JsonataPath, MapsFlattensAndUnwraps) {
    EXPECT_EQ(evaluate("orders.lines.sku", kOrders), R"(["A","B","C"])");
    EXPECT_EQ(evaluate("orders[1].lines.sku", kOrders), R"("C")");
    EXPECT_EQ(evaluate("orders[1].lines[].sku", kOrders), R"(["C"])");
    EXPECT_EQ(evaluate("orders.lines[0].sku", kOrders), R"(["A","C"])");
    EXPECT_EQ(evaluate("(orders.lines)[0].sku", kOrders), R"("A")");
    EXPECT_EQ(evaluate("orders.lines[-1].sku", kOrders), R"(["B","C"])");
    EXPECT_EQ(evaluate("orders.[lines.sku]", kOrders), R"([["A","B"],["C"]])");
    EXPECT_EQ(evaluate("orders.missing.sku", kOrders), "undefined");
    EXPECT_EQ(evaluate("$[[0,2]]", "[1,2,3]"), "[1,3]");
    EXPECT_EQ(evaluate("a.b", R"({"a":[]})"), "undefined");
    EXPECT_EQ(evaluate("$.{'x':1}", "[]"), "undefined");
}

TEST(JsonataPath, FiltersSortsGroups) {
    EXPECT_EQ(evaluate("orders.lines[price > 2].sku", kOrders), R"(["A","B"])");
    EXPECT_EQ(evaluate("orders.lines^(price).sku", kOrders), R"(["C","A","B"])");
    EXPECT_EQ(evaluate("orders.lines^(>qty, sku).sku", kOrders), R"(["C","A","B"])");
    EXPECT_EQ(evaluate("orders{id: $sum(lines.(price*qty))}", kOrders), R"({"o1":15,"o2":7})");
    EXPECT_EQ(evaluate("orders.lines^(price > 2 ? 'x' : 1)", kOrders), "T2007@13");
    EXPECT_EQ(evaluate("orders{'k': 1, 'k': 2}", kOrders), "D1009@7");
}

TEST(JsonataPath, BindsParentsFocusAndIndex) {
    EXPECT_EQ(evaluate("orders.lines.(%.id & sku)", kOrders), R"(["o1A","o1B","o2C"])");
    EXPECT_EQ(evaluate("orders.lines.price.%.%.id", kOrders), R"(["o1","o1","o2"])");
    // A step that binds the focus leaves the context where it was.
    EXPECT_EQ(evaluate("orders@$o.($o.id & name)", kOrders), R"(["o1Firefly","o2Firefly"])");
    EXPECT_EQ(evaluate("orders#$i.lines.{'i': $i, 's': sku}", kOrders),
              R"([{"i":0,"s":"A"},{"i":0,"s":"B"},{"i":1,"s":"C"}])");
    EXPECT_EQ(evaluate("$.%", kOrders), "S0217@1 variable");
    EXPECT_EQ(evaluate("orders[0]@$o", kOrders), "S0215@10");
}

TEST(JsonataPath, WildcardsAndDescendants) {
    EXPECT_EQ(evaluate("orders.*.price", kOrders), "[2.5,10,1]");
    EXPECT_EQ(evaluate("**.qty", kOrders), "[2,1,7]");
}

TEST(JsonataOperators, Values) {
    EXPECT_EQ(evaluate("1 + 2 * 3 - 4 / 2 % 3"), "5");
    EXPECT_EQ(evaluate("0.1 + 0.2"), "0.30000000000000004");
    EXPECT_EQ(evaluate("'a' & 1 & null & [true]"), R"("a1null[true]")");
    EXPECT_EQ(evaluate("[1,[2]] = [1,[2]] and {'a':1} != {'a':2}"), "true");
    EXPECT_EQ(evaluate("missing = missing"), "false");
    EXPECT_EQ(evaluate("missing ?? 1"), "1");
    EXPECT_EQ(evaluate("0 ?? 1"), "0");
    EXPECT_EQ(evaluate("0 ?: 1"), "1");
    EXPECT_EQ(evaluate("'b' in ['a','b']"), "true");
    EXPECT_EQ(evaluate("[1..3, 5, 4..1]"), "[1,2,3,5]");
    EXPECT_EQ(evaluate("$a := $b := 2"), "2");
    EXPECT_EQ(evaluate("'\\uD83D\\uDE00' = '\xF0\x9F\x98\x80'"), "true");
    EXPECT_EQ(evaluate("'\xEF\xBF\xBD' > '\xF0\x9F\x98\x80'"), "true");  // in UTF-16 a surrogate comes first
}

TEST(JsonataOperators, NumbersThatAreOnlyMovedKeepTheirText) {
    EXPECT_EQ(evaluate("{'n': n}", R"({"n":12345678901234567890.10})"), R"({"n":12345678901234567890.10})");
    EXPECT_EQ(evaluate("n + 0", R"({"n":12345678901234567890.10})"), "12345678901234567000");
}

TEST(JsonataOperators, ErrorsHaveCodePositionAndToken) {
    EXPECT_EQ(evaluate("1 + 'a'"), "T2002@3 +");
    EXPECT_EQ(evaluate("'\xF0\x9F\x98\x80' - 1"), "T2001@6 -");  // counted in UTF-16
    EXPECT_EQ(evaluate("'a' < 1"), "T2009@5 <");
    EXPECT_EQ(evaluate("null < 1"), "T2010@6 <");
    EXPECT_EQ(evaluate("-'a'"), "D1002@1 -");
    EXPECT_EQ(evaluate("[1..1.5]"), "T2004@4 ..");
    EXPECT_EQ(evaluate("[1..20000000]"), "D2014@4 ..");
    EXPECT_EQ(evaluate("1e300 * 1e300"), "D1001@0");
    EXPECT_EQ(evaluate("{1: 2}"), "T1003@1");
    EXPECT_EQ(message("1 + 'a'"), "The right side of the \"+\" operator must evaluate to a number");
}

TEST(JsonataSyntax, ErrorsHaveCodePositionAndToken) {
    EXPECT_EQ(evaluate("'abc"), "S0101@4");
    EXPECT_EQ(evaluate("1e999"), "S0102@0 1e999");
    EXPECT_EQ(evaluate("'\\q'"), "S0103@2 q");
    EXPECT_EQ(evaluate("'\\u12'"), "S0104@2");
    EXPECT_EQ(evaluate("`abc"), "S0105@4");
    EXPECT_EQ(evaluate("1 /* x"), "S0106@2");
    EXPECT_EQ(evaluate("a b"), "S0201@3 b");
    EXPECT_EQ(evaluate("[1;2]"), "S0202@3 ;");
    EXPECT_EQ(evaluate("(1"), "S0203@2 (end)");
    EXPECT_EQ(evaluate("1 ! 2"), "S0204@3 !");
    EXPECT_EQ(evaluate("1 +"), "S0207@3 (end)");
    EXPECT_EQ(evaluate("function(x){1}"), "S0208@10 x");
    EXPECT_EQ(evaluate("+1"), "S0211@1 +");
    EXPECT_EQ(evaluate("1 := 2"), "S0212@1 1");
    EXPECT_EQ(evaluate("a.1"), "S0213@3 1");
    EXPECT_EQ(evaluate("//"), "S0301@1");
    EXPECT_EQ(evaluate("/a"), "S0302@2");
    EXPECT_EQ(evaluate("function($x)<n<n>>{$x}"), "S0401@15");
}

TEST(JsonataFunctions, ClosuresTailCallsAndApplication) {
    EXPECT_EQ(evaluate("($f := function($n){ $n = 0 ? 'done' : $f($n - 1) }; $f(100000))"), R"("done")");
    EXPECT_EQ(evaluate("($add := function($x){ function($y){ $x + $y } }; $add(2)(3))"), "5");
    EXPECT_EQ(evaluate("($half := $substring(?, 0, 2); $half('abcd'))"), R"("ab")");
    EXPECT_EQ(evaluate("'  a b ' ~> $trim ~> $uppercase"), R"("A B")");
    EXPECT_EQ(evaluate("($f := $trim ~> $length; $f(' abc '))"), "3");
    EXPECT_EQ(evaluate("function($x, $y)<s-n?:s>{ $x }('a', 'b')"), "T0410@31 (");
    EXPECT_EQ(evaluate("{'k':'c'}.k.function($x, $y)<s-n?:s>{ $x & $y }(1)"), R"("c1")");
    EXPECT_EQ(evaluate("$nothing()"), "T1006@9 nothing");
    EXPECT_EQ(evaluate("sum(1)"), "T1005@4 sum");
    EXPECT_EQ(evaluate("[1] ~> 2"), "T2006@6");
    EXPECT_EQ(evaluate("{'f': $sum, 'g': [function(){1}]}"), R"({"f":"","g":[""]})");
}

TEST(JsonataFunctions, TransformCopiesItsInput) {
    EXPECT_EQ(evaluate("[$ ~> |a|{'x': b + 1}, 'b'|, $]", R"({"a":[{"b":1},{"b":2}]})"),
              R"([{"a":[{"x":2},{"x":3}]},{"a":[{"b":1},{"b":2}]}])");
    EXPECT_EQ(evaluate("$ ~> |a|5|", R"({"a":{}})"), "T2011@9");
    EXPECT_EQ(evaluate("$ ~> |$|{'self': $}|", "{}"), "budget");  // the reference makes a cycle of it
}

TEST(JsonataBindings, VariablesShadowTheLibrary) {
    EXPECT_EQ(evaluate("$states.input.a", "", {.bindings = R"({"states":{"input":{"a":[1]}}})"}), "[1]");
    EXPECT_EQ(evaluate("$sum", "", {.bindings = R"({"sum":3})"}), "3");
}

TEST(JsonataBindings, Eval) {
    EXPECT_EQ(evaluate("$eval('1+1')"), "2");
    EXPECT_EQ(evaluate("$eval('1+')"), "D3120@6 eval");
    EXPECT_EQ(evaluate("$eval('1+\"a\"')"), "D3121@6 eval");
}

TEST(JsonataSorting, ASingleItemUnwraps) {
    EXPECT_EQ(evaluate("a^(n)", R"({"a":[{"n":1}]})"), R"({"n":1})");
    EXPECT_EQ(evaluate("[1]^($)"), "1");
    EXPECT_EQ(evaluate("a^(n)[]", R"({"a":[{"n":1}]})"), R"([{"n":1}])");
    EXPECT_EQ(evaluate("[2, 1]^($)"), "[1,2]");
    EXPECT_EQ(evaluate("$sort([1])"), "[1]");
}

TEST(JsonataSignatures, EveryRepetitionIsAnArgumentOfItsOwn) {
    EXPECT_EQ(evaluate("function($a,$b,$c)<n+s:x>{[$a,$b,$c]}(1,2,'x')"), R"([1,2,"x"])");
    EXPECT_EQ(evaluate("function($a,$b,$c)<n+n:x>{[$a,$b,$c]}(1,2,3)"), "[1,2,3]");
    EXPECT_EQ(evaluate("function($a,$b)<n+n:x>{[$a,$b]}(1,2)"), "[1,2]");
    EXPECT_EQ(evaluate("function($a,$b,$c)<n+?s:x>{[$a,$b,$c]}(1,2,'x')"), R"([1,2,"x"])");
    EXPECT_EQ(evaluate("function($a,$b,$c)<a+n:x>{[$a,$b,$c]}([1],2,3)"), "[1,2,3]");
    EXPECT_EQ(evaluate("function($a,$b)<n+s:x>{[$a,$b]}(1,2)").substr(0, 5), "T0410");
}

TEST(JsonataStrings, AMissingArgumentBeforeAGivenOne) {
    EXPECT_EQ(evaluate("$substring('Hello', nothing, 3)"), R"("")");
    EXPECT_EQ(evaluate("$substring('Hello', nothing)"), R"("Hello")");
    EXPECT_EQ(evaluate("$pad('x', nothing, '-')"), R"("x")");
}

TEST(JsonataDates, AFractionIsReadWhateverThePicturesDigits) {
    for (const char* picture : {"[f]", "[f1]", "[f01]", "[f001]"}) {
        const std::string date = "'[Y]-[M]-[D]T[H]:[m]:[s]." + std::string(picture) + "'";
        EXPECT_EQ(evaluate("$toMillis('2018-03-23T10:33:36.6', " + date + ")"), "1521801216600") << picture;
        EXPECT_EQ(evaluate("$toMillis('2018-03-23T10:33:36.0179', " + date + ")"), "1521801216017")
            << picture;
    }
}

TEST(JsonataLimits, RecursionEndsWithTheReferencesCode) {
    const auto code = [](std::string_view text) {
        const auto expression = Expression::compile(text);
        Random random(1);
        Budget budget({.steps = 1'000'000});
        const auto result = expression.value().evaluate(
            nullptr, json::Value::object({}), {.now_milliseconds = 0, .random = random, .budget = budget});
        return result.ok() ? "no error" : result.error().code + ": " + result.error().message;
    };
    EXPECT_EQ(code("($f := function($n){ 1 + $f($n) }; $f(1))").substr(0, 28),
              "U1001: Stack overflow error:");
    EXPECT_EQ(code("($f := function($n){ $f($n) }; $f(1))"),
              "U1001: Expression evaluation timeout: Check for infinite loop");
}

}  // namespace
}  // namespace flowctl::jsonata
