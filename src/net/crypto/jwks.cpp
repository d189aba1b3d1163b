// Implementation of jwks.hpp on OpenSSL 3's EVP_PKEY_fromdata.
#include "net/crypto/jwks.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <array>
#include <new>
#include <optional>

#include "net/crypto/encoding.hpp"
#include "net/crypto/jose_algorithm.hpp"
#include "net/crypto/json_reader.hpp"

namespace flowctl::net {
namespace {

constexpr std::size_t kMaxDocumentBytes = 256 * 1024;
constexpr std::size_t kMaxKeys = 100;
constexpr std::size_t kMaxModulusBytes = 1024;
constexpr std::size_t kMaxExponentBytes = 4;  // a longer exponent makes each verification slower; nobody has one
constexpr std::size_t kMaxCandidates = 8;     // a verification takes up to 0.8 ms

using Key = std::shared_ptr<EVP_PKEY>;
using Number = std::unique_ptr<BIGNUM, decltype(&BN_free)>;

const unsigned char* bytes_of(const std::string& text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

std::optional<std::string> decoded(const JsonObject& jwk, std::string_view name) {
    const auto text = jwk.string(name);
    return text ? base64url_decode(*text) : std::nullopt;
}

// A public key of the type from the parameters that `add` puts in.
template <typename Add>
Key built(const char* type, Add add) {
    const std::unique_ptr<OSSL_PARAM_BLD, decltype(&OSSL_PARAM_BLD_free)> builder(OSSL_PARAM_BLD_new(),
                                                                                  OSSL_PARAM_BLD_free);
    if (!builder || !add(builder.get())) return nullptr;
    const std::unique_ptr<OSSL_PARAM, decltype(&OSSL_PARAM_free)> parameters(
        OSSL_PARAM_BLD_to_param(builder.get()), OSSL_PARAM_free);
    const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
        EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr), EVP_PKEY_CTX_free);
    EVP_PKEY* raw = nullptr;
    if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &raw, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
        return nullptr;
    }
    return Key(raw, EVP_PKEY_free);
}

// A point that is on a NIST curve has the curve's order, because their cofactor is 1: the quick check is enough.
bool is_point_on_curve(EVP_PKEY* key) {
    const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> check(
        EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr), EVP_PKEY_CTX_free);
    return check && EVP_PKEY_public_check_quick(check.get()) == 1;
}

// OpenSSL's check of an RSA key looks for the modulus's primality, which takes a second where it is a prime of 8192
// bits. Nobody needs it: an issuer that publishes a weak modulus only lets others sign in its own name, as it could
// by publishing its private key.
Key rsa_key(const JsonObject& jwk) {
    const auto modulus = decoded(jwk, "n");
    const auto exponent = decoded(jwk, "e");
    if (!modulus || modulus->size() > kMaxModulusBytes || !exponent || exponent->size() > kMaxExponentBytes) {
        return nullptr;
    }
    const Number n(BN_bin2bn(bytes_of(*modulus), static_cast<int>(modulus->size()), nullptr), BN_free);
    const Number e(BN_bin2bn(bytes_of(*exponent), static_cast<int>(exponent->size()), nullptr), BN_free);
    if (!n || !e) throw std::bad_alloc();
    if (BN_is_odd(n.get()) != 1 || BN_is_odd(e.get()) != 1 || BN_is_one(e.get()) == 1) return nullptr;
    return built("RSA", [&](OSSL_PARAM_BLD* builder) {
        return OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n.get()) == 1 &&
               OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e.get()) == 1;
    });
}

Key ec_key(const JsonObject& jwk) {
    const auto curve = jwk.string("crv");
    const auto x = decoded(jwk, "x");
    const auto y = decoded(jwk, "y");
    if (!curve || !x || !y) return nullptr;
    for (const char* name : {"ES256", "ES384", "ES512"}) {
        const JoseAlgorithm& algorithm = *find_jose_algorithm(name);
        if (*curve != algorithm.curve) continue;
        if (x->size() != algorithm.coordinate || y->size() != algorithm.coordinate) return nullptr;
        const std::string point = '\x04' + *x + *y;
        const Key key = built("EC", [&](OSSL_PARAM_BLD* builder) {
            return OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, algorithm.group, 0) ==
                       1 &&
                   OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                                    point.size()) == 1;
        });
        return key && is_point_on_curve(key.get()) ? key : nullptr;
    }
    return nullptr;
}

// The points of Ed25519 whose order is at most 8, the sign of x left out: under such a key everybody can
// sign, and OpenSSL takes it.
bool is_of_small_order(const std::string& point) {
    constexpr std::array<std::string_view, 7> kPoints{
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU", "xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o",
        "7P_______________________________________38", "7f_______________________________________38",
        "7v_______________________________________38"};
    std::string without_sign = point;
    without_sign.back() = static_cast<char>(without_sign.back() & 0x7f);
    return std::find(kPoints.begin(), kPoints.end(), base64url_encode(without_sign)) != kPoints.end();
}

Key okp_key(const JsonObject& jwk) {
    const auto x = decoded(jwk, "x");
    if (jwk.string("crv") != "Ed25519" || !x || x->size() != 32 || is_of_small_order(*x)) return nullptr;
    return Key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(*x), x->size()),
               EVP_PKEY_free);
}

bool is_for_signatures(const JsonObject& jwk) {
    using Kind = JsonObject::Kind;
    if (jwk.kind("use") != Kind::Absent && jwk.string("use") != "sig") return false;
    if (jwk.kind("key_ops") == Kind::Absent) return true;
    const auto operations = jwk.strings("key_ops");
    return operations && std::find(operations->begin(), operations->end(), "verify") != operations->end();
}

}  // namespace

std::shared_ptr<evp_pkey_st> public_key_of(const JsonObject& jwk) {
    const auto type = jwk.string("kty");
    if (type == "RSA") return rsa_key(jwk);
    if (type == "EC") return ec_key(jwk);
    if (type == "OKP") return okp_key(jwk);
    return nullptr;
}

std::variant<KeySet, std::string> KeySet::parse(std::string_view document) {
    const auto parsed = JsonObject::parse(document, {.bytes = kMaxDocumentBytes, .byte_order_mark = true});
    if (const auto* fault = std::get_if<std::string>(&parsed)) return "the key set " + *fault;
    const auto keys = std::get<JsonObject>(parsed).objects("keys");
    if (!keys) return std::string("the key set has no array of keys");
    if (keys->size() > kMaxKeys) return std::string("the key set has too many keys");

    KeySet set;
    for (const JsonObject& jwk : *keys) {
        if (!is_for_signatures(jwk)) continue;
        const Key key = public_key_of(jwk);
        if (!key || usual_jose_algorithm(key.get()) == nullptr) continue;
        set.keys_.push_back(
            {std::string(jwk.string("kid").value_or("")), std::string(jwk.string("alg").value_or("")), key});
    }
    ERR_clear_error();
    return set;
}

std::vector<std::shared_ptr<evp_pkey_st>> KeySet::candidates(const JoseAlgorithm& algorithm,
                                                             std::string_view kid) const {
    std::vector<Key> out;
    for (const Entry& entry : keys_) {
        if (!kid.empty() && entry.kid != kid) continue;
        if (!entry.alg.empty() && entry.alg != algorithm.name) continue;
        if (key_fits(entry.key.get(), algorithm)) out.push_back(entry.key);
        if (out.size() == kMaxCandidates) break;
    }
    return out;
}

}  // namespace flowctl::net
