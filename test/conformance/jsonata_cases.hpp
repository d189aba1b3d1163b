// What reading and comparing the cases of JSONata's own suite takes.
#pragma once

#include <string>

#include "core/json.hpp"

namespace conformance {

// UTF-8 has no lone surrogates: one in a string literal of an expression is written as JSONata's escape
// instead.
std::string with_escaped_surrogates(const std::string& line);

bool same_result(const flowctl::json::Value& expected, const flowctl::json::Value& actual, bool any_order);

}  // namespace conformance
