// What a request may say in its method and headers: the grammar of RFC 9110, and the headers that are not the
// caller's.
//
// Invariant: what passes here cannot end a header, begin another request, or change how the message is framed
// or routed.
//
// Called by dispatcher for every exchange, and by client, which keeps Authorization for itself.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/client.hpp"

namespace flowctl::net {

bool same_name(std::string_view a,
               std::string_view b) noexcept;  // as header names compare: without ASCII case

// What is wrong with the method, or nothing.
std::optional<std::string> objection_to_method(std::string_view method);

// What is wrong with the headers, naming the one at fault but never its value; or nothing.
std::optional<std::string> objection_to_headers(const std::vector<Header>& headers);

}  // namespace flowctl::net
