// The digests that the language offers by name in States.Hash and $hash(), as lower-case hexadecimal text.
//
// They are part of the language, and core links no cryptographic library. They must not be used to protect
// secrets: src/net handles keys and tokens with OpenSSL.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace flowctl::text {

std::string md5_hex(std::string_view data);     // RFC 1321
std::string sha1_hex(std::string_view data);    // FIPS 180-4
std::string sha256_hex(std::string_view data);  // FIPS 180-4
std::string sha384_hex(std::string_view data);  // FIPS 180-4
std::string sha512_hex(std::string_view data);  // FIPS 180-4

// The digest by the language's name for the algorithm; nothing for an unknown name.
std::optional<std::string> digest_hex(std::string_view algorithm, std::string_view data);

}  // namespace flowctl::text
