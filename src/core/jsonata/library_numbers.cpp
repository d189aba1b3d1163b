// Functions over numbers.
#include <cmath>
#include <limits>

#include "core/jsonata/error.hpp"
#include "core/jsonata/format_integer.hpp"
#include "core/jsonata/format_number.hpp"
#include "core/jsonata/library.hpp"
#include "core/jsonata/serialise.hpp"

namespace flowctl::jsonata {
namespace {

bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

// Whether the text matches -?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?. Zeros in front are allowed.
bool is_decimal(std::string_view text) {
    std::size_t at = 0;
    const auto digits = [&] {
        const std::size_t from = at;
        while (at < text.size() && is_digit(text[at]))
            ++at;
        return at > from;
    };
    if (at < text.size() && text[at] == '-') ++at;
    if (!digits()) return false;
    if (at < text.size() && text[at] == '.') {
        ++at;
        if (!digits()) return false;
    }
    if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
        ++at;
        if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
        if (!digits()) return false;
    }
    return at == text.size();
}

double decimal(std::string_view text) {
    std::string plain(text);
    const std::size_t start = plain.starts_with('-') ? 1 : 0;
    std::size_t zeros = start;
    while (zeros + 1 < plain.size() && plain[zeros] == '0' && is_digit(plain[zeros + 1]))
        ++zeros;
    plain.erase(start, zeros - start);
    return json::Value::number_text(plain).as_double();
}

// The value of 0x1f, 0o17 and 0b101; NaN for anything else.
double prefixed(std::string_view text) {
    constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
    if (text.size() < 3 || text[0] != '0') return kNaN;
    const char letter = static_cast<char>(text[1] | 0x20);
    const int base = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
    if (base == 0) return kNaN;
    double value = 0;
    for (const char c : text.substr(2)) {
        const char lower = static_cast<char>(c | 0x20);
        const int digit = is_digit(c) ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : 99;
        if (digit >= base) return kNaN;
        value = value * base + digit;
    }
    return value;
}

Value number(const Call& call) {
    const Value value = call.at(0);
    switch (value.type) {
        case Type::Undefined:
        case Type::Number:
            return value;
        case Type::Bool:
            return Value::of_number(value.boolean ? 1 : 0);
        case Type::String: {
            const std::string_view text = value.string();
            call.evaluation.budget.bytes(text.size());
            call.evaluation.budget.step(text.size() / 16);
            const double result = is_decimal(text) ? decimal(text) : prefixed(text);
            if (std::isfinite(result)) return Value::of_number(result);
            break;
        }
        default:
            break;
    }
    throw Raised{.code = "D3030", .value = brief_json(value), .index = 1};
}

template <double (*F)(double)>
Value apply_to_number(const Call& call) {
    return call.has(0) ? Value::of_number(F(call.at(0).number())) : Value();
}

double absolute(double d) {
    return std::abs(d);
}
double floor_of(double d) {
    return std::floor(d);
}
double ceiling_of(double d) {
    return std::ceil(d);
}

int precision_of(const Value& value) {
    if (value.is_undefined()) return 0;
    const double precision = std::trunc(value.number());
    return static_cast<int>(std::fmax(-400, std::fmin(400, precision)));
}

Value round_of(const Call& call) {
    if (!call.has(0)) return {};
    return Value::of_number(round_half_even(call.at(0).number(), precision_of(call.at(1))));
}

Value sqrt_of(const Call& call) {
    if (!call.has(0)) return {};
    const double value = call.at(0).number();
    if (value < 0) throw Raised{.code = "D3060", .value = brief_json(call.at(0)), .index = 1};
    return Value::of_number(std::sqrt(value));
}

Value power(const Call& call) {
    if (!call.has(0)) return {};
    const double exponent = call.has(1) ? call.at(1).number() : std::numeric_limits<double>::quiet_NaN();
    const double result = std::pow(call.at(0).number(), exponent);
    if (!std::isfinite(result)) {
        throw Raised{
            .code = "D3061", .value = brief_json(call.at(0)), .value2 = brief_json(call.at(1)), .index = 1};
    }
    return Value::of_number(result);
}

Value format_base(const Call& call) {
    if (!call.has(0)) return {};
    double value = round_half_even(call.at(0).number(), 0);
    const double radix = call.has(1) ? round_half_even(call.at(1).number(), 0) : 10;
    if (!(radix >= 2 && radix <= 36)) throw Raised{.code = "D3100", .value = number_to_string(radix)};
    if (radix == 10 && std::isfinite(value)) return call.evaluation.text(number_to_string(value));
    const bool negative = value < 0;
    value = std::abs(value);
    if (!std::isfinite(value)) {
        return call.evaluation.text(std::isnan(value) ? "NaN" : negative ? "-Infinity" : "Infinity");
    }
    std::string digits;
    do {
        digits.insert(
            digits.begin(),
            "0123456789abcdefghijklmnopqrstuvwxyz"[static_cast<std::size_t>(std::fmod(value, radix))]);
        value = std::floor(value / radix);
    } while (value >= 1 && digits.size() < 1100);
    if (negative) digits.insert(digits.begin(), '-');
    return call.evaluation.text(digits);
}

Value format_number_of(const Call& call) {
    if (!call.has(0)) return {};
    const std::string_view picture = call.has(1) ? call.at(1).string() : std::string_view();
    return call.evaluation.text(
        format_number(call.at(0).number(), picture, call.at(2), call.evaluation.budget));
}

Value format_integer_of(const Call& call) {
    if (!call.has(0)) return {};
    const std::string_view picture = call.has(1) ? call.at(1).string() : std::string_view();
    call.evaluation.budget.step(picture.size() * 40);
    const IntegerPicture analysed = analyse_integer_picture(picture);
    return call.evaluation.text(
        format_integer(std::floor(call.at(0).number()), analysed, call.evaluation.budget));
}

Value parse_integer_of(const Call& call) {
    if (!call.has(0)) return {};
    const std::string_view picture = call.has(1) ? call.at(1).string() : std::string_view();
    const std::string_view text = call.at(0).string();
    call.evaluation.budget.step(picture.size() * 40 + text.size() * 10);
    call.evaluation.budget.bytes(text.size());
    return Value::of_number(parse_integer(text, analyse_integer_picture(picture)));
}

// ------------------------------------------------------------------------------------------ aggregates

template <class F>
void for_each_number(const Call& call, const F& f) {
    const Items items(call.at(0));
    call.evaluation.budget.step(items.size());
    for (std::size_t i = 0; i < items.size(); ++i)
        f(items[i].number());
}

Value sum(const Call& call) {
    if (!call.has(0)) return {};
    double total = 0;
    for_each_number(call, [&](double d) { total += d; });
    return Value::of_number(total);
}

Value average(const Call& call) {
    const auto count = static_cast<double>(Items(call.at(0)).size());
    if (count == 0) return {};
    double total = 0;
    for_each_number(call, [&](double d) { total += d; });
    return Value::of_number(total / count);
}

Value maximum(const Call& call) {
    if (Items(call.at(0)).size() == 0) return {};
    double most = -std::numeric_limits<double>::infinity();
    for_each_number(call, [&](double d) { most = d > most ? d : most; });
    return Value::of_number(most);
}

Value minimum(const Call& call) {
    if (Items(call.at(0)).size() == 0) return {};
    double least = std::numeric_limits<double>::infinity();
    for_each_number(call, [&](double d) { least = d < least ? d : least; });
    return Value::of_number(least);
}

constexpr LibraryRow kRows[] = {
    {"number", "<(nsb)-:n>", 1, 1, number},
    {"abs", "<n-:n>", 1, 1, apply_to_number<absolute>},
    {"floor", "<n-:n>", 1, 1, apply_to_number<floor_of>},
    {"ceil", "<n-:n>", 1, 1, apply_to_number<ceiling_of>},
    {"round", "<n-n?:n>", 2, 2, round_of},
    {"sqrt", "<n-:n>", 1, 1, sqrt_of},
    {"power", "<n-n:n>", 2, 2, power},
    {"formatBase", "<n-n?:s>", 2, 2, format_base},
    {"formatNumber", "<n-so?:s>", 3, 3, format_number_of},
    {"formatInteger", "<n-s:s>", 2, 2, format_integer_of},
    {"parseInteger", "<s-s:n>", 2, 2, parse_integer_of},
    {"sum", "<a<n>:n>", 1, 1, sum},
    {"average", "<a<n>:n>", 1, 1, average},
    {"max", "<a<n>:n>", 1, 1, maximum},
    {"min", "<a<n>:n>", 1, 1, minimum},
};

}  // namespace

std::span<const LibraryRow> number_functions() {
    return kRows;
}

}  // namespace flowctl::jsonata
