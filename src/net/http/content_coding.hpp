// Content codings of answers (RFC 9110): gzip and its like. No request here asks for one, and none is undone,
// so a body that has one cannot be read.
#pragma once

#include <string>
#include <vector>

#include "net/call/request.hpp"

namespace flowctl::net {

// What the answer says of its body's coding, shortened and printable; empty: the body is as its sender wrote
// it.
std::string content_coding(const std::vector<Header>& headers);

// "is encoded (gzip), which was not asked for", or nothing.
std::string content_coding_fault(const std::vector<Header>& headers);

}  // namespace flowctl::net
