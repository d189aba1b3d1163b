// JSONata: the first line is an expression, the rest is the input (a fixed one when it is not JSON). Nothing
// but a value, an error or an exhausted budget may come of it, twice the same.
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/jsonata/jsonata.hpp"

using namespace flowctl;

namespace {

const char* const kInput =
    R"({"a":[{"b":1,"c":"x"},{"b":2.5,"c":null}],"d":{"e":{"f":[1,2,[3]]}},"g":"text","b":[[],{},"",0]})";

std::string run(const jsonata::Expression& expression, const json::Value& input) {
    Random random(1);
    Budget budget({.steps = 200'000, .bytes = 1 << 24, .depth = 200});
    try {
        const auto result = expression.evaluate(&input, json::ObjectBuilder().add("v", input).build(),
                                                {.now_milliseconds = 1, .random = random, .budget = budget});
        if (!result.ok()) return result.error().code + result.error().message;
        if (!result.value()) return "undefined";
        // What comes out can be written and read again.
        const std::string text = json::dump(*result.value());
        if (!json::parse(text, {.storable = false}).ok()) std::abort();
        return text;
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
    const auto input =
        json::parse(first.size() < text.size() ? text.substr(first.size() + 1) : std::string_view());
    const json::Value value = input.ok() ? *input : *json::parse(kInput);
    const auto expression = jsonata::Expression::compile(first);
    if (expression.ok() && run(expression.value(), value) != run(expression.value(), value)) std::abort();
    return 0;
}
