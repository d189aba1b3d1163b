// The digests that the language offers by name in States.Hash, as lower-case hexadecimal text.
//
// They are part of the language, and core links no cryptographic library. Nothing here is for keeping
// secrets: keys and tokens are handled in src/net with OpenSSL. Called by the intrinsic functions and by
// JSONata's $hash().
#pragma once

#include <string>
#include <string_view>

namespace flowctl::path {

std::string md5_hex(std::string_view data);     // RFC 1321
std::string sha1_hex(std::string_view data);    // FIPS 180-4
std::string sha256_hex(std::string_view data);  // FIPS 180-4
std::string sha384_hex(std::string_view data);  // FIPS 180-4
std::string sha512_hex(std::string_view data);  // FIPS 180-4

}  // namespace flowctl::path
