// The conformance runner for JSONata: its own suite, recorded, against jsonata::Expression.
//
//   jsonata_conformance <jsonata.jsonl>  [part of a case's name]
//
// Prints what passed and failed by group, and every case that failed. Exits with 1 when one did.
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <string>

#include "core/json.hpp"
#include "core/jsonata/jsonata.hpp"
#include "jsonata_cases.hpp"

using namespace flowctl;
using json::Value;

namespace {

struct Count {
    int passed = 0;
    int failed = 0;
};

std::string text_of(const Value& object, std::string_view key) {
    const Value* value = object.find(key);
    return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

std::string check_error(const Value& expected, const jsonata::Error& error) {
    const std::string code = text_of(expected, "code");
    if (code != error.code) return "error " + error.code + " (" + error.message + "), not " + code;
    for (const char* field : {"token", "message"}) {
        const std::string wanted = text_of(expected, field);
        const std::string& given = std::string_view(field) == "token" ? error.token : error.message;
        if (!wanted.empty() && wanted != given)
            return std::string(field) + " \"" + given + "\", not \"" + wanted + "\"";
    }
    return "";
}

std::string check(const Value& test_case) {
    const Value& expected = *test_case.find("expected");
    const Value* wanted_error = expected.find("error");
    const auto expression = jsonata::Expression::compile(text_of(test_case, "expr"));
    if (!expression.ok()) {
        if (wanted_error != nullptr) return check_error(*wanted_error, expression.error());
        return "does not compile: " + expression.error().code + " " + expression.error().message;
    }
    const Value* bindings = test_case.find("bindings");
    Random random(42);
    Budget budget({.steps = 200'000'000, .bytes = std::size_t{1} << 30, .depth = 2000});
    try {
        const auto result = expression.value().evaluate(
            test_case.find("data"),
            bindings != nullptr && bindings->is_object() ? *bindings : Value::object({}),
            {.now_milliseconds = 1'790'000'000'000, .random = random, .budget = budget});
        if (!result.ok()) {
            if (wanted_error != nullptr) return check_error(*wanted_error, result.error());
            return "error " + result.error().code + ": " + result.error().message;
        }
        const std::string given =
            result.value() ? json::dump(*result.value()).substr(0, 600) : std::string("undefined");
        if (wanted_error != nullptr) return "no error " + text_of(*wanted_error, "code") + " but " + given;
        const Value* value = expected.find("result");
        if (value == nullptr) return result.value() ? "not undefined but " + given : "";
        const Value* unordered = test_case.find("unordered");
        const bool any_order = unordered != nullptr && unordered->is_bool() && unordered->as_bool();
        if (!result.value() || !conformance::same_result(*value, *result.value(), any_order)) {
            return "\n      expected " + json::dump(*value).substr(0, 600) + "\n      actual   " + given;
        }
        return "";
    } catch (const BudgetExceeded& exceeded) {
        return std::string("budget: ") + exceeded.what();
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fprintf(stderr, "usage: %s <jsonata.jsonl> [part of a name]\n", argv[0]);
        return 2;
    }
    const std::string filter = argc > 2 ? argv[2] : "";
    std::ifstream file(argv[1]);
    std::string line;
    std::map<std::string, Count> counts;
    Count total;
    while (std::getline(file, line)) {
        const auto parsed = json::parse(conformance::with_escaped_surrogates(line),
                                        {.max_bytes = 64 << 20, .storable = false});
        if (!parsed.ok()) {
            std::printf("FAILED  %s: a line is no JSON: %s\n", argv[1], parsed.error().message.c_str());
            return 2;
        }
        const Value& test_case = parsed.value();
        const std::string name = text_of(test_case, "name");
        if (!filter.empty() && name.find(filter) == std::string::npos) continue;
        const std::string problem = check(test_case);
        if (!problem.empty()) {
            std::printf("FAILED  %s  %s\n    %s\n", name.c_str(),
                        text_of(test_case, "expr").substr(0, 300).c_str(), problem.c_str());
        }
        Count& count = counts[text_of(test_case, "group")];
        ++(problem.empty() ? count.passed : count.failed);
        ++(problem.empty() ? total.passed : total.failed);
    }
    std::printf("%s\n", argv[1]);
    for (const auto& [group, count] : counts) {
        if (count.failed > 0)
            std::printf("  %-28s %4d passed %4d failed\n", group.c_str(), count.passed, count.failed);
    }
    std::printf("  %-28s %4d passed %4d failed %4d not yet\n", "total", total.passed, total.failed, 0);
    return total.passed + total.failed == 0 || total.failed > 0 ? 1 : 0;
}
