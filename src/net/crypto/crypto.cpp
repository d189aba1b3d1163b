// Implementation of crypto.hpp on OpenSSL 3.
#include "net/crypto/crypto.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <stdexcept>

#include "net/crypto/encoding.hpp"

namespace flowctl::net {
namespace {

template <std::size_t N>
std::array<unsigned char, N> random_bytes() {
    std::array<unsigned char, N> bytes;
    if (RAND_bytes(bytes.data(), static_cast<int>(N)) != 1) throw std::runtime_error("no random bytes");
    return bytes;
}

}  // namespace

std::string sha256(std::string_view bytes) {
    // EVP_sha256() would be looked up by its name at every use.
    static const EVP_MD* const kSha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
    unsigned length = 0;
    if (kSha256 == nullptr ||
        EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, kSha256, nullptr) != 1) {
        throw std::runtime_error("SHA-256 is not available");
    }
    return {reinterpret_cast<const char*>(digest.data()), length};
}

std::string hmac(const char* digest, std::string_view key, std::string_view bytes) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> code;
    std::size_t length = 0;
    if (EVP_Q_mac(nullptr, "HMAC", nullptr, digest, nullptr, key.data(), key.size(),
                  reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), code.data(),
                  code.size(), &length) == nullptr) {
        throw std::runtime_error("HMAC is not available");
    }
    return {reinterpret_cast<const char*>(code.data()), length};
}

std::string random_id() {
    const auto bytes = random_bytes<16>();
    return base64url_encode({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

double random_fraction() {
    const auto bytes = random_bytes<sizeof(std::uint64_t)>();
    std::uint64_t bits = 0;
    std::memcpy(&bits, bytes.data(), sizeof bits);
    return static_cast<double>(bits >> 11) * 0x1.0p-53;
}

}  // namespace flowctl::net
