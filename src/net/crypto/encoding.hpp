// The text encodings of identity protocols: base64url, base64, form encoding, hexadecimal.
//
// base64url_decode is strict (RFC 7515 §2): no padding, no foreign character, no bits set that the last
// character does not need, so that one value has one spelling. form_encode escapes all but unreserved
// characters and writes a space as '+', which application/x-www-form-urlencoded and RFC 6749 §2.3.1 both
// accept.
//
// Callers: jose, client_auth, token_endpoint, revocation.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace flowctl::net {

std::string base64url_encode(std::string_view bytes);
std::optional<std::string> base64url_decode(std::string_view text);
std::string base64_encode(std::string_view bytes);  // with padding, one line
std::string form_encode(std::string_view text);
std::string hex_encode(std::string_view bytes);  // lower case

// "name=value" with both form-encoded, after a '&' where the form is not empty. The value may be a secret: it
// leaves no copy but the form's, if the form has the capacity.
void append_form_field(std::string& form, std::string_view name, std::string_view value);

}  // namespace flowctl::net
