// Implementation of flow_option_values.hpp.
#include "pg/flow_options/flow_option_values.hpp"

#include <algorithm>
#include <charconv>

#include "core/asl/flow_name.hpp"
#include "pg/server/quoting.hpp"

namespace flowctl::pg {

namespace {

struct TimeUnit {
    std::string_view name;
    std::int64_t micros;
};

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kMostMicros = 366 * 86'400 * kSecond;

constexpr TimeUnit kTimeUnits[] = {
    {"ms", 1000},
    {"s", kSecond},
    {"sec", kSecond},
    {"secs", kSecond},
    {"second", kSecond},
    {"seconds", kSecond},
    {"min", 60 * kSecond},
    {"mins", 60 * kSecond},
    {"minute", 60 * kSecond},
    {"minutes", 60 * kSecond},
    {"h", 3600 * kSecond},
    {"hour", 3600 * kSecond},
    {"hours", 3600 * kSecond},
    {"d", 86'400 * kSecond},
    {"day", 86'400 * kSecond},
    {"days", 86'400 * kSecond},
};

std::string_view without_blanks(std::string_view text) {
    const std::size_t first = text.find_first_not_of(' ');
    return first == std::string_view::npos ? std::string_view{} : text.substr(first);
}

// Takes a number and its unit from the front of the text.
std::optional<std::int64_t> take_time(std::string_view& text) {
    double number = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (error != std::errc() || !(number >= 0) || number > 1e12) return std::nullopt;
    text = without_blanks(text.substr(static_cast<std::size_t>(end - text.data())));
    const std::size_t letters =
        std::min(text.find_first_not_of("abcdefghijklmnopqrstuvwxyz"), text.size());
    for (const TimeUnit& unit : kTimeUnits) {
        if (unit.name != text.substr(0, letters)) continue;
        text = without_blanks(text.substr(letters));
        const double micros = number * static_cast<double>(unit.micros);
        if (micros > static_cast<double>(kMostMicros)) return std::nullopt;
        return static_cast<std::int64_t>(micros);
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::size_t> read_choice(const json::Value& value,
                                       std::initializer_list<std::string_view> choices) {
    if (!value.is_string()) return std::nullopt;
    const auto found = std::find(choices.begin(), choices.end(), value.as_string());
    if (found == choices.end()) return std::nullopt;
    return static_cast<std::size_t>(found - choices.begin());
}

std::optional<bool> read_truth(const json::Value& value) {
    return value.is_bool() ? std::optional(value.as_bool()) : std::nullopt;
}

std::optional<std::int64_t> read_whole_number(const json::Value& value, std::int64_t least,
                                              std::int64_t most) {
    if (!value.is_number()) return std::nullopt;
    const auto number = value.as_integer();
    return number && *number >= least && *number <= most ? number : std::nullopt;
}

std::optional<std::string> read_short_text(const json::Value& value, std::size_t most) {
    if (!value.is_string() || value.as_string().empty() || value.as_string().size() > most)
        return std::nullopt;
    return std::string(value.as_string());
}

std::optional<std::int64_t> read_length_of_time(const json::Value& value) {
    if (!value.is_string() || value.as_string().size() > 100) return std::nullopt;
    std::string_view text = without_blanks(value.as_string());
    std::int64_t micros = 0;
    do {
        const auto part = take_time(text);
        if (!part) return std::nullopt;
        micros += *part;
    } while (!text.empty());
    return micros > 0 && micros <= kMostMicros ? std::optional(micros) : std::nullopt;
}

std::optional<gates::Rate> read_rate(const json::Value& value) {
    if (!value.is_string() || value.as_string().size() > 100) return std::nullopt;
    return gates::parse_rate(value.as_string());
}

std::optional<std::vector<std::string>> read_names(const json::Value& value, std::size_t most) {
    if (!value.is_array() || value.size() > most) return std::nullopt;
    std::vector<std::string> names;
    for (const json::Value& item : value.items()) {
        if (!item.is_string() || !asl::is_flow_name(item.as_string())) return std::nullopt;
        if (std::find(names.begin(), names.end(), item.as_string()) != names.end()) return std::nullopt;
        names.emplace_back(item.as_string());
    }
    return names;
}

std::optional<std::string> read_flow_reference(const json::Value& value) {
    if (!value.is_string() || !asl::parse_flow_reference(value.as_string()).is_well_formed())
        return std::nullopt;
    return std::string(value.as_string());
}

std::optional<FlowExpression> read_expression(std::string_view option, const json::Value& value) {
    if (!value.is_string()) return std::nullopt;
    auto compiled = FlowExpression::compile(value.as_string());
    if (compiled) return std::move(compiled).value();
    throw UserError(ERRCODE_INVALID_PARAMETER_VALUE,
                    "invalid expression in option " + in_quotes(option) + " of a flow",
                    "It is a JSONPath or JSONata over the input, for example '$.after.id'.",
                    "In " + in_quotes(shortened_name(value.as_string())) + ": " + compiled.error() + ".");
}

}  // namespace flowctl::pg
