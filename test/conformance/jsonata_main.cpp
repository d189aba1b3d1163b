// The conformance runner for JSONata: its own suite, recorded, against jsonata::Expression.
//
//   jsonata_conformance <jsonata.jsonl>  [part of a case's name]
//
// Prints what passed and failed by group, and every case that failed. Exits with 1 when one did.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <string>

#include "core/jsonata/jsonata.hpp"
#include "core/json.hpp"

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

// UTF-8 has no lone surrogates: one in a string literal of an expression is written as JSONata's escape
// instead.
std::string with_escaped_surrogates(const std::string& line) {
    std::string out = line;
    for (std::size_t at = out.find("\\ud8"); at != std::string::npos; at = out.find("\\ud8", at + 7)) {
        if (out.compare(at + 6, 3, "\\ud") != 0) out.insert(at, "\\");
    }
    return out;
}

// Numbers to twelve digits: the recorded ones went through other printers.
bool same(const Value& expected, const Value& actual) {
    if (expected.is_number() && actual.is_number()) {
        const double a = expected.as_double();
        const double b = actual.as_double();
        return a == b || std::abs(a - b) <= 1e-12 * std::abs(a);
    }
    if (expected.kind() != actual.kind() || expected.size() != actual.size()) return false;
    if (expected.is_array()) {
        for (std::size_t i = 0; i < expected.size(); ++i) {
            if (!same(expected.items()[i], actual.items()[i])) return false;
        }
        return true;
    }
    if (expected.is_object()) {
        for (const json::Member& member : expected.members()) {
            const Value* other = actual.find(member.key);
            if (other == nullptr || !same(member.value, *other)) return false;
        }
        return true;
    }
    return json::equal(expected, actual);
}

bool same_in_any_order(const Value& expected, const Value& actual) {
    if (!expected.is_array() || !actual.is_array() || expected.size() != actual.size()) return false;
    std::vector<Value> left = actual.items();
    for (const Value& item : expected.items()) {
        const auto found =
            std::find_if(left.begin(), left.end(), [&](const Value& other) { return same(item, other); });
        if (found == left.end()) return false;
        left.erase(found);
    }
    return true;
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
        if (!result.value() || !(any_order ? same_in_any_order : same)(*value, *result.value())) {
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
        const auto parsed =
            json::parse(with_escaped_surrogates(line), {.max_bytes = 64 << 20, .storable = false});
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
