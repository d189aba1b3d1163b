// Numbers as text. A number is read as sign, significant digits and a decimal exponent. None of them is ever
// expanded, so a short text such as 1e999999999 costs no more than its length.
#include "core/json_number.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>

#include "core/json_node.hpp"

namespace flowctl::json {
namespace {

bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

// Exponents up to this one are exact, and larger ones are cut to it. It is far beyond every size that numbers
// are compared with.
constexpr std::int64_t kExponentCap = 1'000'000'000'000'000;

// The parts of a valid number text. The digits are whole followed by fraction.
struct Parts {
    bool negative = false;
    std::string_view whole;
    std::string_view fraction;
    std::int64_t exponent = 0;
    bool capped = false;  // the exponent did not fit and was cut

    std::size_t digits() const noexcept { return whole.size() + fraction.size(); }
    char digit(std::size_t i) const noexcept {
        return i < whole.size() ? whole[i] : fraction[i - whole.size()];
    }
};

Parts split(std::string_view text) noexcept {
    Parts parts;
    std::size_t at = 0;
    if (at < text.size() && text[at] == '-') {
        parts.negative = true;
        ++at;
    }
    const auto take_digits = [&] {
        const std::size_t from = at;
        while (at < text.size() && is_digit(text[at]))
            ++at;
        return text.substr(from, at - from);
    };
    parts.whole = take_digits();
    if (at < text.size() && text[at] == '.') {
        ++at;
        parts.fraction = take_digits();
    }
    if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
        ++at;
        const bool negative = at < text.size() && text[at] == '-';
        if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
        for (const char c : take_digits()) {
            parts.exponent = parts.exponent * 10 + (c - '0');
            if (parts.exponent >= kExponentCap) {
                parts.exponent = kExponentCap;
                parts.capped = true;
                break;
            }
        }
        if (negative) parts.exponent = -parts.exponent;
    }
    return parts;
}

// The number without leading and trailing zeros: the digits from `first` to before `last`, times a power of
// ten.
struct Normal {
    Parts parts;
    std::size_t first = 0;
    std::size_t last = 0;    // equal to `first` for zero
    std::int64_t point = 0;  // position of the decimal point counted from `first`

    bool is_zero() const noexcept { return first == last; }
    std::size_t length() const noexcept { return last - first; }
    char digit(std::size_t i) const noexcept { return parts.digit(first + i); }
};

Normal normalise(std::string_view text) noexcept {
    Normal n;
    n.parts = split(text);
    n.last = n.parts.digits();
    while (n.first < n.last && n.parts.digit(n.first) == '0')
        ++n.first;
    while (n.last > n.first && n.parts.digit(n.last - 1) == '0')
        --n.last;
    n.point = static_cast<std::int64_t>(n.parts.whole.size()) - static_cast<std::int64_t>(n.first) +
              n.parts.exponent;
    return n;
}

bool equal_texts(std::string_view a, std::string_view b) noexcept {
    if (a == b) return true;
    const Normal x = normalise(a);
    const Normal y = normalise(b);
    if (x.is_zero() || y.is_zero()) return x.is_zero() && y.is_zero();
    // Such exponents are equal only if they are spelled alike.
    if (x.parts.capped || y.parts.capped) return false;
    if (x.parts.negative != y.parts.negative || x.point != y.point || x.length() != y.length()) return false;
    for (std::size_t i = 0; i < x.length(); ++i) {
        if (x.digit(i) != y.digit(i)) return false;
    }
    return true;
}

}  // namespace

bool is_number_text(std::string_view text) noexcept {
    std::size_t at = 0;
    const auto digits = [&] {
        const std::size_t from = at;
        while (at < text.size() && is_digit(text[at]))
            ++at;
        return at - from;
    };
    if (at < text.size() && text[at] == '-') ++at;
    const std::size_t start = at;
    const std::size_t whole = digits();
    if (whole == 0 || (whole > 1 && text[start] == '0')) return false;
    if (at < text.size() && text[at] == '.') {
        ++at;
        if (digits() == 0) return false;
    }
    if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
        ++at;
        if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
        if (digits() == 0) return false;
    }
    return at == text.size();
}

std::optional<std::int64_t> canonical_integer(std::string_view text) noexcept {
    std::int64_t value = 0;
    if (text.empty() || text.size() > 20 || text == "-0") return std::nullopt;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

double text_to_double(std::string_view text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc()) return value;
    // The text is out of the range of double. The size of the number decides whether it becomes infinity or
    // zero.
    const Normal n = normalise(text);
    const double size = !n.is_zero() && n.point > 0 ? std::numeric_limits<double>::infinity() : 0.0;
    return n.parts.negative ? -size : size;
}

std::optional<std::int64_t> text_to_integer(std::string_view text) noexcept {
    const Normal n = normalise(text);
    if (n.is_zero()) return 0;
    if (n.point > 19 || n.point < static_cast<std::int64_t>(n.length())) return std::nullopt;
    std::uint64_t value = 0;  // 19 digits fit
    for (std::int64_t i = 0; i < n.point; ++i) {
        const auto at = static_cast<std::size_t>(i);
        value = value * 10 + static_cast<std::uint64_t>(at < n.length() ? n.digit(at) - '0' : 0);
    }
    constexpr std::uint64_t kMax = std::numeric_limits<std::int64_t>::max();
    if (n.parts.negative) {
        if (value > kMax + 1) return std::nullopt;
        return value == kMax + 1 ? std::numeric_limits<std::int64_t>::min()
                                 : -static_cast<std::int64_t>(value);
    }
    if (value > kMax) return std::nullopt;
    return static_cast<std::int64_t>(value);
}

std::string double_to_text(double d) {
    char shortest[32];
    const auto [end, error] =
        std::to_chars(shortest, shortest + sizeof shortest, d, std::chars_format::scientific);
    const Normal n = normalise(std::string_view(shortest, static_cast<std::size_t>(end - shortest)));
    std::string text = std::signbit(d) ? "-" : "";
    if (n.is_zero()) return text + "0";

    std::string digits;
    for (std::size_t i = 0; i < n.length(); ++i)
        digits.push_back(n.digit(i));
    const auto count = static_cast<std::int64_t>(digits.size());
    if (n.point > 0 && n.point <= 21) {
        if (count <= n.point)
            return text + digits + std::string(static_cast<std::size_t>(n.point - count), '0');
        return text + digits.substr(0, static_cast<std::size_t>(n.point)) + "." +
               digits.substr(static_cast<std::size_t>(n.point));
    }
    if (n.point > -6 && n.point <= 0) {
        return text + "0." + std::string(static_cast<std::size_t>(-n.point), '0') + digits;
    }
    text += digits[0];
    if (count > 1) text += "." + digits.substr(1);
    const std::int64_t exponent = n.point - 1;
    text += exponent < 0 ? "e-" : "e+";
    return text + std::to_string(exponent < 0 ? -exponent : exponent);
}

std::size_t digits_written_out(std::string_view text) noexcept {
    const Normal n = normalise(text);
    const std::int64_t before = n.is_zero() ? 1 : std::max<std::int64_t>(1, n.point);
    const std::int64_t after =
        std::max<std::int64_t>(0, static_cast<std::int64_t>(n.parts.fraction.size()) - n.parts.exponent);
    return static_cast<std::size_t>(before + after);
}

bool equal_numbers(const Value& a, const Value& b) {
    if (Access::form(a) == kInteger && Access::form(b) == kInteger)
        return Access::integer(a) == Access::integer(b);
    if (Access::form(a) == kDouble && Access::form(b) == kDouble) return Access::real(a) == Access::real(b);
    return equal_texts(a.number_as_text(), b.number_as_text());
}

}  // namespace flowctl::json
