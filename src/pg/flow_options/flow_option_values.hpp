// What values of a flow's options look like, for the rows of the table (flow_options.cpp).
//
// Each function reads one kind of value and gives nothing where the value is not of that kind or not within
// its bounds. None of them looks at another option or at the catalog.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/gates/rate.hpp"
#include "core/json.hpp"
#include "pg/flow_options/flow_expression.hpp"

namespace flowctl::pg {

// The place of the word among the choices.
std::optional<std::size_t> read_choice(const json::Value& value,
                                       std::initializer_list<std::string_view> choices);
std::optional<bool> read_truth(const json::Value& value);
std::optional<std::int64_t> read_whole_number(const json::Value& value, std::int64_t least,
                                              std::int64_t most);
// A text of 1 to `most` bytes.
std::optional<std::string> read_short_text(const json::Value& value, std::size_t most);
// A length of time in microseconds: '5 s', '500 ms', '1 h 30 min', '2 days'. It is positive and at most a
// year.
std::optional<std::int64_t> read_length_of_time(const json::Value& value);
// '100/min', as core/gates/rate.hpp reads it.
std::optional<gates::Rate> read_rate(const json::Value& value);
// Names of the form of a flow's name, none of them twice; at most `most`.
std::optional<std::vector<std::string>> read_names(const json::Value& value, std::size_t most);
// 'flow', 'flow:3' or 'flow:alias'.
std::optional<std::string> read_flow_reference(const json::Value& value);
// Raises an error that names the option where the value is a text and no valid expression.
std::optional<FlowExpression> read_expression(std::string_view option, const json::Value& value);

}  // namespace flowctl::pg
