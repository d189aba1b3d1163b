// The options of an event rule: {"on_error": "record", "within": "5 min", "threshold": 3, "key": "...", "unless": "..."}.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.hpp"

namespace flowctl::pg::events {

struct RuleOptions {
    bool raises = false;  // on_error: whether a command fails if the rule cannot start its flow
    std::optional<std::int64_t> within;
    std::int64_t threshold = 1;
    std::optional<std::string> key;
    std::optional<std::string> unless;
    std::optional<std::vector<std::string>> emitters;  // names of roles
};

// Raises an error that names the option if there is no such option, if its value is not allowed, or if options
// contradict one another.
RuleOptions read_rule_options(const json::Value& given);
// What is stored, as it was checked when it was set.
RuleOptions read_stored_rule_options(std::string_view stored);

// A type: 1 to 120 of the characters a-z, A-Z, 0-9, and . _ : / - within.
bool is_type(std::string_view text);
// A type, or the beginning of types and *.
bool is_pattern(std::string_view text);

}  // namespace flowctl::pg::events
