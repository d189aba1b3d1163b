// What a request may say in its method and headers: the grammar of RFC 9110, and the headers that a caller may
// not set.
//
// Invariant: a method or header that passes here cannot end a header, begin another request, or change how the
// message is framed or routed.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/call/request.hpp"

namespace flowctl::net {

// Whether two header names are the same: their ASCII case does not count.
bool same_name(std::string_view a, std::string_view b) noexcept;

// Whether a server may take one name for the other. CGI and what comes after it (WSGI, Rack, PHP) turn '-' into
// '_', so X_Forwarded_For and X-Forwarded-For are one variable there. A name that is somebody else's to set is
// compared in this way.
bool reads_as(std::string_view a, std::string_view b) noexcept;
bool begins_as(std::string_view name, std::string_view prefix) noexcept;

// What is wrong with the method, or nothing.
std::optional<std::string> objection_to_method(std::string_view method);

// What is wrong with the headers, naming the one at fault but never its value; or nothing.
std::optional<std::string> objection_to_headers(const std::vector<Header>& headers);

}  // namespace flowctl::net
