// Keys of jose.hpp: reading a private key from PEM, and the RFC 7638 thumbprint of its public half.
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <array>
#include <climits>
#include <stdexcept>

#include "net/crypto.hpp"
#include "net/encoding.hpp"
#include "net/jose.hpp"
#include "net/jose_algorithm.hpp"

namespace flowctl::net {
namespace {

constexpr std::size_t kMaxPemBytes = 64 * 1024;

// pem_password_cb: there is nobody to ask. Without it OpenSSL would prompt on the terminal.
extern "C" int refuse_passphrase(char*, int, int, void* asked) {
    *static_cast<bool*>(asked) = true;
    return -1;
}

// A big number of the key as base64url, in `width` bytes, or as few as it needs where width is 0.
std::string encoded_number(const EVP_PKEY* key, const char* parameter, std::size_t width) {
    BIGNUM* raw = nullptr;
    if (EVP_PKEY_get_bn_param(key, parameter, &raw) != 1) throw std::logic_error("key without public part");
    const std::unique_ptr<BIGNUM, decltype(&BN_free)> number(raw, BN_free);
    std::string bytes(width == 0 ? static_cast<std::size_t>(BN_num_bytes(raw)) : width, '\0');
    if (BN_bn2binpad(raw, reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size())) <
        0) {
        throw std::logic_error("coordinate is too wide");
    }
    return base64url_encode(bytes);
}

std::string unfit_message(const EVP_PKEY* key, const JoseAlgorithm& algorithm) {
    const std::string name(algorithm.name);
    switch (algorithm.family) {
        case JoseFamily::Rsa:
        case JoseFamily::RsaPss:
            if (EVP_PKEY_is_a(key, "RSA") != 1) return name + " needs an RSA key";
            return name + " needs an RSA key of 2048 to 8192 bits, not " +
                   std::to_string(EVP_PKEY_get_bits(key));
        case JoseFamily::Ecdsa:
        case JoseFamily::Eddsa:
            break;
    }
    return name + " needs a key on curve " + algorithm.curve;
}

}  // namespace

std::variant<SigningKey, std::string> SigningKey::from_pem(std::string_view pem,
                                                           std::string_view algorithm_name) {
    if (pem.empty() || pem.size() > kMaxPemBytes) return std::string("private key is empty or too large");

    const JoseAlgorithm* algorithm = nullptr;
    if (!algorithm_name.empty()) {
        algorithm = find_jose_algorithm(algorithm_name);
        if (algorithm == nullptr) return std::string("signing algorithm is not supported");
    }

    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
        BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
    if (!bio) throw std::bad_alloc();
    bool encrypted = false;
    const std::shared_ptr<EVP_PKEY> key(
        PEM_read_bio_PrivateKey(bio.get(), nullptr, refuse_passphrase, &encrypted), EVP_PKEY_free);
    ERR_clear_error();
    if (encrypted) return std::string("private key is encrypted with a passphrase, which is not supported");
    if (!key) return std::string("private key is not a PEM private key");

    if (algorithm == nullptr) algorithm = usual_jose_algorithm(key.get());
    if (algorithm == nullptr) {
        if (EVP_PKEY_is_a(key.get(), "RSA") == 1)
            return unfit_message(key.get(), *find_jose_algorithm("RS256"));
        return std::string("private key is none of RSA, P-256, P-384, P-521 and Ed25519");
    }
    if (!key_fits(key.get(), *algorithm)) return unfit_message(key.get(), *algorithm);
    return SigningKey(key, *algorithm);
}

std::string_view SigningKey::algorithm() const noexcept {
    return algorithm_->name;
}

// The required members in lexical order without white space; none of the values needs escaping.
std::string SigningKey::thumbprint() const {
    std::string jwk;
    switch (algorithm_->family) {
        case JoseFamily::Rsa:
        case JoseFamily::RsaPss:
            jwk = R"({"e":")" + encoded_number(key_.get(), OSSL_PKEY_PARAM_RSA_E, 0) +
                  R"(","kty":"RSA","n":")" + encoded_number(key_.get(), OSSL_PKEY_PARAM_RSA_N, 0) + R"("})";
            break;
        case JoseFamily::Ecdsa:
            jwk = R"({"crv":")" + std::string(algorithm_->curve) + R"(","kty":"EC","x":")" +
                  encoded_number(key_.get(), OSSL_PKEY_PARAM_EC_PUB_X, algorithm_->coordinate) +
                  R"(","y":")" +
                  encoded_number(key_.get(), OSSL_PKEY_PARAM_EC_PUB_Y, algorithm_->coordinate) + R"("})";
            break;
        case JoseFamily::Eddsa: {
            std::array<unsigned char, 32> bytes;
            std::size_t length = bytes.size();
            if (EVP_PKEY_get_raw_public_key(key_.get(), bytes.data(), &length) != 1) {
                throw std::logic_error("key without public part");
            }
            jwk = R"({"crv":"Ed25519","kty":"OKP","x":")" +
                  base64url_encode({reinterpret_cast<const char*>(bytes.data()), length}) + R"("})";
            break;
        }
    }
    return base64url_encode(sha256(jwk));
}

}  // namespace flowctl::net
