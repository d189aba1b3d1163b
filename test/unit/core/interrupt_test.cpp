// Interrupts: a raised flag ends every kind of work soon, as something that is neither an error nor a budget.
#include "core/interrupt.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "core/text/digest.hpp"
#include "core/text/find.hpp"
#include "jsonata_support.hpp"
#include "machine_support.hpp"
#include "path_scope.hpp"

namespace flowctl {
namespace {

volatile std::sig_atomic_t raised = 0;
volatile std::sig_atomic_t other = 0;

std::string repeated(std::string_view text, int times) {
    std::string out;
    for (int i = 0; i < times; ++i)
        out += text;
    return out;
}

// An array of so many numbers, as text.
std::string numbers(int count) {
    return "[0" + repeated(",1", count - 1) + "]";
}

struct Work {
    const char* name;
    std::function<void()> run;
};

const std::vector<Work>& works() {
    static const std::string long_text(200'000, 'a');
    static const json::Value big = json::parse(numbers(100'000)).value();
    static const json::Value again = json::parse(numbers(100'000)).value();
    static const std::vector<Work> kWorks = {
        {"a recursion", [] { jsonata::evaluate("($f := function(){ $f() }; $f())"); }},
        {"a sort", [] { jsonata::evaluate("$sort([1..100000], function($a,$b){ $a < $b })"); }},
        {"a comparison of texts",
         [] {
             jsonata::evaluate("$map([1..1000], function(){ $t < ($t & 'x') })", "",
                               {.bindings = R"({"t":"....................."})"});
         }},
        {"a padded text", [] { jsonata::evaluate("$pad('', 2000000)"); }},
        {"an expression", [] { (void)jsonata::Expression::compile(repeated("a.b+", 20'000) + "1"); }},
        {"a path", [] { path::evaluate("$..*", numbers(20'000)); }},
        {"a filter", [] { path::evaluate("$[?(@ =~ /.*x/)]", "[\"" + long_text + "\"]"); }},
        {"JSON that is read", [] { (void)json::parse(numbers(100'000)); }},
        {"JSON that is checked", [] { (void)json::check(numbers(100'000)); }},
        {"JSON that is written", [] { (void)json::dump(big); }},
        {"JSON that is compared", [] { (void)json::equal(big, again); }},
        {"a digest", [] { (void)text::sha256_hex(long_text); }},
        {"a search",
         [] {
             Budget budget;
             (void)text::find(long_text, std::string(50'000, 'a') + "b", 0, budget);
         }},
        {"a definition",
         [] {
             std::string states;
             for (int i = 0; i < 2000; ++i)
                 states += "\"S" + std::to_string(i) + R"(":{"Type":"Pass","End":true},)";
             (void)asl::compile(R"({"StartAt":"S0","States":{)" + states + R"("Z":{"Type":"Succeed"}}})");
         }},
    };
    return kWorks;
}

TEST(Interrupt, EndsEveryKindOfWork) {
    for (const Work& work : works()) {
        raised = 0;
        {
            const InterruptScope scope(raised);
            EXPECT_NO_THROW(work.run()) << work.name;
            raised = 1;
            EXPECT_THROW(work.run(), Interrupted) << work.name;
        }
        // Without a scope nobody looks at the flag.
        EXPECT_NO_THROW(work.run()) << work.name;
    }
    raised = 0;
}

TEST(Interrupt, FlagsOfAllScopesCount) {
    raised = 0;
    other = 0;
    const InterruptScope outer(raised);
    {
        const InterruptScope inner(other, other);
        EXPECT_FALSE(InterruptScope::raised());
        raised = 1;
        EXPECT_TRUE(InterruptScope::raised());
        raised = 0;
        other = 1;
        EXPECT_TRUE(InterruptScope::raised());
    }
    EXPECT_FALSE(InterruptScope::raised());
    other = 0;
}

TEST(Interrupt, AStepThatWasInterruptedIsDoneAgain) {
    const std::string definition =
        test::states("P", R"("P": {"Type": "Pass", "QueryLanguage": "JSONata", "End": true,
                      "Output": "{% $sum($map([1..5000], function($x){ $x })) + $random() %}"})");
    test::TestRun undisturbed(definition);
    undisturbed.start();
    ASSERT_EQ(undisturbed.status(), machine::Status::Succeeded);

    test::TestRun run(definition);
    const machine::Frame before = run.frame;
    {
        const InterruptScope scope(raised);
        raised = 1;
        run.start();
        raised = 0;
    }
    EXPECT_TRUE(run.step.interrupted);
    EXPECT_TRUE(run.history.empty());
    // The frame from before, the same event, time and seed: what would have happened happens.
    run.frame = before;
    --run.now.seed;
    run.start();
    EXPECT_FALSE(run.step.interrupted);
    EXPECT_EQ(run.output(), undisturbed.output());
    EXPECT_EQ(run.story(), undisturbed.story());
}

TEST(Interrupt, ATestOfAStateIsLeftToItsCaller) {
    const auto trial = [] {
        return jsonata::evaluate("$count($map([1..5000], function($x){ $x }))", "",
                                 {.flow = jsonata::FlowRules{}});
    };
    const InterruptScope scope(raised);
    EXPECT_EQ(trial(), "5000");
    raised = 1;
    EXPECT_THROW(trial(), Interrupted);
    raised = 0;
}

}  // namespace
}  // namespace flowctl
