// How many evaluations a second JSONata does, alone, on the expressions that the npm package is measured
// with.
//
//   jsonata [seconds a case]
//
// Input and bindings are parsed once and expressions compiled once, as a worker does.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "core/jsonata/jsonata.hpp"

using namespace flowctl;

namespace {

using Clock = std::chrono::steady_clock;

std::string order() {
    std::string items;
    for (int i = 0; i < 10; ++i) {
        items += (i > 0 ? "," : "") + ("{\"sku\":\"S" + std::to_string(i)) +
                 "\",\"qty\":" + std::to_string(i + 1) + ",\"price\":" + std::to_string(9 + i) + ".5}";
    }
    return R"({"order":{"id":42,"customer":{"name":"Ann","tier":"gold"},"items":[)" + items + "]}}";
}

template <class F>
double per_second(double seconds, const F& f) {
    std::int64_t count = 0;
    const Clock::time_point start = Clock::now();
    std::chrono::duration<double> elapsed{};
    while (elapsed.count() < seconds) {
        for (int i = 0; i < 100; ++i)
            f();
        count += 100;
        elapsed = Clock::now() - start;
    }
    return static_cast<double>(count) / elapsed.count();
}

void measure(const char* name, const char* text, const json::Value& input, double seconds) {
    const auto expression = jsonata::Expression::compile(text);
    const auto bindings =
        json::parse(R"({"states":{"input":{"a":1},"result":{"b":2},"context":{"id":"r1"}}})");
    if (!expression.ok() || !bindings.ok()) {
        std::printf("%-16s does not compile\n", name);
        std::exit(1);
    }
    Random random(1);
    const double evaluations = per_second(seconds, [&] {
        Budget budget;
        const auto result = expression.value().evaluate(
            &input, bindings.value(), {.now_milliseconds = 0, .random = random, .budget = budget});
        if (!result.ok() || !result.value()) std::exit(1);
    });
    const double compilations = per_second(seconds / 3, [&] {
        if (!jsonata::Expression::compile(text).ok()) std::exit(1);
    });
    std::printf("%-16s %10.0f evaluations/s %10.0f compilations/s\n", name, evaluations, compilations);
}

}  // namespace

int main(int argc, char** argv) {
    const double seconds = argc > 1 ? std::atof(argv[1]) : 1.5;
    const auto document = json::parse(order());
    if (!document.ok()) return 1;
    measure("path", "order.customer.name", document.value(), seconds);
    measure("aggregate", "$sum(order.items.(qty*price))", document.value(), seconds);
    measure(
        "transform",
        R"({"id": order.id, "who": $uppercase(order.customer.name), "big": order.items[qty > 5].{"sku": sku, )"
        R"("total": $round(qty*price, 2)}, "vip": order.customer.tier = "gold" ? true : false})",
        document.value(), seconds);
    measure("states_output",
            R"({"total": $states.input.a + $states.result.b, "msg": "run " & $states.context.id})",
            json::Value::object({}), seconds);
    return 0;
}
