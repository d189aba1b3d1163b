// The table of options: their names, where each may stand, and of which kind its value is
// (option_values.hpp).
//
// Each option is looked at by itself. Which options go together is checked by the validators.
#pragma once

#include <string>
#include <string_view>

namespace flowctl::pg {

// The kinds of objects that have options.
enum class Place { HttpServer, OidcServer, OidcMapping };

// Raises an error with a hint when there is no such option in this place, or its value is malformed.
void check_option(Place place, const std::string& name, std::string_view value);

}  // namespace flowctl::pg
