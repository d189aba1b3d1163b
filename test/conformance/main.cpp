// The conformance runner: recorded executions and definitions against asl::compile() and machine::advance().
//
//   conformance <directory with asl.jsonl, lambda.jsonl, definitions.jsonl>  [part of a case's name]
//
// Prints what passed and failed, by what the cases need, and every case that failed. Exits with 1 when a case
// failed. With part of a name it also shows both histories.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>

#include "cases.hpp"
#include "core/asl/asl.hpp"
#include "simulate.hpp"

using namespace flowctl;
using conformance::Count;
using conformance::Execution;
using conformance::text_of;
using json::Value;

namespace {

conformance::Ended ended(const Execution& execution) {
    constexpr const char* kStatus[] = {"RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"};
    const auto& outcome = execution.outcome;
    return {kStatus[static_cast<std::size_t>(outcome.status)], outcome.output, outcome.error, outcome.cause,
            execution.events};
}

// Runs executions; returns the number of failures.
int run_executions(const std::string& path, const std::string& filter) {
    std::map<std::string, Count> counts;
    Count total;
    for (const Value& test_case : conformance::read_cases(path)) {
        const std::string name = text_of(test_case, "name");
        if (!filter.empty() && name.find(filter) == std::string::npos) continue;
        const Value& definition = *test_case.find("definition");
        std::map<std::string, std::string> lambdas;
        if (const Value* list = test_case.find("lambdas"); list != nullptr && list->is_object()) {
            for (const auto& member : list->members())
                lambdas[member.key] = member.value.is_string() ? std::string(member.value.as_string()) : "";
        }
        const std::string text =
            definition.is_string() ? std::string(definition.as_string()) : json::dump(definition);

        std::string problem;
        const asl::Compiled compiled = asl::compile(text);
        if (compiled.flow == nullptr) {
            problem =
                "refused: " + compiled.findings.front().message + " at " + compiled.findings.front().location;
        } else {
            const Value* input = test_case.find("input");
            const Execution execution =
                conformance::simulate(*compiled.flow, text_of(test_case, "sm_type") == "EXPRESS",
                                      input != nullptr ? *input : Value::object({}), lambdas);
            problem =
                execution.stuck.empty() ? conformance::check(test_case, ended(execution)) : execution.stuck;
            if (!filter.empty()) {
                for (const Value& event : execution.events)
                    std::printf("    %s\n", json::dump(event).c_str());
            }
        }
        if (!problem.empty()) std::printf("FAILED  %s\n    %s\n", name.c_str(), problem.c_str());
        const auto add = [&](Count& count) { ++(problem.empty() ? count.passed : count.failed); };
        add(total);
        if (const Value* features = test_case.find("features"); features != nullptr && features->is_array()) {
            for (const Value& feature : features->items())
                add(counts[std::string(feature.as_string())]);
        }
    }
    conformance::print(path.c_str(), counts);
    std::printf("  %-28s %4d passed %4d failed %4d not yet\n", "total", total.passed, total.failed,
                total.not_yet);
    return total.failed;
}

int run_definitions(const std::string& path, const std::string& filter, bool binding) {
    Count accepted;
    Count refused;
    for (const Value& test_case : conformance::read_cases(path)) {
        const std::string name = text_of(test_case, "name");
        if (!filter.empty() && name.find(filter) == std::string::npos) continue;
        const std::string text = text_of(test_case, "definition");
        const bool valid = test_case.find("valid")->as_bool();
        const bool express = text_of(test_case, "sm_type") == "EXPRESS";
        const asl::Compiled compiled =
            asl::compile(text, express ? asl::FlowType::Express : asl::FlowType::Standard);
        Count& count = valid ? accepted : refused;
        if ((compiled.flow != nullptr) == valid) {
            ++count.passed;
        } else {
            ++count.failed;
            std::printf("%s  %s (%s)\n", binding ? "FAILED" : "differs", name.c_str(),
                        valid ? "should be accepted" : "should be refused");
        }
        if (!compiled.findings.empty() && (!filter.empty() || valid)) {
            for (const asl::Finding& finding : compiled.findings)
                std::printf("    %s %s: %s\n", finding.code.c_str(), finding.location.c_str(),
                            finding.message.c_str());
        }
    }
    conformance::print(path.c_str(), {{"valid", accepted}, {"invalid", refused}});
    return binding ? accepted.failed + refused.failed : 0;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string directory = argc > 1 ? argv[1] : "../shared/conformance";
    const std::string filter = argc > 2 ? argv[2] : "";
    if (!std::ifstream(directory + "/asl.jsonl")) {
        std::printf("conformance: skipped, there is no %s/asl.jsonl\n", directory.c_str());
        return 0;
    }
    int failed = run_executions(directory + "/asl.jsonl", filter);
    failed += run_executions(directory + "/lambda.jsonl", filter);
    failed += run_definitions(directory + "/definitions.jsonl", filter, true);
    // Written by several people who disagree with AWS and each other: shown, not required.
    run_definitions(directory + "/validator.jsonl", filter, false);
    std::printf("conformance: %d failed\n", failed);
    return failed == 0 ? 0 : 1;
}
