// Signing of jose.hpp. ECDSA is the one special case: OpenSSL makes a DER sequence, JOSE wants R and S side
// by side at fixed width.
#include "net/crypto/jose.hpp"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>
#include <new>

#include "base/ascii.hpp"
#include "net/crypto/crypto.hpp"
#include "net/crypto/encoding.hpp"
#include "net/crypto/jose_algorithm.hpp"
#include "net/crypto/jose_verify.hpp"

namespace flowctl::net {
namespace {

constexpr std::size_t kMaxJtiBytes = 128;

std::optional<std::string> raw_signature(const std::string& der, std::size_t width) {
    const auto* in = reinterpret_cast<const unsigned char*>(der.data());
    const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> pair(
        d2i_ECDSA_SIG(nullptr, &in, static_cast<long>(der.size())), ECDSA_SIG_free);
    if (!pair) return std::nullopt;
    std::string raw(2 * width, '\0');
    auto* out = reinterpret_cast<unsigned char*>(raw.data());
    if (BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), out, static_cast<int>(width)) < 0 ||
        BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), out + width, static_cast<int>(width)) < 0) {
        return std::nullopt;
    }
    return raw;
}

}  // namespace

SigningKey::SigningKey(std::shared_ptr<evp_pkey_st> key, const JoseAlgorithm& algorithm,
                       std::shared_ptr<RemoteKey> remote)
    : key_(std::move(key)), algorithm_(&algorithm), remote_(std::move(remote)) {
    if (algorithm.family == JoseFamily::Eddsa) return;
    digest_.reset(EVP_MD_fetch(nullptr, algorithm.digest, nullptr),
                  [](const EVP_MD* digest) { EVP_MD_free(const_cast<EVP_MD*>(digest)); });
    if (remote_) return;
    context_.reset(EVP_PKEY_CTX_new_from_pkey(nullptr, key_.get(), nullptr), EVP_PKEY_CTX_free);
    bool ready = digest_ && context_ && EVP_PKEY_sign_init(context_.get()) == 1 &&
                 EVP_PKEY_CTX_set_signature_md(context_.get(), digest_.get()) == 1;
    if (algorithm.family == JoseFamily::Rsa)
        ready = ready && EVP_PKEY_CTX_set_rsa_padding(context_.get(), RSA_PKCS1_PADDING) == 1;
    if (algorithm.family == JoseFamily::RsaPss)
        ready = ready && EVP_PKEY_CTX_set_rsa_padding(context_.get(), RSA_PKCS1_PSS_PADDING) == 1 &&
                EVP_PKEY_CTX_set_rsa_pss_saltlen(context_.get(), RSA_PSS_SALTLEN_DIGEST) == 1;
    if (!ready) context_.reset();
}

// The signature of the input's digest.
std::optional<std::string> SigningKey::sign(std::string_view input) const {
    if (algorithm_->family == JoseFamily::Eddsa) return sign_whole(input);
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
    unsigned digest_size = 0;
    std::size_t size = 0;
    if (!digest_ ||
        EVP_Digest(input.data(), input.size(), digest.data(), &digest_size, digest_.get(), nullptr) != 1) {
        return std::nullopt;
    }
    if (remote_) return sign_remotely(input, {reinterpret_cast<const char*>(digest.data()), digest_size});
    if (!context_ || EVP_PKEY_sign(context_.get(), nullptr, &size, digest.data(), digest_size) != 1) {
        return std::nullopt;
    }
    std::string signature(size, '\0');
    if (EVP_PKEY_sign(context_.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                      digest.data(), digest_size) != 1) {
        return std::nullopt;
    }
    signature.resize(size);
    if (algorithm_->family == JoseFamily::Ecdsa) return raw_signature(signature, algorithm_->coordinate);
    return signature;
}

// What comes back is looked at: a signature that our public key does not verify must not leave.
std::optional<std::string> SigningKey::sign_remotely(std::string_view input, std::string_view digest) const {
    auto signature = remote_->sign(*algorithm_, digest);
    if (signature && !signature_fits(key_.get(), *algorithm_, input, *signature)) signature.reset();
    return signature;
}

std::string SigningKey::trouble() const {
    if (!remote_) return {};
    return remote_->trouble().empty() ? "the token signs with another key than the public one beside its name"
                                      : remote_->trouble();
}

// Ed25519 reads the input twice, so it has no digest to sign.
std::optional<std::string> SigningKey::sign_whole(std::string_view input) const {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    if (!context) throw std::bad_alloc();
    const auto* data = reinterpret_cast<const unsigned char*>(input.data());
    std::size_t size = 0;
    if (EVP_DigestSignInit_ex(context.get(), nullptr, nullptr, nullptr, nullptr, key_.get(), nullptr) != 1 ||
        EVP_DigestSign(context.get(), nullptr, &size, data, input.size()) != 1) {
        return std::nullopt;
    }
    std::string signature(size, '\0');
    if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, data,
                       input.size()) != 1) {
        return std::nullopt;
    }
    signature.resize(size);
    return signature;
}

std::optional<std::string> SigningKey::sign_jwt(std::string_view type, std::string_view key_id,
                                                const JsonWriter& claims, const JsonWriter& header) const {
    return sign_claims(encoded_header(type, key_id, header), claims);
}

std::string SigningKey::encoded_header(std::string_view type, std::string_view key_id,
                                       const JsonWriter& more) const {
    JsonWriter header;
    header.add("alg", algorithm_->name);
    if (!type.empty()) header.add("typ", type);
    if (!key_id.empty()) header.add("kid", key_id);
    header.add_all(more);
    return base64url_encode(header.text());
}

std::optional<std::string> SigningKey::sign_claims(std::string_view encoded_header,
                                                   const JsonWriter& claims) const {
    std::string token(encoded_header);
    token += '.';
    token += base64url_encode(claims.text());
    const std::optional<std::string> signature = sign(token);
    ERR_clear_error();
    if (!signature) return std::nullopt;
    token += '.';
    token += base64url_encode(*signature);
    return token;
}

std::variant<std::string, std::string> sign_jwt_with_secret(const Secret& secret, std::string_view algorithm,
                                                            std::string_view type, const JsonWriter& claims) {
    using Result = std::variant<std::string, std::string>;
    struct Mac {
        std::string_view name;
        const char* digest;
        std::size_t width;
    };
    constexpr std::array<Mac, 3> kMacs{
        {{"HS256", "SHA256", 32}, {"HS384", "SHA384", 48}, {"HS512", "SHA512", 64}}};
    const auto mac = std::find_if(kMacs.begin(), kMacs.end(), [algorithm](const Mac& one) {
        return one.name == (algorithm.empty() ? "HS256" : algorithm);
    });
    if (mac == kMacs.end()) return Result(std::in_place_index<1>, "signing algorithm is not supported");
    if (secret.reveal().size() < mac->width) {
        return Result(std::in_place_index<1>, "it is shorter than the " + std::to_string(mac->width) +
                                                  " bytes that " + std::string(mac->name) + " needs");
    }
    JsonWriter header;
    header.add("alg", mac->name);
    if (!type.empty()) header.add("typ", type);
    std::string token = base64url_encode(header.text()) + '.' + base64url_encode(claims.text());
    const std::string signature = hmac(mac->digest, secret.reveal(), token);
    return Result(std::in_place_index<0>, token + '.' + base64url_encode(signature));
}

std::optional<JsonObject> unverified_claims(std::string_view token) {
    const std::size_t first = token.find('.');
    if (first == std::string_view::npos) return std::nullopt;
    const std::size_t second = token.find('.', first + 1);
    if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos)
        return std::nullopt;
    const auto payload = base64url_decode(token.substr(first + 1, second - first - 1));
    if (!payload) return std::nullopt;
    auto claims = JsonObject::parse(*payload);
    if (auto* object = std::get_if<JsonObject>(&claims)) return std::move(*object);
    return std::nullopt;
}

std::optional<std::string> unverified_jti(std::string_view token) {
    const auto claims = unverified_claims(token);
    if (!claims) return std::nullopt;
    const auto jti = claims->string("jti");
    if (!jti || jti->empty() || jti->size() > kMaxJtiBytes) return std::nullopt;
    if (!is_visible_ascii(*jti)) return std::nullopt;
    return std::string(*jti);
}

}  // namespace flowctl::net
