// Values to JSON and to text, and comparing them.
#pragma once

#include <optional>
#include <string>

#include "core/jsonata/value.hpp"

namespace flowctl::jsonata {

// The result as the caller gets it: functions are "", undefined inside of arrays is null and inside of
// objects absent. Numbers that JSON has not are refused (NaN is null, infinity throws Raised D1001) or become
// their names ("NaN", "-Infinity"); with the latter, text that cannot be stored is refused as well.
enum class NonFinite : std::uint8_t { Refused, Named };
json::Value to_json(const Value& value, Budget& budget, NonFinite non_finite);

// As $string() does; not for undefined.
std::string to_string(const Value& value, bool pretty, Budget& budget);

// For messages: never throws, and long values are cut.
std::string brief_json(const Value& value);

std::string number_to_string(double number);

// $boolean() of anything but undefined, which is false here.
bool to_boolean(const Value& value, Budget& budget);

bool deep_equal(const Value& a, const Value& b, Budget& budget);

// The number, if it is one; throws Raised D1001 when it is infinite.
bool is_numeric(const Value& value);

}  // namespace flowctl::jsonata
