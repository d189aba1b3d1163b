// The text encodings of URLs and identity protocols: base64url, percent and form encoding, hexadecimal. Base64
// itself is in base/base64.hpp.
//
// base64url_decode is strict (RFC 7515 §2): no padding, no foreign character, no bits set that the last
// character does not need, so that one value has one spelling. What is encoded may be a secret: no function
// here leaves a copy of it in a buffer that is given up.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace flowctl::net {

std::string base64url_encode(std::string_view bytes);
std::optional<std::string> base64url_decode(std::string_view text);

// All but RFC 3986's unreserved characters as %XX.
std::string percent_encode(std::string_view text);
// The same with a space as '+', which application/x-www-form-urlencoded and RFC 6749 §2.3.1 both accept.
std::string form_encode(std::string_view text);
// Undoes percent-encoding; a '%' without two hexadecimal digits behind it stays as it is.
std::string percent_decode(std::string_view text);
// True if a '%' is not followed by two hexadecimal digits.
bool has_broken_percent(std::string_view text) noexcept;

std::string hex_encode(std::string_view bytes);  // lower case

// Appends the part with its length in front, so that two lists of parts never give the same text: for keys.
void append_part(std::string& text, std::string_view part);

// "name=value" with both form-encoded, after a '&' where the form is not empty. The value may be a secret: it
// leaves no copy but the form's, if the form has the capacity.
void append_form_field(std::string& form, std::string_view name, std::string_view value);

}  // namespace flowctl::net
