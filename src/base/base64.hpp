// Base64 with padding (RFC 4648), for States.Base64Encode and States.Base64Decode.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace flowctl {

std::string base64_encode(std::string_view data);

// The bytes; nothing when the text is not canonical: it has other characters, wrong padding, or bits left
// over.
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace flowctl
