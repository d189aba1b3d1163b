// The formats of texts that are checked.
#pragma once

#include <string_view>

#include "core/schema/schema_node.hpp"

namespace flowctl::schema {

bool has_format(Format format, std::string_view text);

}  // namespace flowctl::schema
