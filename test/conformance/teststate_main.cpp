// The conformance runner for TestState: recorded calls and AWS's answers against test_state::test_state().
//
//   teststate_conformance <teststate.jsonl>  [part of a case's name]
//
// Prints what passed and failed, by what the cases are about, and every case that failed; with part of a name
// it also shows the answers. Cases that check a mock against an AWS service whose answers are not known here
// are counted apart, and none of the others may fail.
#include <cstdio>
#include <fstream>
#include <map>
#include <string>

#include "core/test_state/test_state.hpp"
#include "match.hpp"

using namespace flowctl;
using conformance::Rules;
using json::Value;

namespace {

struct Count {
    int passed = 0;
    int failed = 0;
    int service_schema = 0;
};

std::string text_of(const Value& object, std::string_view key) {
    const Value* value = object.find(key);
    return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

// A parameter that the API takes as JSON text.
std::optional<Value> json_of(const Value& params, std::string_view key) {
    const Value* text = params.find(key);
    if (text == nullptr) return std::nullopt;
    auto parsed = json::parse(text->as_string());
    return parsed.ok() ? std::optional(parsed.value()) : *text;
}

// Recorded with a real function, before there were mocks: the function's answer becomes the mock. The
// function of a Resource returns "HelloWorld!"; what lambda:invoke says around an answer is only in the
// recording.
Value mock_of_function(const Value& test_case, const std::string& definition) {
    const bool service = definition.find("states:::lambda:invoke") != std::string::npos;
    const Value answer =
        service ? *test_case.find("expected")->find("output") : Value::string("\"HelloWorld!\"");
    return json::ObjectBuilder().add("result", answer).build();
}

test_state::Request request_of(const Value& test_case) {
    const Value& params = *test_case.find("params");
    test_state::Request request;
    request.definition = text_of(params, "definition");
    if (const Value* name = params.find("stateName")) request.state_name = std::string(name->as_string());
    if (auto input = json_of(params, "input")) request.input = *input;
    if (auto variables = json_of(params, "variables")) request.variables = *variables;
    request.context = json_of(params, "context");
    if (const Value* mock = params.find("mock")) request.mock = *mock;
    if (const Value* configuration = params.find("stateConfiguration"))
        request.configuration = *configuration;
    if (params.find("inspectionLevel") != nullptr)
        request.inspection_level = text_of(params, "inspectionLevel");
    if (const Value* reveal = params.find("revealSecrets"))
        request.configuration =
            json::with_member(request.configuration.is_null() ? Value::object({}) : request.configuration,
                              "revealSecrets", *reveal);
    if (text_of(test_case, "class") == "lambda" && request.mock.is_null())
        request.mock = mock_of_function(test_case, request.definition);
    return request;
}

// Whether the case is about the schema of an SDK integration, which is not known here.
bool checks_sdk_schema(const Value& test_case) {
    const Value* error = test_case.find("error");
    return error != nullptr &&
           text_of(*error, "message").rfind("Mock result schema validation error", 0) == 0 &&
           text_of(*test_case.find("params"), "definition").find(":::aws-sdk:") != std::string::npos;
}

std::string check(const Value& test_case, bool show) {
    machine::RunContext run;
    run.express = true;
    run.execution_id = "arn:aws:states:us-east-1:111111111111:express:machine:execution";
    run.execution_name = "execution";
    run.role_arn = "arn:aws:iam::111111111111:role/role";
    run.state_machine_id = "arn:aws:states:us-east-1:111111111111:stateMachine:machine";
    run.state_machine_name = "machine";
    run.started_at = 1'790'000'000'000'000;
    Rules rules = Rules::of(test_case);
    rules.instants = rules.placeholders;
    const auto answer = test_state::test_state(request_of(test_case), run, {}, {run.started_at, 1});
    const Value actual = answer.ok() ? answer.value()
                                     : json::ObjectBuilder()
                                           .add("code", answer.error().code)
                                           .add("message", answer.error().message)
                                           .build();
    const Value* expected = test_case.find(answer.ok() ? "expected" : "error");
    if (show) std::printf("    %s\n", json::dump(actual).c_str());
    if (expected != nullptr && matches(*expected, actual, rules)) return "";
    if (expected == nullptr) expected = test_case.find(answer.ok() ? "error" : "expected");
    return "expected " + json::dump(*expected).substr(0, 1500) + "\n    actual   " +
           json::dump(actual).substr(0, 1500);
}

void print(const char* what, const Count& count) {
    std::printf("  %-44s %4d passed %4d failed %4d of a service's schema\n", what, count.passed, count.failed,
                count.service_schema);
}

}  // namespace

int main(int argc, char** argv) {
    const std::string path = argc > 1 ? argv[1] : "../shared/conformance/teststate.jsonl";
    const std::string filter = argc > 2 ? argv[2] : "";
    std::ifstream file(path);
    if (!file) {
        std::printf("teststate: skipped, there is no %s\n", path.c_str());
        return 0;
    }
    std::map<std::string, Count> counts;
    Count total;
    std::string line;
    while (std::getline(file, line)) {
        auto parsed = json::parse(line, {.max_bytes = 64 << 20, .storable = false});
        if (!parsed.ok()) {
            std::printf("FAILED  %s: a line is no JSON: %s\n", path.c_str(), parsed.error().message.c_str());
            return 2;
        }
        const Value& test_case = parsed.value();
        const std::string name = text_of(test_case, "name");
        if (!filter.empty() && name.find(filter) == std::string::npos) continue;
        const std::string problem = check(test_case, !filter.empty());
        const bool schema = !problem.empty() && checks_sdk_schema(test_case);
        if (!problem.empty())
            std::printf("%s  %s\n    %s\n", schema ? "schema" : "FAILED", name.c_str(), problem.c_str());
        const std::size_t begin = name.rfind("/", name.find("::")) + 1;
        for (Count* count : {&total, &counts[name.substr(begin, name.find("::") - begin)]})
            ++(problem.empty() ? count->passed : schema ? count->service_schema : count->failed);
    }
    std::printf("%s\n", path.c_str());
    for (const auto& [what, count] : counts)
        print(what.c_str(), count);
    print("total", total);
    return total.failed == 0 ? 0 : 1;
}
