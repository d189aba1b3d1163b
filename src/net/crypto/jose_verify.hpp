// Verifying a JWT that somebody hands us, against the keys of one issuer.
//
// The order is: size, form, header, key, signature, and only then the claims. alg must be on the caller's list
// and fit the key's type and curve; none and HS* are on no list. jku, x5u and jwk are never looked at, and a
// token with crit is refused, whatever crit names. iss is compared exactly, aud must contain us, exp is
// required, and clocks may differ by a minute. An ID token is refused where an access token is expected, even if
// typ does not tell the two apart. A message never quotes the token. Pure: keys and time come in.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "net/crypto/json_reader.hpp"
#include "net/crypto/jwks.hpp"

struct evp_pkey_st;

namespace flowctl::net {

struct JoseAlgorithm;

struct JwtExpectation {
    std::string issuer;
    std::string audience;
    std::vector<std::string> algorithms;  // allowed ones
    std::vector<std::string> types = {"at+jwt",
                                      "application/at+jwt"};  // of typ, in lower case; "" allows its absence
    std::chrono::system_clock::time_point now;
    std::chrono::seconds leeway{60};  // more counts as 60
};

enum class JwtFault {
    Malformed,
    Algorithm,
    UnknownKey,  // no key fits: worth fetching the key set again, not too often
    Signature,
    Issuer,
    Audience,
    Time,  // ended, or not valid yet
    Type,  // not an access token
};

struct JwtRefusal {
    JwtFault fault;
    std::string message;
};

// Whether the signature of this text is right by the key, which fits the algorithm.
bool signature_fits(evp_pkey_st* key, const JoseAlgorithm& algorithm, std::string_view signed_text,
                    const std::string& signature);

// The iss of something that looks like a JWT: to choose the keys to verify it with, and for nothing else.
std::optional<std::string> unverified_issuer(std::string_view token);

// The claims, or why they must not be believed.
std::variant<JsonObject, JwtRefusal> verify_jwt(std::string_view token, const KeySet& keys,
                                                const JwtExpectation& expected);

}  // namespace flowctl::net
