// JSONPath: the first line is a path, the rest is the input (a fixed one when it is not JSON). Nothing but a
// result, an error or an exhausted budget may come of it, twice the same.
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/path/path.hpp"

using namespace flowctl;

namespace {

void check(bool holds) {
    if (!holds) std::abort();
}

const char* const kInput =
    R"({"a":[{"b":1,"c":"x"},{"b":2.5,"c":null}],"d":{"e":{"f":[1,2,[3]]}},"g":"text","b":[[],{},"",0]})";

std::string run(const path::Expression& expression, const json::Value& input) {
    const path::Variables variables = {{"v", input}};
    Random random(1);
    Budget budget({.steps = 200'000, .bytes = 1 << 24, .depth = 200});
    const path::Scope scope{input, input, variables, random, budget};
    try {
        const bool present = expression.present(scope);
        const auto result = expression.evaluate(scope);
        check(!present || result.ok() || result.error().reason != path::EvalError::Reason::NoResult);
        check(!expression.is_definite() || !expression.is_reference() || present || !result.ok() ||
              result->is_null());
        return result.ok() ? json::dump(*result) : result.error().message;
    } catch (const BudgetExceeded&) {
        return "budget";
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const std::string_view first = text.substr(0, text.find('\n'));
    // Expressions are members of JSON texts, so they are UTF-8.
    if (!json::parse(json::dump(json::Value::string(first))).ok()) return 0;
    auto input = json::parse(first.size() < text.size() ? text.substr(first.size() + 1) : std::string_view());
    const json::Value value = input.ok() ? *input : *json::parse(kInput);

    const auto expression = path::Expression::compile(first, path::Expression::Allow::Paths);
    if (expression.ok()) check(run(*expression, value) == run(*expression, value));
    const auto reference = path::ReferencePath::compile(first);
    check(!reference.ok() || expression.ok());
    if (reference.ok()) {
        const json::Value mark = json::Value::string("mark");
        Budget budget(Budget::Limits{});
        const auto placed = reference->insert(value, mark, budget);
        if (placed.ok()) check(run(*expression, *placed) == "\"mark\"");
    }
    return 0;
}
