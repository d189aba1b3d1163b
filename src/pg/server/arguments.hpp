// The arguments of SQL functions that may be null.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "pg/server/prelude.hpp"

namespace flowctl::pg {

// nullopt: it is null.
std::optional<std::string> text_argument(FunctionCallInfo fcinfo, int index);
// Raises an error if the text is longer than `most` bytes.
std::optional<std::string> bounded_argument(FunctionCallInfo fcinfo, int index, const char* name,
                                            std::size_t most, const char* hint);
// The text of a jsonb argument, with the blanks that jsonb prints.
std::optional<std::string> jsonb_argument_text(FunctionCallInfo fcinfo, int index);
// Raises 22004 where it is null; `name` is the argument's.
std::string required_argument(FunctionCallInfo fcinfo, int index, const char* name, const char* hint);
// An interval as microseconds, from 0 to a year; `otherwise` where it is null.
std::int64_t micros_argument(FunctionCallInfo fcinfo, int index, std::int64_t otherwise);

}  // namespace flowctl::pg
