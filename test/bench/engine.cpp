// How many state transitions a second advance() does, alone: no storage, no network.
//
//   engine [seconds a case]
//
// Runs a flow from start to end again and again and counts the states that it entered.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "core/asl/asl.hpp"
#include "core/machine/machine.hpp"

using namespace flowctl;

namespace {

using Clock = std::chrono::steady_clock;

void measure(const char* name, const std::string& definition, const char* input_text, double seconds) {
    const asl::Compiled compiled = asl::compile(definition);
    auto input = json::parse(input_text);
    if (compiled.flow == nullptr || !input.ok()) {
        std::printf("%-44s does not compile\n", name);
        std::exit(1);
    }
    machine::RunContext run;
    run.execution_id = "arn:flowctl:states:local:db:execution:bench:00000000-0000-7000-8000-000000000000";
    run.execution_name = "00000000-0000-7000-8000-000000000000";
    run.state_machine_id = "arn:flowctl:states:local:db:stateMachine:bench";
    run.state_machine_name = "bench";
    run.input = input.value();
    const machine::Limits limits;

    std::int64_t states = 0;
    std::int64_t runs = 0;
    const Clock::time_point start = Clock::now();
    std::chrono::duration<double> elapsed{};
    while (elapsed.count() < seconds) {
        for (int i = 0; i < 200; ++i) {
            machine::Frame frame;
            machine::Now now{1'790'000'000'000'000, static_cast<std::uint64_t>(runs)};
            machine::Event event = machine::Started{};
            for (;;) {
                const machine::Step step = machine::advance(*compiled.flow, run, limits, frame, event, now);
                for (const machine::HistoryEvent& each : step.history)
                    states += each.type.ends_with("StateEntered");
                if (step.outcome.status != machine::Status::Running) break;
                if (!step.effects.empty()) {
                    event = machine::TaskSucceeded{std::get<machine::Call>(step.effects[0]).id, run.input};
                } else {
                    event = machine::TimerFired{};
                }
            }
            ++runs;
        }
        elapsed = Clock::now() - start;
    }
    std::printf("%-44s %9.0f runs/s %10.0f transitions/s\n", name,
                static_cast<double>(runs) / elapsed.count(), static_cast<double>(states) / elapsed.count());
}

std::string flow(const std::string& first, const std::string& states) {
    return R"({"StartAt": ")" + first + R"(", "States": {)" + states + "}}";
}

std::string passes() {
    std::string states;
    for (int i = 0; i < 3; ++i) {
        const std::string n = std::to_string(i);
        states +=
            "\"P" + n +
            R"(": {"Type": "Pass", "Parameters": {"id.$": "$.order.id", "n": 5, "who": {"name.$": "$.order.by"}},
                   "ResultPath": "$.r)" +
            n + "\", " + (i == 2 ? R"("End": true})" : R"("Next": "P)" + std::to_string(i + 1) + "\"},");
    }
    return flow("P0", states);
}

std::string choices() {
    std::string states;
    for (int i = 0; i < 5; ++i) {
        const std::string n = std::to_string(i);
        states += "\"C" + n + R"(": {"Type": "Choice", "Choices": [
                     {"Variable": "$.order.total", "NumericLessThan": 10, "Next": "End"},
                     {"And": [{"Variable": "$.order.by", "IsPresent": true}, {"Variable": "$.order.by", "StringEquals": "ann"}],
                      "Next": "P)" +
                  n + R"("}], "Default": "End"}, "P)" + n + R"(": {"Type": "Pass", "Next": ")" +
                  (i == 4 ? std::string("End") : "C" + std::to_string(i + 1)) + "\"},";
    }
    return flow("C0", states + R"("End": {"Type": "Succeed"})");
}

// The same two in JSONata.
std::string queries() {
    return R"({"QueryLanguage": "JSONata", "StartAt": "P", "States": {
      "P": {"Type": "Pass", "Assign": {"who": "{% $states.input.order.by %}"}, "Next": "C",
            "Output": {"id": "{% $states.input.order.id %}", "n": 5, "all": "{% $sum($states.input.order.items.qty) %}"}},
      "C": {"Type": "Choice", "Choices": [{"Condition": "{% $states.input.all < 2 %}", "Next": "E"},
            {"Condition": "{% $who = 'ann' and $states.input.n = 5 %}", "Next": "Q"}], "Default": "E"},
      "Q": {"Type": "Pass", "Output": "{% $merge([$states.input, {'by': $who}]) %}", "Next": "E"},
      "E": {"Type": "Succeed"}}})";
}

}  // namespace

int main(int argc, char** argv) {
    const double seconds = argc > 1 ? std::atof(argv[1]) : 2;
    const char* input =
        R"({"order": {"id": 4711, "by": "ann", "total": 99.90, "items": [{"sku": "a-1", "qty": 2},
                            {"sku": "b-2", "qty": 1}]}, "op": "c", "source": {"table": "orders", "schema": "public"}})";
    measure("3 Pass with Parameters and ResultPath", passes(), input, seconds);
    measure("5 Choice and 5 Pass", choices(), input, seconds);
    measure("1 Task", flow("T", R"("T": {"Type": "Task", "Resource": "flowctl:http:s", "End": true})"), input,
            seconds);
    measure("1 Pass with the Context Object",
            flow("P", R"("P": {"Type": "Pass", "Parameters": {"id.$": "$$.Execution.Id"}, "End": true})"),
            input, seconds);
    measure("Pass, Choice, Pass, Succeed in JSONata", queries(), input, seconds);
    return 0;
}
