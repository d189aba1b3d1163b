// The table of options: which there are, where each may stand, and of which kind its value is
// (fdw_option_values).
//
// Each option is looked at by itself; what they must be together is fdw_validators.cpp's.
//
// Called by fdw_validators.
#pragma once

#include <string>
#include <string_view>

namespace flowctl::pg {

// What has options.
enum class Place { HttpServer, OidcServer, OidcMapping };

// Raises an error with a hint when there is no such option in this place, or its value is malformed.
void check_option(Place place, const std::string& name, std::string_view value);

}  // namespace flowctl::pg
