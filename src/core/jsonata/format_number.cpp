// Formats numbers by picture. A picture has one or two sub-pictures (the second for negative numbers). Each
// has a prefix, an active part with integer, fraction and exponent, and a suffix. Characters are code points.
#include "core/jsonata/format_number.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/utf8.hpp"
#include "core/jsonata/error.hpp"
#include "core/jsonata/serialise.hpp"
#include "core/jsonata/text.hpp"

namespace flowctl::jsonata {
namespace {

constexpr std::size_t kNone = std::u32string::npos;
constexpr std::size_t kMaxFraction = 100;

std::u32string wide(std::string_view text) {
    std::u32string out;
    for (std::size_t at = 0; at < text.size();)
        out.push_back(decode_utf8(text, at));
    return out;
}

struct Format {
    std::u32string decimal = U".", grouping = U",", exponent = U"e", minus = U"-", percent = U"%",
                   per_mille = U"\u2030", zero = U"0", digit = U"#", pattern = U";";

    explicit Format(const Value& options) {
        const Members members(options);
        for (std::size_t i = 0; i < members.size(); ++i) {
            if (!members.value(i).is_string()) continue;
            const std::u32string text = wide(members.value(i).string());
            if (text.empty()) continue;
            const std::string_view key = members.key(i);
            if (key == "decimal-separator") decimal = text;
            if (key == "grouping-separator") grouping = text;
            if (key == "exponent-separator") exponent = text;
            if (key == "minus-sign") minus = text;
            if (key == "percent") percent = text;
            if (key == "per-mille") per_mille = text;
            if (key == "zero-digit") zero = text;
            if (key == "digit") digit = text;
            if (key == "pattern-separator") pattern = text;
        }
    }
    bool is(char32_t c, const std::u32string& what) const { return what.size() == 1 && what[0] == c; }
    bool is_decimal_digit(char32_t c) const { return c >= zero[0] && c < zero[0] + 10; }
    bool is_any_digit(char32_t c) const { return is_decimal_digit(c) || is(c, digit); }
    bool is_active(char32_t c) const {
        return is_any_digit(c) || is(c, decimal) || is(c, exponent) || is(c, grouping) || is(c, pattern);
    }
};

struct Parts {
    std::u32string picture, prefix, suffix, active, mantissa, exponent, integer, fraction;
    bool has_exponent = false;
};

Parts split(const std::u32string& picture, const Format& f) {
    Parts p;
    p.picture = picture;
    const auto bounds = [&](char32_t c) { return f.is_active(c) && !f.is(c, f.exponent); };
    const auto first = std::find_if(picture.begin(), picture.end(), bounds);
    const auto last = std::find_if(picture.rbegin(), picture.rend(), bounds).base();
    if (first != picture.end()) {
        p.prefix.assign(picture.begin(), first);
        p.suffix.assign(last, picture.end());
    }
    p.active = picture.substr(p.prefix.size(), picture.size() - p.prefix.size() - p.suffix.size());
    p.mantissa = p.active;
    const std::size_t exponent = p.active.find(f.exponent);
    if (exponent != kNone) {
        p.has_exponent = true;
        p.mantissa = p.active.substr(0, exponent);
        p.exponent = p.active.substr(exponent + f.exponent.size());
    }
    const std::size_t decimal = p.mantissa.find(f.decimal);
    if (decimal == kNone) {
        p.integer = p.mantissa;
        p.fraction = p.suffix;
    } else {
        p.integer = p.mantissa.substr(0, decimal);
        p.fraction = p.mantissa.substr(decimal + f.decimal.size());
    }
    return p;
}

// As in the reference implementation, the last broken rule names the error.
void validate(const Parts& p, const Format& f) {
    const char* error = nullptr;
    const std::u32string& s = p.picture;
    const auto twice = [&](const std::u32string& what) { return s.find(what) != s.rfind(what); };
    const auto has = [&](const std::u32string& what) { return s.find(what) != kNone; };
    const auto decimal_digit = [&](char32_t c) { return f.is_decimal_digit(c); };
    if (twice(f.decimal)) error = "D3081";
    if (twice(f.percent)) error = "D3082";
    if (twice(f.per_mille)) error = "D3083";
    if (has(f.percent) && has(f.per_mille)) error = "D3084";
    if (std::none_of(p.mantissa.begin(), p.mantissa.end(), [&](char32_t c) { return f.is_any_digit(c); })) {
        error = "D3085";
    }
    if (!std::all_of(p.active.begin(), p.active.end(), [&](char32_t c) { return f.is_active(c); })) {
        error = "D3086";
    }
    const std::size_t at = s.find(f.decimal);
    if (at != kNone) {
        if ((at > 0 && f.is(s[at - 1], f.grouping)) || (at + 1 < s.size() && f.is(s[at + 1], f.grouping))) {
            error = "D3087";
        }
    } else if (!p.integer.empty() && f.is(p.integer.back(), f.grouping)) {
        error = "D3088";
    }
    if (has(f.grouping + f.grouping)) error = "D3089";
    const std::size_t optional = p.integer.find(f.digit);
    if (optional != kNone &&
        std::any_of(p.integer.begin(), p.integer.begin() + static_cast<std::ptrdiff_t>(optional),
                    decimal_digit)) {
        error = "D3090";
    }
    const std::size_t last_optional = p.fraction.rfind(f.digit);
    if (last_optional != kNone && std::any_of(p.fraction.begin() + static_cast<std::ptrdiff_t>(last_optional),
                                              p.fraction.end(), decimal_digit)) {
        error = "D3091";
    }
    if (p.has_exponent && !p.exponent.empty() && (has(f.percent) || has(f.per_mille))) error = "D3092";
    if (p.has_exponent &&
        (p.exponent.empty() || !std::all_of(p.exponent.begin(), p.exponent.end(), decimal_digit))) {
        error = "D3093";
    }
    if (error != nullptr) throw Raised{.code = error};
}

struct Rules {
    std::u32string prefix, suffix, picture;
    std::vector<std::size_t> integer_groups, fraction_groups;
    std::size_t regular = 0;
    std::size_t min_integer = 0, scaling = 0, min_fraction = 0, max_fraction = 0, min_exponent = 0;
};

std::size_t regular_interval(const std::vector<std::size_t>& positions) {
    std::size_t factor = 0;
    for (const std::size_t position : positions)
        factor = std::gcd(factor, position);
    for (std::size_t i = 1; factor > 0 && i <= positions.size(); ++i) {
        if (std::find(positions.begin(), positions.end(), i * factor) == positions.end()) return 0;
    }
    return factor;
}

Rules analyse(const Parts& p, const Format& f) {
    Rules r;
    r.prefix = p.prefix;
    r.suffix = p.suffix;
    r.picture = p.picture;
    const auto any_digit = [&](char32_t c) { return f.is_any_digit(c); };
    const auto decimal_digit = [&](char32_t c) { return f.is_decimal_digit(c); };
    const auto count = [](const std::u32string& text, std::size_t from, std::size_t to, const auto& what) {
        return static_cast<std::size_t>(std::count_if(text.begin() + static_cast<std::ptrdiff_t>(from),
                                                      text.begin() + static_cast<std::ptrdiff_t>(to), what));
    };
    for (std::size_t i = 0; i < p.integer.size(); ++i) {
        if (f.is(p.integer[i], f.grouping)) {
            r.integer_groups.push_back(count(p.integer, i, p.integer.size(), any_digit));
        }
    }
    for (std::size_t i = 0; i < p.fraction.size(); ++i) {
        if (f.is(p.fraction[i], f.grouping)) r.fraction_groups.push_back(count(p.fraction, 0, i, any_digit));
    }
    r.regular = regular_interval(r.integer_groups);
    r.min_integer = count(p.integer, 0, p.integer.size(), decimal_digit);
    r.scaling = r.min_integer;
    r.min_fraction = count(p.fraction, 0, p.fraction.size(), decimal_digit);
    r.max_fraction = count(p.fraction, 0, p.fraction.size(), any_digit);
    if (r.min_integer == 0 && r.max_fraction == 0) {
        if (p.has_exponent) {
            r.min_fraction = r.max_fraction = 1;
        } else {
            r.min_integer = 1;
        }
    }
    if (p.has_exponent && r.min_integer == 0 && p.integer.find(f.digit) != kNone) r.min_integer = 1;
    if (r.min_integer == 0 && r.min_fraction == 0) r.min_fraction = 1;
    if (p.has_exponent) r.min_exponent = count(p.exponent, 0, p.exponent.size(), decimal_digit);
    return r;
}

// The digits of the absolute value, with so many after the point, written with the picture's digits.
std::u32string digits_of(double value, std::size_t fraction, const Format& f) {
    value = std::abs(value);
    if (!std::isfinite(value)) return U"Infinity";
    char buffer[450];  // the largest double has 309 digits before the point
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed,
                                   static_cast<int>(fraction));
    std::u32string out;
    for (const char c : std::string_view(buffer, end.ptr))
        out.push_back(c >= '0' && c <= '9' ? f.zero[0] + static_cast<char32_t>(c - '0')
                                           : static_cast<char32_t>(c));
    return out;
}

std::u32string group_and_pad(std::u32string text, const Rules& r, const Format& f) {
    const std::size_t point = text.find(U'.');
    std::u32string integer = text.substr(0, point);
    std::u32string fraction = point == kNone ? std::u32string() : text.substr(point + 1);
    const char32_t zero = f.zero[0];
    integer.erase(0, std::min(integer.find_first_not_of(zero), integer.size()));
    while (!fraction.empty() && fraction.back() == zero)
        fraction.pop_back();
    if (integer.size() < r.min_integer) integer.insert(0, r.min_integer - integer.size(), zero);
    if (fraction.size() < r.min_fraction) fraction.append(r.min_fraction - fraction.size(), zero);

    std::u32string out;
    for (std::size_t i = 0; i < integer.size(); ++i) {
        const std::size_t right = integer.size() - i;
        const bool separate =
            i > 0 && (r.regular > 0 ? right % r.regular == 0
                                    : std::find(r.integer_groups.begin(), r.integer_groups.end(), right) !=
                                          r.integer_groups.end());
        if (separate) out += f.grouping;
        out.push_back(integer[i]);
    }
    if (fraction.empty() || r.picture.find(f.decimal) == kNone) return out;
    out += f.decimal;
    for (std::size_t i = 0; i < fraction.size(); ++i) {
        if (i > 0 &&
            std::find(r.fraction_groups.begin(), r.fraction_groups.end(), i) != r.fraction_groups.end()) {
            out += f.grouping;
        }
        out.push_back(fraction[i]);
    }
    return out;
}

// Shifts the decimal point in the shortest text of the number, which causes no error of its own.
double shifted(double value, int by) {
    std::string text = number_to_string(value);
    int exponent = by;
    if (const std::size_t e = text.find('e'); e != std::string::npos) {
        exponent += std::stoi(text.substr(e + 1));
        text.resize(e);
    }
    return json::Value::number_text(text + "e" + std::to_string(exponent)).as_double();
}

}  // namespace

double round_half_even(double value, int precision) {
    if (!std::isfinite(value)) return value;
    const double scaled = precision != 0 ? shifted(value, precision) : value;
    if (!std::isfinite(scaled)) return value;
    double rounded = std::floor(scaled);
    const double fraction = scaled - rounded;
    if (fraction > 0.5 || (fraction == 0.5 && std::fmod(rounded, 2) != 0)) rounded += 1;
    const double result = precision != 0 ? shifted(rounded, -precision) : rounded;
    return result == 0 ? 0 : result;
}

std::string format_number(double value, std::string_view picture, const Value& options, Budget& budget) {
    budget.step(picture.size() * 8);
    budget.bytes(picture.size() * 32);
    const Format f(options);
    const std::u32string text = wide(picture);
    std::vector<std::u32string> pictures;
    for (std::size_t at = 0;;) {
        const std::size_t next = text.find(f.pattern, at);
        pictures.push_back(text.substr(at, next == kNone ? next : next - at));
        if (next == kNone) break;
        at = next + f.pattern.size();
    }
    if (pictures.size() > 2) throw Raised{.code = "D3080"};
    std::vector<Parts> parts;
    for (const std::u32string& each : pictures)
        parts.push_back(split(each, f));
    for (const Parts& each : parts)
        validate(each, f);
    std::vector<Rules> rules;
    for (const Parts& each : parts)
        rules.push_back(analyse(each, f));
    if (rules.size() == 1) {
        rules.push_back(rules[0]);
        rules[1].prefix = f.minus + rules[1].prefix;
    }
    const Rules& r = value >= 0 ? rules[0] : rules[1];

    if (std::isnan(value)) return "NaN";
    double mantissa = value;
    if (r.picture.find(f.percent) != kNone) {
        mantissa *= 100;
    } else if (r.picture.find(f.per_mille) != kNone) {
        mantissa *= 1000;
    }
    int exponent = 0;
    if (r.min_exponent > 0 && mantissa != 0 && std::isfinite(mantissa)) {
        const double most = std::pow(10, static_cast<double>(r.scaling));
        const double least = std::pow(10, static_cast<double>(r.scaling) - 1);
        mantissa = std::abs(mantissa);
        for (int i = 0; i < 700 && mantissa < least; ++i, --exponent)
            mantissa *= 10;
        for (int i = 0; i < 700 && mantissa > most; ++i, ++exponent)
            mantissa /= 10;
    }
    const std::size_t fraction = std::min(r.max_fraction, kMaxFraction);
    std::u32string out = r.prefix;
    out += group_and_pad(digits_of(round_half_even(mantissa, static_cast<int>(fraction)), fraction, f), r, f);
    if (r.min_exponent > 0) {
        out += f.exponent;
        if (exponent < 0) out += f.minus;
        const std::u32string digits = digits_of(exponent, 0, f);
        if (digits.size() < r.min_exponent) out.append(r.min_exponent - digits.size(), f.zero[0]);
        out += digits;
    }
    out += r.suffix;
    std::string utf8;
    for (const char32_t c : out)
        append_utf8(c, utf8);
    return utf8;
}

}  // namespace flowctl::jsonata
