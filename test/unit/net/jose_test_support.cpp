// Implementation of jose_test_support.hpp.
#include "jose_test_support.hpp"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <map>
#include <stdexcept>

#include "net/crypto/encoding.hpp"

namespace flowctl::net::test {
namespace {

Key owned(EVP_PKEY* key) {
    if (key == nullptr) throw std::runtime_error("no key");
    return Key(key, EVP_PKEY_free);
}

template <typename Write>
std::string written(Write write) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
    if (write(bio.get()) != 1) throw std::runtime_error("no PEM");
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

// DER from R and S side by side.
std::optional<std::string> der_signature(const std::string& raw, std::size_t width) {
    if (raw.size() != 2 * width) return std::nullopt;
    const auto* bytes = reinterpret_cast<const unsigned char*>(raw.data());
    const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> pair(ECDSA_SIG_new(), ECDSA_SIG_free);
    ECDSA_SIG_set0(pair.get(), BN_bin2bn(bytes, static_cast<int>(width), nullptr),
                   BN_bin2bn(bytes + width, static_cast<int>(width), nullptr));
    unsigned char* der = nullptr;
    const int size = i2d_ECDSA_SIG(pair.get(), &der);
    std::string out(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
    OPENSSL_free(der);
    return out;
}

const EVP_MD* digest_of(std::string_view algorithm) {
    if (algorithm.ends_with("256")) return EVP_sha256();
    if (algorithm.ends_with("384")) return EVP_sha384();
    if (algorithm.ends_with("512")) return EVP_sha512();
    return nullptr;
}

}  // namespace

Key rsa_key(int bits) {
    static std::map<int, Key> keys;
    Key& key = keys[bits];
    if (!key) key = owned(EVP_RSA_gen(static_cast<unsigned>(bits)));
    return key;
}

Key ec_key(const char* group) {
    return owned(EVP_EC_gen(group));
}

Key ed25519_key() {
    return owned(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
}

Key ed25519_key(std::string_view raw_private) {
    return owned(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr,
                                              reinterpret_cast<const unsigned char*>(raw_private.data()),
                                              raw_private.size()));
}

std::string private_pem(const Key& key) {
    return written([&](BIO* bio) {
        return PEM_write_bio_PKCS8PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
}

std::string encrypted_pem(const Key& key) {
    return written([&](BIO* bio) {
        return PEM_write_bio_PKCS8PrivateKey(bio, key.get(), EVP_aes_256_cbc(), "hunter2", 7, nullptr,
                                             nullptr);
    });
}

std::string public_pem(const Key& key) {
    return written([&](BIO* bio) { return PEM_write_bio_PUBKEY(bio, key.get()); });
}

std::string public_jwk(const Key& key, const std::string& more) {
    const auto number = [&](const char* name) {
        BIGNUM* raw = nullptr;
        EVP_PKEY_get_bn_param(key.get(), name, &raw);
        const std::unique_ptr<BIGNUM, decltype(&BN_free)> owner(raw, BN_free);
        // As wide as the curve, or for RSA as short as the number.
        const bool rsa = EVP_PKEY_is_a(key.get(), "RSA") == 1;
        std::string bytes(rsa ? static_cast<std::size_t>(BN_num_bytes(raw))
                              : static_cast<std::size_t>(EVP_PKEY_get_bits(key.get()) + 7) / 8,
                          '\0');
        BN_bn2binpad(raw, reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
        return base64url_encode(bytes);
    };
    if (EVP_PKEY_is_a(key.get(), "RSA") == 1) {
        return R"({"kty":"RSA","n":")" + number("n") + R"(","e":")" + number("e") + "\"" + more + "}";
    }
    if (EVP_PKEY_is_a(key.get(), "EC") == 1) {
        const int bits = EVP_PKEY_get_bits(key.get());
        const std::string curve = bits == 256 ? "P-256" : bits == 384 ? "P-384" : "P-521";
        return R"({"kty":"EC","crv":")" + curve + R"(","x":")" + number("qx") + R"(","y":")" + number("qy") +
               "\"" + more + "}";
    }
    std::string raw(32, '\0');
    std::size_t size = raw.size();
    EVP_PKEY_get_raw_public_key(key.get(), reinterpret_cast<unsigned char*>(raw.data()), &size);
    return R"({"kty":"OKP","crv":"Ed25519","x":")" + base64url_encode(raw) + "\"" + more + "}";
}

std::string jwks(const std::vector<std::string>& keys) {
    std::string out = R"({"keys":[)";
    for (std::size_t i = 0; i < keys.size(); ++i)
        out += (i == 0 ? "" : ",") + keys[i];
    return out + "]}";
}

std::string signed_token(const Key& key, const std::string& algorithm, const std::string& header,
                         const std::string& claims) {
    const std::string input = base64url_encode(header) + '.' + base64url_encode(claims);
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    EVP_PKEY_CTX* parameters = nullptr;
    if (EVP_DigestSignInit(context.get(), &parameters, digest_of(algorithm), nullptr, key.get()) != 1) {
        throw std::runtime_error("no signature");
    }
    if (algorithm.starts_with("PS")) {
        EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING);
        EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, EVP_MD_get_size(digest_of(algorithm)));
    }
    std::string signature(2048, '\0');
    std::size_t size = signature.size();
    EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                   reinterpret_cast<const unsigned char*>(input.data()), input.size());
    signature.resize(size);
    if (algorithm.starts_with("ES")) {
        const std::size_t width = algorithm == "ES256" ? 32 : algorithm == "ES384" ? 48 : 66;
        const auto* in = reinterpret_cast<const unsigned char*>(signature.data());
        const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> pair(
            d2i_ECDSA_SIG(nullptr, &in, static_cast<long>(signature.size())), ECDSA_SIG_free);
        std::string raw(2 * width, '\0');
        auto* out = reinterpret_cast<unsigned char*>(raw.data());
        BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), out, static_cast<int>(width));
        BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), out + width, static_cast<int>(width));
        signature = raw;
    }
    return input + '.' + base64url_encode(signature);
}

std::optional<CheckedJwt> check_jwt(std::string_view token, const Key& key, std::string_view algorithm) {
    const std::size_t first = token.find('.');
    const std::size_t last = token.rfind('.');
    if (first == std::string_view::npos || token.find('.', first + 1) != last) return std::nullopt;
    const auto header_text = base64url_decode(token.substr(0, first));
    const auto claims_text = base64url_decode(token.substr(first + 1, last - first - 1));
    auto signature = base64url_decode(token.substr(last + 1));
    if (!header_text || !claims_text || !signature) return std::nullopt;

    const auto header = JsonObject::parse(*header_text);
    const auto claims = JsonObject::parse(*claims_text);
    if (header.index() != 0 || claims.index() != 0) return std::nullopt;
    if (std::get<0>(header).string("alg") != algorithm) return std::nullopt;

    if (algorithm == "ES256") signature = der_signature(*signature, 32);
    if (algorithm == "ES384") signature = der_signature(*signature, 48);
    if (algorithm == "ES512") signature = der_signature(*signature, 66);
    if (!signature) return std::nullopt;

    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    EVP_PKEY_CTX* parameters = nullptr;
    if (EVP_DigestVerifyInit(context.get(), &parameters, digest_of(algorithm), nullptr, key.get()) != 1) {
        return std::nullopt;
    }
    if (algorithm.starts_with("PS")) {
        EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING);
        EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, EVP_MD_get_size(digest_of(algorithm)));
    }
    const std::string_view input = token.substr(0, last);
    if (EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature->data()),
                         signature->size(), reinterpret_cast<const unsigned char*>(input.data()),
                         input.size()) != 1) {
        return std::nullopt;
    }
    return CheckedJwt{std::get<0>(header), std::get<0>(claims)};
}

}  // namespace flowctl::net::test
