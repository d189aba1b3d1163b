// The functions that Step Functions adds to JSONata: $partition, $range, $hash, $random(seed), $uuid, $parse.
//
// They belong to the library everywhere, so that an expression can be tried outside of a flow. Edge cases
// follow observed answers of AWS: arguments that are not integers are truncated towards zero, many senseless
// calls are undefined and not an error, and errors have the code D3137.
#include <cmath>
#include <cstdint>
#include <limits>

#include "core/jsonata/error.hpp"
#include "core/jsonata/library.hpp"
#include "core/jsonata/serialise.hpp"
#include "core/text/digest.hpp"

namespace flowctl::jsonata {
namespace {

Raised refused(std::string message) {
    return Raised{.code = "D3137", .message = std::move(message)};
}

// Converts as Java casts a double to a long: truncated towards zero, cut to the range, and NaN becomes 0.
std::int64_t as_long(double number) {
    constexpr double kEdge = 9223372036854775808.0;  // 2^63
    if (std::isnan(number)) return 0;
    if (number >= kEdge) return std::numeric_limits<std::int64_t>::max();
    if (number < -kEdge) return std::numeric_limits<std::int64_t>::min();
    return static_cast<std::int64_t>(number);
}

Value partition(const Call& call) {
    const Value array = call.at(0);
    if (array.is_undefined()) return {};
    if (!array.is_array()) throw Raised{.code = "T0412", .value2 = "undefined", .index = 1};
    const Items items(array);
    if (items.size() == 0) return {};
    const std::int64_t size = call.has(1) ? as_long(call.at(1).number()) : std::int64_t{1} << 32;
    if (size < 0) throw refused("Second argument must be zero or greater");
    if (size == 0) return {};
    Evaluation& evaluation = call.evaluation;
    evaluation.budget.step(items.size());
    List* parts = evaluation.list();
    List* part = nullptr;
    for (std::size_t i = 0; i < items.size(); ++i) {
        if (part == nullptr || part->size == static_cast<std::uint64_t>(size)) {
            part = evaluation.list();
            parts->push(evaluation.arena, Value::of_list(part));
        }
        part->push(evaluation.arena, items[i]);
    }
    return Value::of_list(parts);
}

Value range(const Call& call) {
    if (!call.has(0) || !call.has(1) || !call.has(2)) return {};
    const std::int64_t first = as_long(call.at(0).number());
    const std::int64_t last = as_long(call.at(1).number());
    const std::int64_t step = as_long(call.at(2).number());
    if (step == 0 || (step > 0 ? first > last : first < last)) return {};
    const std::uint64_t width = step > 0
                                    ? static_cast<std::uint64_t>(last) - static_cast<std::uint64_t>(first)
                                    : static_cast<std::uint64_t>(first) - static_cast<std::uint64_t>(last);
    const std::uint64_t stride =
        step > 0 ? static_cast<std::uint64_t>(step) : ~static_cast<std::uint64_t>(step) + 1;
    const std::uint64_t steps = width / stride;  // one less than the number of items
    Evaluation& evaluation = call.evaluation;
    const auto& flow = evaluation.environment.flow;
    if (flow && steps >= flow->range_items) Budget::out_of_bytes();
    List* result = evaluation.sequence();
    std::uint64_t at = static_cast<std::uint64_t>(first);
    for (std::uint64_t i = 0;; ++i) {
        evaluation.budget.step();
        result->push(evaluation.arena, Value::of_number(static_cast<double>(static_cast<std::int64_t>(at))));
        if (i == steps) return Value::of_list(result);
        at += static_cast<std::uint64_t>(step);
    }
}

Value hash(const Call& call) {
    if (!call.has(0) || !call.has(1)) return {};
    const std::string_view data = call.at(0).string();
    const std::string_view algorithm = call.at(1).string();
    call.evaluation.budget.step(data.size() / 8);
    const auto digest = text::digest_hex(algorithm, data);
    if (!digest) {
        throw refused("Hash algorithm '" + std::string(algorithm.substr(0, 100)) +
                      "' must be one of SHA-1, SHA-384, SHA-256, SHA-512, MD5");
    }
    return call.evaluation.text(*digest);
}

Value random(const Call& call) {
    if (!call.has(0)) return Value::of_number(call.evaluation.environment.random.next_unit());
    return Value::of_number(java_random_unit(as_long(call.at(0).number())));
}

Value uuid(const Call& call) {
    return call.evaluation.text(call.evaluation.environment.random.next_uuid());
}

// Whether every number in the value fits a double.
bool is_finite(const json::Value& value, Budget& budget) {
    const Budget::Depth depth(budget);
    budget.step();
    switch (value.kind()) {
        case json::Kind::Number:
            return std::isfinite(value.as_double());
        case json::Kind::Array:
            for (const json::Value& item : value.items()) {
                if (!is_finite(item, budget)) return false;
            }
            return true;
        case json::Kind::Object:
            for (const json::Member& member : value.members()) {
                if (!is_finite(member.value, budget)) return false;
            }
            return true;
        default:
            return true;
    }
}

Value parse(const Call& call) {
    if (!call.has(0)) return {};
    const std::string_view text = call.at(0).string();
    call.evaluation.budget.step(text.size() / 8);
    call.evaluation.budget.bytes(text.size() * 4);
    auto value = json::parse(text, {.unique_names = true});
    if (!value.ok() || !is_finite(value.value(), call.evaluation.budget)) throw refused("Invalid JSON");
    return call.evaluation.adopt(std::move(value).value());
}

constexpr LibraryRow kRows[] = {
    {"partition", "<xn?:a>", 2, 2, partition},
    {"range", "<nnn?:x>", 3, 3, range},
    {"hash", "<ss?:s>", 2, 2, hash},
    {"random", "<n?:n>", 0, 1, random},
    {"uuid", "<:s>", 0, 0, uuid},
    {"parse", "<s?:x>", 1, 1, parse},
};

}  // namespace

std::span<const LibraryRow> flow_functions() {
    return kRows;
}

}  // namespace flowctl::jsonata
