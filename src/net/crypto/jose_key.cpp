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

#include "net/crypto/crypto.hpp"
#include "net/crypto/encoding.hpp"
#include "net/crypto/jose.hpp"
#include "net/crypto/jose_algorithm.hpp"

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

std::variant<std::shared_ptr<evp_pkey_st>, std::string> load_private_key(std::string_view pem) {
    if (pem.empty() || pem.size() > kMaxPemBytes) return std::string("private key is empty or too large");
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
        BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
    if (!bio) throw std::bad_alloc();
    bool encrypted = false;
    std::shared_ptr<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, refuse_passphrase, &encrypted),
                                  EVP_PKEY_free);
    ERR_clear_error();
    if (encrypted) return std::string("private key is encrypted with a passphrase, which is not supported");
    if (!key) return std::string("private key is not a PEM private key");
    return key;
}

std::variant<SigningKey, std::string> SigningKey::from_pem(std::string_view pem,
                                                           std::string_view algorithm_name) {
    const JoseAlgorithm* algorithm = nullptr;
    if (!algorithm_name.empty()) {
        algorithm = find_jose_algorithm(algorithm_name);
        if (algorithm == nullptr) return std::string("signing algorithm is not supported");
    }
    auto loaded = load_private_key(pem);
    if (auto* fault = std::get_if<std::string>(&loaded)) return *fault;
    const auto& key = std::get<std::shared_ptr<evp_pkey_st>>(loaded);

    if (algorithm == nullptr) algorithm = usual_jose_algorithm(key.get());
    if (algorithm == nullptr) {
        if (EVP_PKEY_is_a(key.get(), "RSA") == 1)
            return unfit_message(key.get(), *find_jose_algorithm("RS256"));
        return std::string("private key is none of RSA, P-256, P-384, P-521 and Ed25519");
    }
    if (!key_fits(key.get(), *algorithm)) return unfit_message(key.get(), *algorithm);
    return SigningKey(key, *algorithm);
}

std::variant<SigningKey, std::string> SigningKey::of_remote(std::string_view public_pem,
                                                            std::shared_ptr<RemoteKey> remote) {
    if (public_pem.size() > kMaxPemBytes) return std::string("public key is too large");
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
        BIO_new_mem_buf(public_pem.data(), static_cast<int>(public_pem.size())), BIO_free);
    if (!bio) throw std::bad_alloc();
    const std::shared_ptr<EVP_PKEY> key(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr),
                                        EVP_PKEY_free);
    ERR_clear_error();
    if (!key) return std::string("it holds no PEM public key");
    const JoseAlgorithm* algorithm = usual_jose_algorithm(key.get());
    if (algorithm == nullptr || algorithm->family == JoseFamily::Eddsa)
        return std::string("its public key is none of RSA (2048 to 8192 bits), P-256, P-384 and P-521");
    return SigningKey(key, *algorithm, std::move(remote));
}

std::string_view SigningKey::algorithm() const noexcept {
    return algorithm_->name;
}

SigningKey SigningKey::generate_es256() {
    const std::shared_ptr<EVP_PKEY> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
    if (!key) throw std::runtime_error("OpenSSL makes no P-256 key");
    return SigningKey(key, *find_jose_algorithm("ES256"));
}

JsonWriter SigningKey::public_jwk() const {
    return public_jwk_of(key_.get());
}

std::string SigningKey::thumbprint() const {
    return base64url_encode(sha256(public_jwk().text()));
}

// The required members in lexical order without white space, which is what a thumbprint is taken of; none of
// the values needs escaping.
JsonWriter public_jwk_of(const evp_pkey_st* key) {
    JsonWriter jwk;
    const JoseAlgorithm* algorithm = usual_jose_algorithm(key);
    if (algorithm == nullptr) throw std::logic_error("key without algorithm");
    switch (algorithm->family) {
        case JoseFamily::Rsa:
        case JoseFamily::RsaPss:
            jwk.add("e", encoded_number(key, OSSL_PKEY_PARAM_RSA_E, 0))
                .add("kty", "RSA")
                .add("n", encoded_number(key, OSSL_PKEY_PARAM_RSA_N, 0));
            break;
        case JoseFamily::Ecdsa:
            jwk.add("crv", algorithm->curve)
                .add("kty", "EC")
                .add("x", encoded_number(key, OSSL_PKEY_PARAM_EC_PUB_X, algorithm->coordinate))
                .add("y", encoded_number(key, OSSL_PKEY_PARAM_EC_PUB_Y, algorithm->coordinate));
            break;
        case JoseFamily::Eddsa: {
            std::array<unsigned char, 32> bytes;
            std::size_t length = bytes.size();
            if (EVP_PKEY_get_raw_public_key(key, bytes.data(), &length) != 1) {
                throw std::logic_error("key without public part");
            }
            jwk.add("crv", "Ed25519")
                .add("kty", "OKP")
                .add("x", base64url_encode({reinterpret_cast<const char*>(bytes.data()), length}));
            break;
        }
    }
    return jwk;
}

}  // namespace flowctl::net
