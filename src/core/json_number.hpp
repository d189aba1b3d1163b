// Numbers as text: the value of a JSON number, without rounding and at a cost linear in the length of its
// text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/json.hpp"

namespace flowctl::json {

// Whether `text` is a number by the grammar of RFC 8259.
bool is_number_text(std::string_view text) noexcept;

// The integer whose canonical text this is: std::to_string of the result gives `text` again.
std::optional<std::int64_t> canonical_integer(std::string_view text) noexcept;

// The nearest double; beyond the range of double ±infinity or ±0.
double text_to_double(std::string_view text);

// The value, if it is an integer that fits.
std::optional<std::int64_t> text_to_integer(std::string_view text) noexcept;

// The shortest text that reads back as this finite double, in the notation of ECMAScript.
std::string double_to_text(double d);

// The number of digits before and after the point that SQL's numeric would print. It saturates far above any
// limit.
std::size_t digits_written_out(std::string_view text) noexcept;

bool equal_numbers(const Value& a, const Value& b);

}  // namespace flowctl::json
