// How many evaluations a second JSONata does, alone, on the expressions that the npm package is measured
// with.
//
//   jsonata <jsonata_cases.json> [seconds a case]
//
// Input and bindings are parsed once and expressions compiled once, as a worker does. jsonata.sh runs this
// and the npm package in turns and prints the ratio.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "core/jsonata/jsonata.hpp"

using namespace flowctl;

namespace {

using Clock = std::chrono::steady_clock;

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

void measure(const std::string& name, std::string_view text, const json::Value& input,
             const json::Value& bindings, double seconds) {
    const auto expression = jsonata::Expression::compile(text);
    if (!expression.ok()) {
        std::printf("%-16s does not compile\n", name.c_str());
        std::exit(1);
    }
    Random random(1);
    const double evaluations = per_second(seconds, [&] {
        Budget budget;
        const auto result = expression.value().evaluate(
            &input, bindings, {.now_milliseconds = 0, .random = random, .budget = budget});
        if (!result.ok() || !result.value()) std::exit(1);
    });
    const double compilations = per_second(seconds / 3, [&] {
        if (!jsonata::Expression::compile(text).ok()) std::exit(1);
    });
    std::printf("%-16s %10.0f evaluations/s %10.0f compilations/s\n", name.c_str(), evaluations,
                compilations);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fprintf(stderr, "usage: %s <jsonata_cases.json> [seconds a case]\n", argv[0]);
        return 2;
    }
    std::stringstream text;
    text << std::ifstream(argv[1]).rdbuf();
    const auto cases = json::parse(text.str());
    if (!cases.ok()) {
        std::fprintf(stderr, "%s: %s\n", argv[1], cases.error().message.c_str());
        return 2;
    }
    const double seconds = argc > 2 ? std::atof(argv[2]) : 1.5;
    for (const json::Value& each : cases.value().find("cases")->items()) {
        measure(std::string(each.find("name")->as_string()), each.find("expression")->as_string(),
                *cases.value().find("input"), *cases.value().find("bindings"), seconds);
    }
    return 0;
}
