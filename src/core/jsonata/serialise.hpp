// Converting values to JSON and to text, and comparing them.
#pragma once

#include <optional>
#include <string>

#include "core/jsonata/value.hpp"

namespace flowctl::jsonata {

// The result for the caller of an evaluation: functions become "", and undefined becomes null in an array and
// is left out of an object. Numbers that JSON does not have are either refused (NaN is null, infinity throws
// Raised D1001) or become their names ("NaN", "-Infinity"). In the latter case, text that cannot be stored is
// refused, too.
enum class NonFinite : std::uint8_t { Refused, Named };
json::Value to_json(const Value& value, Budget& budget, NonFinite non_finite);

// The text as $string() gives it. The value must not be undefined.
std::string to_string(const Value& value, bool pretty, Budget& budget);

// The value for messages. Never throws; long values are cut.
std::string brief_json(const Value& value);

std::string number_to_string(double number);

// The value as $boolean() gives it, except that undefined is false here.
bool to_boolean(const Value& value, Budget& budget);

bool deep_equal(const Value& a, const Value& b, Budget& budget);

// Whether the value is a number. Throws Raised D1001 if it is infinite.
bool is_numeric(const Value& value);

}  // namespace flowctl::jsonata
