// The primitives that identity code needs beside signatures: a digest, also with a key, randomness, a wipe.
//
// Failures here mean that OpenSSL itself is broken (no provider, no entropy), so they throw.
//
// Callers: jose, oidc, token_cache, token_endpoint and others.
#pragma once

#include <string>
#include <string_view>

namespace flowctl::net {

std::string sha256(std::string_view bytes);                                          // 32 bytes
std::string hmac(const char* digest, std::string_view key, std::string_view bytes);  // digest: "SHA256", ...
std::string random_id();                // 128 random bits as base64url, 22 characters
double random_fraction();               // uniform in [0, 1), for jitter
void wipe(std::string& text) noexcept;  // overwrites the bytes, then empties the string

}  // namespace flowctl::net
