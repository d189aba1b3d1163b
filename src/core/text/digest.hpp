// The digests that the language offers by name in States.Hash and $hash(), as lower-case hexadecimal text.
//
// They are part of the language, and core links no cryptographic library. Nothing here keeps a secret: keys and
// tokens are handled by src/net with OpenSSL.
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

// By the name that the language gives the algorithm; nothing for a name that it does not have.
std::optional<std::string> digest_hex(std::string_view algorithm, std::string_view data);

}  // namespace flowctl::text
