// Functions over instants. The caller gives the current time.
#include "core/jsonata/error.hpp"
#include "core/jsonata/format_date.hpp"
#include "core/jsonata/library.hpp"
#include "core/jsonata/serialise.hpp"

namespace flowctl::jsonata {
namespace {

std::optional<std::string_view> text_at(const Call& call, std::size_t i) {
    if (!call.has(i)) return std::nullopt;
    return call.at(i).string();
}

double now_of(const Call& call) {
    return static_cast<double>(call.evaluation.environment.now_milliseconds);
}

Value from_millis(const Call& call) {
    if (!call.has(0)) return {};
    return call.evaluation.text(
        format_date(call.at(0).number(), text_at(call, 1), text_at(call, 2), call.evaluation.budget));
}

Value to_millis(const Call& call) {
    if (!call.has(0)) return {};
    const std::string_view text = call.at(0).string();
    std::optional<double> result;
    if (call.has(1)) {
        result = parse_date(text, call.at(1).string(), now_of(call), call.evaluation.budget);
        return result ? Value::of_number(*result) : Value();
    }
    result = parse_iso_date(text);
    if (!result) throw Raised{.code = "D3110", .value = brief_json(call.at(0))};
    return Value::of_number(*result);
}

Value now(const Call& call) {
    return call.evaluation.text(
        format_date(now_of(call), text_at(call, 0), text_at(call, 1), call.evaluation.budget));
}

Value millis(const Call& call) {
    return Value::of_number(now_of(call));
}

constexpr LibraryRow kRows[] = {
    {"fromMillis", "<n-s?s?:s>", 3, 3, from_millis},
    {"toMillis", "<s-s?:n>", 2, 2, to_millis},
    {"now", "<s?s?:s>", 2, 2, now},
    {"millis", "<:n>", 0, 0, millis},
};

}  // namespace

std::span<const LibraryRow> date_functions() {
    return kRows;
}

}  // namespace flowctl::jsonata
