// Implementation of rule_options.hpp.
#include "pg/events/rule_options.hpp"

#include <algorithm>

#include "pg/flow_options/flow_expression.hpp"
#include "pg/flow_options/flow_option_values.hpp"
#include "pg/server/bridge.hpp"
#include "pg/server/quoting.hpp"

namespace flowctl::pg::events {

namespace {

constexpr std::size_t kMaxTypeBytes = 120;
constexpr std::size_t kMostEmitters = 100;
constexpr std::int64_t kMostThreshold = 100'000;

bool is_type_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == ':' || c == '/' || c == '-';
}

[[noreturn]] void refuse_option(std::string_view option, const char* hint) {
    throw UserError(ERRCODE_INVALID_PARAMETER_VALUE,
                    "option " + in_quotes(shortened_name(option)) + " of an event rule is not valid", hint);
}

void read_emitters(const json::Value& value, RuleOptions& options) {
    constexpr const char* hint = "It is an array of 1 to 100 names of roles, whose events count.";
    if (!value.is_array() || value.size() == 0 || value.size() > kMostEmitters) refuse_option("emitters", hint);
    options.emitters.emplace();
    for (const json::Value& name : value.items()) {
        if (!name.is_string()) refuse_option("emitters", hint);
        options.emitters->emplace_back(name.as_string());
    }
}

void read_one(std::string_view name, const json::Value& value, RuleOptions& options) {
    if (value.is_null()) return;
    if (name == "on_error") {
        const auto choice = read_choice(value, {"record", "raise"});
        if (!choice) refuse_option(name, "It is record, or raise if the command that causes the event is to fail.");
        options.raises = *choice == 1;
    } else if (name == "within") {
        options.within = read_length_of_time(value);
        if (!options.within) refuse_option(name, "It is a length of time, such as '5 min'.");
    } else if (name == "threshold") {
        const auto number = read_whole_number(value, 1, kMostThreshold);
        if (!number) refuse_option(name, "It is a whole number from 1 to 100,000.");
        options.threshold = *number;
    } else if (name == "key") {
        if (!read_expression(name, value)) refuse_option(name, "It is an expression over the event.");
        options.key = std::string(value.as_string());
    } else if (name == "unless") {
        if (!value.is_string() || !is_pattern(value.as_string()))
            refuse_option(name, "It is a type of events, such as 'order.paid' or 'order.*'.");
        options.unless = std::string(value.as_string());
    } else if (name == "emitters") {
        read_emitters(value, options);
    } else {
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE,
                        "an event rule has no option " + in_quotes(shortened_name(name)),
                        "The options are on_error, within, threshold, key, unless, emitters.");
    }
}

}  // namespace

RuleOptions read_rule_options(const json::Value& given) {
    if (!given.is_object())
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE, "options must be a JSON object",
                        "For example: {\"within\": \"5 min\", \"threshold\": 3}.");
    RuleOptions options;
    for (const json::Member& member : given.members())
        read_one(member.key, member.value, options);
    if (options.threshold > 1 && options.unless)
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE,
                        "options \"threshold\" and \"unless\" of an event rule exclude each other",
                        "Make two rules, of which one emits an event that the other one names.");
    if (!options.within && (options.threshold > 1 || options.unless || options.key))
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE,
                        "options \"threshold\", \"key\" and \"unless\" of an event rule need the option \"within\"",
                        "For example: {\"within\": \"5 min\", \"threshold\": 3}.");
    if (options.within && options.threshold == 1 && !options.unless)
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE,
                        "option \"within\" of an event rule needs \"threshold\" or \"unless\"",
                        "For example: {\"within\": \"5 min\", \"threshold\": 3}.");
    if (options.within && options.raises)
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE,
                        "an event rule with option \"within\" cannot raise errors",
                        "It starts its flow after the command: leave \"on_error\" out.");
    return options;
}

RuleOptions read_stored_rule_options(std::string_view stored) {
    const auto parsed = json::parse(stored);
    if (!parsed) return {};
    try {
        return read_rule_options(*parsed);
    } catch (const UserError&) {
        return {};
    }
}

bool is_type(std::string_view text) {
    return !text.empty() && text.size() <= kMaxTypeBytes && std::all_of(text.begin(), text.end(), is_type_character);
}

bool is_pattern(std::string_view text) {
    if (!text.ends_with('*')) return is_type(text);
    text.remove_suffix(1);
    return text.empty() || is_type(text);
}

}  // namespace flowctl::pg::events
