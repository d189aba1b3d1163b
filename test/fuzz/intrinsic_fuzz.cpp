// Intrinsic functions and payload templates: the input is an expression, taken alone and as a template's
// member, over fixed data. Nothing but a result, an error or an exhausted budget may come of it, and results
// must be storable.
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
    R"({"a":[1,2.5,-0.5,1e300,"x",null,{"k":[]},1],"s":"a,b;c é😀","t":"{} \\{{}\\}","n":3,"o":{"p":1},"j":"{\"q\":[1]}"})";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (!json::parse(json::dump(json::Value::string(text))).ok()) return 0;  // not UTF-8

    const json::Value input = *json::parse(kInput);
    const path::Variables variables = {{"v", input}};
    Random random(1);
    Budget budget({.steps = 500'000, .bytes = 1 << 24, .depth = 200});
    const path::Scope scope{input, input, variables, random, budget};

    const auto expression = path::Expression::compile(text, path::Expression::Allow::PathsAndIntrinsics);
    const json::Value payload =
        json::ObjectBuilder()
            .add("x",
                 json::Value::array({json::ObjectBuilder().add("y.$", json::Value::string(text)).build()}))
            .build();
    const auto filled = path::Template::compile(payload);
    check(expression.ok() == filled.ok());
    if (!expression.ok()) return 0;
    try {
        const auto result = expression->evaluate(scope);
        if (result.ok())
            check(json::parse(json::dump(*result), {.max_bytes = 1 << 28, .max_depth = 1'100}).ok());
        const auto whole = filled->evaluate(scope);
        check(whole.ok() == result.ok());
        if (!result.ok()) check(!result.error().message.empty());
        (void)expression->variables();
    } catch (const BudgetExceeded&) {
    }
    return 0;
}
