// Reading rates. See rate.hpp.
#include "core/gates/rate.hpp"

#include <charconv>

namespace flowctl::gates {

namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kYear = 366 * 86'400 * kSecond;

struct Unit {
    std::string_view name;
    std::int64_t micros;
};
constexpr Unit kUnits[] = {
    {"s", kSecond},           {"sec", kSecond},        {"second", kSecond},     {"seconds", kSecond},
    {"min", 60 * kSecond},    {"minute", 60 * kSecond}, {"minutes", 60 * kSecond}, {"h", 3600 * kSecond},
    {"hour", 3600 * kSecond}, {"hours", 3600 * kSecond}, {"d", 86'400 * kSecond}, {"day", 86'400 * kSecond},
    {"days", 86'400 * kSecond},
};

void skip_blanks(std::string_view& text) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
}

std::optional<std::int64_t> take_number(std::string_view& text) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || number <= 0) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    skip_blanks(text);
    return number;
}

}  // namespace

std::optional<Rate> parse_rate(std::string_view text) {
    skip_blanks(text);
    const auto count = take_number(text);
    if (!count || !text.starts_with('/')) return std::nullopt;
    text.remove_prefix(1);
    skip_blanks(text);
    const bool has_number = !text.empty() && text.front() >= '0' && text.front() <= '9';
    const auto length = has_number ? take_number(text) : std::optional<std::int64_t>(1);
    if (!length) return std::nullopt;
    while (text.ends_with(' '))
        text.remove_suffix(1);
    for (const Unit& unit : kUnits) {
        if (unit.name != text) continue;
        if (*length > kYear / unit.micros) return std::nullopt;
        const Rate rate{*count, *length * unit.micros};
        return rate.count <= rate.period ? std::optional(rate) : std::nullopt;
    }
    return std::nullopt;
}

}  // namespace flowctl::gates
