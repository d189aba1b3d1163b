// JSONata: the first line is an expression, the rest is the input (a fixed one when it is not JSON). Nothing
// but a value, an error or an exhausted budget may come of it, twice the same; in a flow no budget either.
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/jsonata/jsonata.hpp"

using namespace flowctl;

namespace {

const char* const kInput =
    R"({"a":[{"b":1,"c":"x"},{"b":2.5,"c":null}],"d":{"e":{"f":[1,2,[3]]}},"g":"text","b":[[],{},"",0]})";

std::string run(const jsonata::Expression& expression, const json::Value& input,
                const std::optional<jsonata::FlowRules>& flow) {
    Random random(1);
    Budget budget({.steps = 200'000, .bytes = 1 << 24, .depth = 200});
    try {
        const auto result =
            expression.evaluate(&input, json::ObjectBuilder().add("v", input).build(),
                                {.now_milliseconds = 1, .random = random, .budget = budget, .flow = flow});
        if (!result.ok()) return result.error().code + result.error().message;
        if (!result.value()) return "undefined";
        // What comes out can be written and read again.
        const std::string text = json::dump(*result.value());
        if (!json::parse(text, {.storable = false}).ok()) std::abort();
        return text;
    } catch (const BudgetExceeded&) {
        if (flow) std::abort();
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
    if (!expression.ok()) return 0;
    for (const auto& flow : {std::optional<jsonata::FlowRules>(), std::optional(jsonata::FlowRules())}) {
        if (run(expression.value(), value, flow) != run(expression.value(), value, flow)) std::abort();
    }
    for (const std::string& sentence : expression.value().unsupported({})) {
        if (!json::parse(json::dump(json::Value::string(sentence))).ok()) std::abort();
    }
    return 0;
}
