// What the rules on options have in common: how they read options, and how they refuse them.
//
// A rule says which options go together. It sees the whole new list of options and nothing else.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "pg/endpoints/options.hpp"
#include "pg/server/bridge.hpp"
#include "pg/server/quoting.hpp"

namespace flowctl::pg {

// Options that are given, but not together.
[[noreturn]] inline void contradict(const std::string& message, std::string hint) {
    throw UserError(ERRCODE_FDW_INVALID_OPTION_NAME, message, std::move(hint));
}

// `where` follows "option ... is required for".
inline void require(const Options& options, std::string_view name, std::string_view where, std::string hint) {
    if (options.contains(name)) return;
    throw UserError(ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED,
                    "option " + in_quotes(name) + " is required for " + std::string(where), std::move(hint));
}

inline bool is_on(const Options& options, std::string_view name) {
    return read_boolean(option(options, name)).value_or(false);
}

}  // namespace flowctl::pg
