// The primitives that identity code needs beside signatures: a digest, a digest with a key, and random numbers.
//
// A failure here means that OpenSSL itself is broken (no provider, no entropy), so it throws.
#pragma once

#include <string>
#include <string_view>

namespace flowctl::net {

std::string sha256(std::string_view bytes);                                          // 32 bytes
std::string hmac(const char* digest, std::string_view key, std::string_view bytes);  // digest: "SHA256", ...
std::string random_id();   // 128 random bits as base64url, 22 characters
double random_fraction();  // uniform in [0, 1), for jitter

}  // namespace flowctl::net
