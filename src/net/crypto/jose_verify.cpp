// Implementation of jose_verify.hpp.
#include "net/crypto/jose_verify.hpp"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <memory>
#include <new>

#include "base/ascii.hpp"
#include "net/crypto/encoding.hpp"
#include "net/crypto/jose_algorithm.hpp"

namespace flowctl::net {
namespace {

constexpr std::size_t kMaxTokenBytes = 16 * 1024;
constexpr std::chrono::seconds kMaxLeeway{60};

struct Segments {
    std::string_view signed_text;
    std::string header;
    std::string claims;
    std::string signature;
};

std::optional<Segments> split(std::string_view token) {
    if (token.size() > kMaxTokenBytes || std::count(token.begin(), token.end(), '.') != 2)
        return std::nullopt;
    const std::size_t first = token.find('.');
    const std::size_t last = token.rfind('.');
    auto header = base64url_decode(token.substr(0, first));
    auto claims = base64url_decode(token.substr(first + 1, last - first - 1));
    auto signature = base64url_decode(token.substr(last + 1));
    if (!header || !claims || !signature) return std::nullopt;
    return Segments{token.substr(0, last), std::move(*header), std::move(*claims), std::move(*signature)};
}

// JOSE's R and S side by side as the DER sequence that OpenSSL wants; exactly as wide as the curve says.
std::optional<std::string> der_signature(const std::string& raw, std::size_t width) {
    if (raw.size() != 2 * width) return std::nullopt;
    const auto* bytes = reinterpret_cast<const unsigned char*>(raw.data());
    const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> pair(ECDSA_SIG_new(), ECDSA_SIG_free);
    std::unique_ptr<BIGNUM, decltype(&BN_free)> r(BN_bin2bn(bytes, static_cast<int>(width), nullptr),
                                                  BN_free);
    std::unique_ptr<BIGNUM, decltype(&BN_free)> s(BN_bin2bn(bytes + width, static_cast<int>(width), nullptr),
                                                  BN_free);
    if (!pair || !r || !s) throw std::bad_alloc();
    if (ECDSA_SIG_set0(pair.get(), r.get(), s.get()) != 1) return std::nullopt;
    r.release();
    s.release();
    const int size = i2d_ECDSA_SIG(pair.get(), nullptr);
    if (size <= 0) return std::nullopt;
    std::string der(static_cast<std::size_t>(size), '\0');
    auto* out = reinterpret_cast<unsigned char*>(der.data());
    i2d_ECDSA_SIG(pair.get(), &out);
    return der;
}

JwtRefusal refuse(JwtFault fault, const char* message) {
    return {fault, message};
}

// What OIDC providers put into ID tokens only: hashes, or a word of their own.
bool is_id_token(const JsonObject& claims) {
    using Kind = JsonObject::Kind;
    return claims.kind("at_hash") != Kind::Absent || claims.kind("c_hash") != Kind::Absent ||
           claims.string("token_use") == "id" || claims.string("typ") == "ID";
}

bool contains_audience(const JsonObject& claims, const std::string& audience) {
    if (const auto one = claims.string("aud")) return *one == audience;
    const auto many = claims.strings("aud");
    return many && std::find(many->begin(), many->end(), audience) != many->end();
}

std::optional<JwtRefusal> time_fault(const JsonObject& claims, const JwtExpectation& expected) {
    const double leeway =
        static_cast<double>(std::clamp(expected.leeway, std::chrono::seconds(0), kMaxLeeway).count());
    const double now = std::chrono::duration<double>(expected.now.time_since_epoch()).count();
    const auto end = claims.number("exp");
    if (!end) return refuse(JwtFault::Time, "token has no exp");
    if (now >= *end + leeway) return refuse(JwtFault::Time, "token has ended");
    if (claims.kind("nbf") != JsonObject::Kind::Absent) {
        const auto begin = claims.number("nbf");
        if (!begin || now < *begin - leeway) return refuse(JwtFault::Time, "token is not valid yet");
    }
    return std::nullopt;
}

std::optional<JwtRefusal> claims_fault(const JsonObject& claims, const JwtExpectation& expected) {
    if (expected.issuer.empty() || claims.string("iss") != expected.issuer) {
        return refuse(JwtFault::Issuer, "token is of another issuer");
    }
    if (expected.audience.empty() || !contains_audience(claims, expected.audience)) {
        return refuse(JwtFault::Audience, "token is for another audience");
    }
    if (is_id_token(claims)) return refuse(JwtFault::Type, "token is an ID token");
    return time_fault(claims, expected);
}

std::optional<JwtRefusal> header_fault(const JsonObject& header, const JwtExpectation& expected) {
    using Kind = JsonObject::Kind;
    if (header.kind("crit") != Kind::Absent) return refuse(JwtFault::Malformed, "token has critical headers");
    if (header.kind("kid") != Kind::Absent && !header.string("kid"))
        return refuse(JwtFault::Malformed, "kid is no text");
    if (header.kind("typ") != Kind::Absent && !header.string("typ"))
        return refuse(JwtFault::Malformed, "typ is no text");
    const std::string type = ascii_lower(header.string("typ").value_or(""));
    if (std::find(expected.types.begin(), expected.types.end(), type) == expected.types.end()) {
        return refuse(JwtFault::Type, "token is of another type");
    }
    return std::nullopt;
}

}  // namespace

bool signature_fits(evp_pkey_st* key, const JoseAlgorithm& algorithm, std::string_view signed_text,
                    const std::string& given) {
    std::optional<std::string> signature = given;
    if (algorithm.family == JoseFamily::Ecdsa) signature = der_signature(given, algorithm.coordinate);
    if (!signature) return false;
    // OpenSSL would add the zeros that a shorter one lacks (RFC 8017 §8.2.2 wants it refused).
    const bool rsa = algorithm.family == JoseFamily::Rsa || algorithm.family == JoseFamily::RsaPss;
    if (rsa && signature->size() != static_cast<std::size_t>(EVP_PKEY_get_size(key))) return false;

    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    if (!context) throw std::bad_alloc();
    EVP_PKEY_CTX* parameters = nullptr;
    if (EVP_DigestVerifyInit_ex(context.get(), &parameters, algorithm.digest, nullptr, nullptr, key,
                                nullptr) != 1) {
        return false;
    }
    if (algorithm.family == JoseFamily::RsaPss &&
        (EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) <= 0 ||
         EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST) <= 0)) {
        return false;
    }
    return EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature->data()),
                            signature->size(), reinterpret_cast<const unsigned char*>(signed_text.data()),
                            signed_text.size()) == 1;
}

std::optional<std::string> unverified_issuer(std::string_view token) {
    const auto segments = split(token);
    if (!segments) return std::nullopt;
    const auto claims = JsonObject::parse(segments->claims);
    const auto* object = std::get_if<JsonObject>(&claims);
    const auto issuer = object == nullptr ? std::nullopt : object->string("iss");
    if (!issuer) return std::nullopt;
    return std::string(*issuer);
}

std::variant<JsonObject, JwtRefusal> verify_jwt(std::string_view token, const KeySet& keys,
                                                const JwtExpectation& expected) {
    const auto segments = split(token);
    if (!segments) return refuse(JwtFault::Malformed, "token is not a JWT");
    const auto parsed_header = JsonObject::parse(segments->header);
    const auto* header = std::get_if<JsonObject>(&parsed_header);
    if (header == nullptr) return refuse(JwtFault::Malformed, "token's header is not a JSON object");
    if (auto fault = header_fault(*header, expected)) return std::move(*fault);

    const auto name = header->string("alg");
    const JoseAlgorithm* algorithm = name ? find_jose_algorithm(*name) : nullptr;
    if (algorithm == nullptr || std::find(expected.algorithms.begin(), expected.algorithms.end(), *name) ==
                                    expected.algorithms.end()) {
        return refuse(JwtFault::Algorithm, "token's algorithm is not allowed");
    }
    const auto candidates = keys.candidates(*algorithm, header->string("kid").value_or(""));
    if (candidates.empty()) return refuse(JwtFault::UnknownKey, "no key of the issuer fits the token");
    const bool right = std::any_of(candidates.begin(), candidates.end(), [&](const auto& key) {
        return signature_fits(key.get(), *algorithm, segments->signed_text, segments->signature);
    });
    ERR_clear_error();
    if (!right) return refuse(JwtFault::Signature, "token's signature is wrong");

    auto parsed_claims = JsonObject::parse(segments->claims);
    auto* claims = std::get_if<JsonObject>(&parsed_claims);
    if (claims == nullptr) return refuse(JwtFault::Malformed, "token's claims are not a JSON object");
    if (auto fault = claims_fault(*claims, expected)) return std::move(*fault);
    return std::move(*claims);
}

}  // namespace flowctl::net
