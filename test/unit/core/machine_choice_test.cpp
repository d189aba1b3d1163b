// Every comparison operator of Choice, on values of every type.
#include "core/machine/choose.hpp"
#include "machine_support.hpp"

using namespace flowctl;
using namespace flowctl::test;

namespace {

// Whether a rule with `comparison` ("Op": operand) on $.v matches.
bool chooses(const std::string& comparison, const std::string& input) {
    TestRun run(states("A", R"("A": {"Type": "Choice", "Choices": [{"Variable": "$.v", )" + comparison +
                                R"(, "Next": "Yes"}], "Default": "No"},
                               "Yes": {"Type": "Pass", "Result": 1, "End": true},
                               "No": {"Type": "Pass", "Result": 0, "End": true})"),
                input);
    run.start();
    EXPECT_EQ(run.status(), machine::Status::Succeeded) << run.cause();
    return run.output() == "1";
}

// Runs one relation in both forms, against a literal and against $.o.
void expect_relations(const std::string& kind, const std::string& less, const std::string& more) {
    const struct {
        const char* relation;
        bool below;
        bool same;
        bool above;
    } relations[] = {{"Equals", false, true, false},
                     {"LessThan", true, false, false},
                     {"GreaterThan", false, false, true},
                     {"LessThanEquals", true, true, false},
                     {"GreaterThanEquals", false, true, true}};
    const auto check = [&](const char* relation, const std::string& v, const std::string& o, bool expected) {
        const std::string op = kind + relation;
        EXPECT_EQ(chooses("\"" + op + "\": " + o, R"({"v": )" + v + "}"), expected)
            << v << " " << op << " " << o;
        EXPECT_EQ(chooses("\"" + op + R"(Path": "$.o")", R"({"v": )" + v + R"(, "o": )" + o + "}"), expected)
            << v << " " << op << "Path " << o;
    };
    for (const auto& each : relations) {
        check(each.relation, less, more, each.below);
        check(each.relation, less, less, each.same);
        check(each.relation, more, less, each.above);
    }
}

}  // namespace

TEST(MachineChoice, Relations) {
    expect_relations("String", R"("A")", R"("a")");
    expect_relations("String", R"("")", R"("\u00e9")");
    expect_relations("Numeric", "-1", "2.5");
    expect_relations("Numeric", "9007199254740992", "9007199254740993");
    expect_relations("Numeric", "1e2", "100.5");
    expect_relations("Timestamp", R"("2016-03-14T01:59:00Z")", R"("2016-03-14T01:59:00.000000001Z")");
    expect_relations("Timestamp", R"("2016-03-14T01:59:00+03:00")", R"("2016-03-14T01:59:00Z")");
}

TEST(MachineChoice, EqualsByValue) {
    EXPECT_TRUE(chooses(R"("NumericEquals": 1)", R"({"v": 1.0})"));
    EXPECT_TRUE(chooses(R"("NumericEquals": 0)", R"({"v": -0.0})"));
    EXPECT_TRUE(chooses(R"("BooleanEquals": true)", R"({"v": true})"));
    EXPECT_FALSE(chooses(R"("BooleanEquals": true)", R"({"v": false})"));
    EXPECT_TRUE(chooses(R"("BooleanEqualsPath": "$.o")", R"({"v": false, "o": false})"));
    EXPECT_TRUE(
        chooses(R"("TimestampEquals": "2016-03-14T02:59:00+01:00")", R"({"v": "2016-03-14T01:59:00.000Z"})"));
}

TEST(MachineChoice, OtherTypesDoNotMatch) {
    const char* values[] = {"null", "true", "1", R"("1")", R"("2016-03-14T01:59:00Z")", "[]", "{}"};
    for (const char* v : values) {
        const std::string input = std::string(R"({"v": )") + v + R"(, "o": [1]})";
        const bool is_string = v[0] == '"';
        EXPECT_EQ(chooses(R"("StringGreaterThanEquals": "")", input), is_string) << v;
        EXPECT_EQ(chooses(R"("NumericLessThan": 5)", input), std::string(v) == "1") << v;
        EXPECT_EQ(chooses(R"("TimestampLessThan": "2020-01-01T00:00:00Z")", input),
                  std::string(v).size() > 20)
            << v;
        EXPECT_EQ(chooses(R"("StringMatches": "*")", input), is_string) << v;
        EXPECT_FALSE(chooses(R"("StringEqualsPath": "$.o")", input)) << v;
        EXPECT_FALSE(chooses(R"("NumericEqualsPath": "$.o")", input)) << v;
    }
}

TEST(MachineChoice, Types) {
    const struct {
        const char* op;
        std::vector<std::string> yes;
    } cases[] = {{"IsNull", {"null"}},
                 {"IsNumeric", {"1", "-1.5"}},
                 {"IsString", {R"("a")", R"("2016-03-14T01:59:00Z")"}},
                 {"IsBoolean", {"true", "false"}},
                 {"IsTimestamp", {R"("2016-03-14T01:59:00Z")"}}};
    const std::string values[] = {"null", "1",     "-1.5", R"("a")", R"("2016-03-14T01:59:00Z")",
                                  "true", "false", "[]",   "{}"};
    for (const auto& each : cases) {
        for (const std::string& v : values) {
            const bool is = std::find(each.yes.begin(), each.yes.end(), v) != each.yes.end();
            EXPECT_EQ(chooses(std::string("\"") + each.op + R"(": true)", R"({"v": )" + v + "}"), is)
                << each.op << v;
            EXPECT_EQ(chooses(std::string("\"") + each.op + R"(": false)", R"({"v": )" + v + "}"), !is)
                << each.op << v;
        }
    }
    EXPECT_TRUE(chooses(R"("IsPresent": true)", R"({"v": null})"));
    EXPECT_FALSE(chooses(R"("IsPresent": true)", R"({"w": 1})"));
    EXPECT_TRUE(chooses(R"("IsPresent": false)", R"({"w": 1})"));
}

TEST(MachineChoice, StringMatchesPatterns) {
    Budget budget;
    const auto matches = [&](std::string_view text, std::string_view pattern) {
        return machine::matches_pattern(text, pattern, budget);
    };
    EXPECT_TRUE(matches("", ""));
    EXPECT_TRUE(matches("", "*"));
    EXPECT_FALSE(matches("a", ""));
    EXPECT_TRUE(matches("zebra.log", "*.log"));
    EXPECT_FALSE(matches("zebra.logs", "*.log"));
    EXPECT_TRUE(matches("foo-2020-bar.log", "foo*bar*log"));
    EXPECT_TRUE(matches("a*b", "a\\*b"));
    EXPECT_FALSE(matches("aXb", "a\\*b"));
    EXPECT_TRUE(matches("a\\b", "a\\\\b"));
    EXPECT_TRUE(matches("a\\b", "a\\b"));
    EXPECT_TRUE(matches("aaab", "*a*b"));
    EXPECT_FALSE(matches("aaa", "*b"));
    // Quadratic at worst, never exponential.
    std::string pattern;
    for (int i = 0; i < 500; ++i)
        pattern += "a*";
    EXPECT_FALSE(matches(std::string(5'000, 'a'), pattern + "b"));
}

TEST(MachineChoice, CombinesConditions) {
    const auto rule = [](const std::string& condition, const std::string& input) {
        TestRun run(states("A", R"("A": {"Type": "Choice", "Choices": [{)" + condition + R"(, "Next": "Yes"}],
                                   "Default": "No"}, "Yes": {"Type": "Pass", "Result": 1, "End": true},
                                   "No": {"Type": "Pass", "Result": 0, "End": true})"),
                    input);
        run.start();
        return run.status() == machine::Status::Succeeded ? run.output() : run.error();
    };
    const std::string guarded =
        R"("And": [{"Variable": "$.v", "IsPresent": true}, {"Variable": "$.v", "NumericEquals": 1}])";
    EXPECT_EQ(rule(guarded, R"({"v": 1})"), "1");
    EXPECT_EQ(rule(guarded, R"({"v": 2})"), "0");
    EXPECT_EQ(rule(guarded, "{}"), "0");
    EXPECT_EQ(
        rule(R"("Or": [{"Variable": "$.v", "IsPresent": true}, {"Variable": "$.v", "NumericEquals": 1}])",
             "{}"),
        "States.Runtime");
    EXPECT_EQ(
        rule(
            R"("Not": {"Or": [{"Variable": "$.v", "IsNull": true}, {"Not": {"Variable": "$.v", "IsString": true}}]})",
            R"({"v": "s"})"),
        "1");
}

TEST(MachineChoice, FailsWithoutAMatchOrAVariable) {
    const std::string definition =
        states("A", R"("A": {"Type": "Choice", "Choices": [{"Variable": "$.v", "IsNull": true, "Next": "B"}]},
                       "B": {"Type": "Succeed"})");
    TestRun none(definition, R"({"v": 1})");
    none.start();
    EXPECT_EQ(none.error(), "States.Runtime");
    EXPECT_EQ(none.cause(),
              "An error occurred while executing the state 'A' (entered at the event id #2). Failed to "
              "transition out of "
              "the state. The state does not point to a next state.");
    TestRun missing(definition);
    missing.start();
    EXPECT_EQ(missing.cause(),
              "An error occurred while executing the state 'A' (entered at the event id #2). Invalid path "
              "'$.v': The choice "
              "state's condition path references an invalid value.");
}

TEST(MachineChoice, RuleAssignBeatsStateAssign) {
    const std::string definition =
        states("A", R"("A": {"Type": "Choice", "Assign": {"who": "state"}, "Default": "B",
                      "Choices": [{"Variable": "$.v", "IsPresent": true, "Assign": {"who": "rule"}, "Next": "B"}]},
                "B": {"Type": "Pass", "Parameters": {"who.$": "$who"}, "End": true})");
    TestRun rule(definition, R"({"v": 1})");
    rule.start();
    EXPECT_EQ(rule.output(), R"({"who":"rule"})");
    TestRun fallback(definition);
    fallback.start();
    EXPECT_EQ(fallback.output(), R"({"who":"state"})");
}
