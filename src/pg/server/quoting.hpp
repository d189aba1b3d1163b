// Names as messages and as SQL write them.
#pragma once

#include <string>
#include <string_view>

#include "pg/server/bridge.hpp"

extern "C" {
#include "utils/builtins.h"
}

namespace flowctl::pg {

// As messages name things.
inline std::string in_quotes(std::string_view text) {
    return "\"" + std::string(text) + "\"";
}

// As SQL writes a name.
inline std::string identifier(const std::string& name) {
    return guarded([&] { return quote_identifier(name.c_str()); });
}

}  // namespace flowctl::pg
