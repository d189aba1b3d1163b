// Implementation of jwe.hpp on OpenSSL 3.
#include "net/crypto/jwe.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <new>
#include <optional>

#include "base/wipe.hpp"
#include "net/crypto/crypto.hpp"
#include "net/crypto/encoding.hpp"
#include "net/crypto/jose.hpp"
#include "net/crypto/jose_algorithm.hpp"
#include "net/crypto/jwks.hpp"

namespace flowctl::net {
namespace {

constexpr std::size_t kKeyBytes = 32;  // A256GCM and A256KW
constexpr std::size_t kIvBytes = 12;
constexpr std::size_t kTagBytes = 16;
constexpr std::size_t kWrappedBytes = kKeyBytes + 8;
constexpr std::size_t kMaxHeaderBytes = 4096;
constexpr std::size_t kMaxPartyBytes = 256;  // of apu and apv
constexpr std::string_view kContentEncryption = "A256GCM";
constexpr std::string_view kFailure = "the token cannot be decrypted with any key of this server";

enum class KeyManagement { RsaOaep256, EcdhEs, EcdhEsA256Kw };

// Bytes that are wiped when they go.
struct Wiped {
    std::string bytes;
    Wiped() = default;
    explicit Wiped(std::size_t size) : bytes(size, '\0') {}
    Wiped(Wiped&& other) noexcept : bytes(std::move(other.bytes)) {}
    Wiped& operator=(Wiped&&) = delete;
    ~Wiped() { wipe(bytes); }
    unsigned char* data() { return reinterpret_cast<unsigned char*>(bytes.data()); }
    const unsigned char* data() const { return reinterpret_cast<const unsigned char*>(bytes.data()); }
};

struct Parts {
    std::string_view protected_text;  // the header as it was sent: what is authenticated
    std::string header;
    std::string encrypted_key;
    std::string iv;
    std::string ciphertext;
    std::string tag;
};

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

std::optional<Parts> split(std::string_view token) {
    if (token.size() > kMaxJweBytes || std::count(token.begin(), token.end(), '.') != 4) return std::nullopt;
    std::array<std::string_view, 5> segments;
    for (std::size_t i = 0; i < 4; ++i) {
        const std::size_t dot = token.find('.');
        segments[i] = token.substr(0, dot);
        token.remove_prefix(dot + 1);
    }
    segments[4] = token;
    if (segments[0].size() > kMaxHeaderBytes) return std::nullopt;
    std::array<std::string, 5> decoded;
    for (std::size_t i = 0; i < 5; ++i) {
        auto bytes = base64url_decode(segments[i]);
        if (!bytes) return std::nullopt;
        decoded[i] = std::move(*bytes);
    }
    return Parts{segments[0],           std::move(decoded[0]), std::move(decoded[1]),
                 std::move(decoded[2]), std::move(decoded[3]), std::move(decoded[4])};
}

std::optional<KeyManagement> key_management(const JsonObject& header) {
    const auto name = header.string("alg");
    if (name == "RSA-OAEP-256") return KeyManagement::RsaOaep256;
    if (name == "ECDH-ES") return KeyManagement::EcdhEs;
    if (name == "ECDH-ES+A256KW") return KeyManagement::EcdhEsA256Kw;
    return std::nullopt;
}

bool fits(EVP_PKEY* key, KeyManagement management) {
    return (EVP_PKEY_is_a(key, "RSA") == 1) == (management == KeyManagement::RsaOaep256);
}

// The key, or random bytes where decryption fails: then the tag will be wrong, as with a wrong key.
Wiped rsa_content_key(EVP_PKEY* key, const std::string& encrypted) {
    Wiped content_key(kKeyBytes);
    if (RAND_bytes(content_key.data(), static_cast<int>(kKeyBytes)) != 1) throw std::bad_alloc();
    const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
        EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr), EVP_PKEY_CTX_free);
    if (!context) throw std::bad_alloc();
    Wiped plain(static_cast<std::size_t>(EVP_PKEY_get_size(key)));
    std::size_t length = plain.bytes.size();
    if (EVP_PKEY_decrypt_init(context.get()) == 1 &&
        EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) == 1 &&
        EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), EVP_sha256()) == 1 &&
        EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), EVP_sha256()) == 1 &&
        EVP_PKEY_decrypt(context.get(), plain.data(), &length, bytes_of(encrypted), encrypted.size()) == 1 &&
        length == kKeyBytes) {
        std::copy_n(plain.bytes.begin(), kKeyBytes, content_key.bytes.begin());
    }
    return content_key;
}

std::optional<Wiped> agreed_secret(EVP_PKEY* ours, EVP_PKEY* theirs) {
    const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
        EVP_PKEY_CTX_new_from_pkey(nullptr, ours, nullptr), EVP_PKEY_CTX_free);
    if (!context) throw std::bad_alloc();
    std::size_t length = 0;
    if (EVP_PKEY_derive_init(context.get()) != 1 || EVP_PKEY_derive_set_peer(context.get(), theirs) != 1 ||
        EVP_PKEY_derive(context.get(), nullptr, &length) != 1) {
        return std::nullopt;
    }
    Wiped secret(length);
    if (EVP_PKEY_derive(context.get(), secret.data(), &length) != 1) return std::nullopt;
    secret.bytes.resize(length);
    return secret;
}

void append_number(std::string& text, std::size_t number) {
    for (int shift = 24; shift >= 0; shift -= 8)
        text += static_cast<char>(number >> shift & 0xff);
}

void append_with_length(std::string& text, std::string_view bytes) {
    append_number(text, bytes.size());
    text += bytes;
}

// NIST SP 800-56A's Concat KDF (RFC 7518 §4.6.2): one round of SHA-256 gives all 256 bits.
Wiped derived_key(const Wiped& secret, std::string_view algorithm, std::string_view apu,
                  std::string_view apv) {
    Wiped input;
    input.bytes.reserve(secret.bytes.size() + algorithm.size() + apu.size() + apv.size() + 32);
    append_number(input.bytes, 1);
    input.bytes += secret.bytes;
    append_with_length(input.bytes, algorithm);
    append_with_length(input.bytes, apu);
    append_with_length(input.bytes, apv);
    append_number(input.bytes, kKeyBytes * 8);
    Wiped key;
    key.bytes = sha256(input.bytes);
    return key;
}

std::optional<std::string> party(const JsonObject& header, std::string_view name) {
    if (header.kind(name) == JsonObject::Kind::Absent) return std::string();
    const auto text = header.string(name);
    if (!text || text->size() > kMaxPartyBytes) return std::nullopt;
    return base64url_decode(*text);
}

// The key that both sides agree on, or nothing where the header does not allow one.
std::optional<Wiped> agreed_key(EVP_PKEY* ours, const JsonObject& header, std::string_view algorithm) {
    const auto apu = party(header, "apu");
    const auto apv = party(header, "apv");
    const auto jwk = header.object("epk");
    if (!apu || !apv || !jwk) return std::nullopt;
    const auto theirs = public_key_of(*jwk);
    // A point of another curve would be an error in OpenSSL; it is refused before it gets there.
    if (!theirs || EVP_PKEY_is_a(theirs.get(), "EC") != 1 || EVP_PKEY_parameters_eq(ours, theirs.get()) != 1)
        return std::nullopt;
    const auto secret = agreed_secret(ours, theirs.get());
    if (!secret) return std::nullopt;
    return derived_key(*secret, algorithm, *apu, *apv);
}

// RFC 3394.
std::optional<Wiped> unwrapped(const Wiped& wrapping_key, const std::string& wrapped) {
    if (wrapped.size() != kWrappedBytes) return std::nullopt;
    const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(EVP_CIPHER_CTX_new(),
                                                                                  EVP_CIPHER_CTX_free);
    if (!context) throw std::bad_alloc();
    EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    Wiped key(kWrappedBytes);  // OpenSSL may use more room than the result
    int length = 0;
    if (EVP_DecryptInit_ex(context.get(), EVP_aes_256_wrap(), nullptr, wrapping_key.data(), nullptr) != 1 ||
        EVP_DecryptUpdate(context.get(), key.data(), &length, bytes_of(wrapped),
                          static_cast<int>(wrapped.size())) != 1 ||
        length != static_cast<int>(kKeyBytes)) {
        return std::nullopt;
    }
    key.bytes.resize(kKeyBytes);
    return key;
}

std::optional<Wiped> content_key(EVP_PKEY* key, KeyManagement management, const JsonObject& header,
                                 const Parts& parts) {
    switch (management) {
        case KeyManagement::RsaOaep256:
            return rsa_content_key(key, parts.encrypted_key);
        case KeyManagement::EcdhEs:
            if (!parts.encrypted_key.empty()) return std::nullopt;
            return agreed_key(key, header, kContentEncryption);
        case KeyManagement::EcdhEsA256Kw: {
            const auto wrapping_key = agreed_key(key, header, "ECDH-ES+A256KW");
            if (!wrapping_key) return std::nullopt;
            return unwrapped(*wrapping_key, parts.encrypted_key);
        }
    }
    return std::nullopt;
}

std::optional<Secret> decrypted(const Wiped& key, const Parts& parts) {
    if (parts.iv.size() != kIvBytes || parts.tag.size() != kTagBytes) return std::nullopt;
    const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(EVP_CIPHER_CTX_new(),
                                                                                  EVP_CIPHER_CTX_free);
    if (!context) throw std::bad_alloc();
    Wiped plain(parts.ciphertext.size());
    std::string tag = parts.tag;
    int length = 0;
    int rest = 0;
    if (EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.data(), bytes_of(parts.iv)) != 1 ||
        EVP_DecryptUpdate(context.get(), nullptr, &length, bytes_of(parts.protected_text),
                          static_cast<int>(parts.protected_text.size())) != 1 ||
        EVP_DecryptUpdate(context.get(), plain.data(), &length, bytes_of(parts.ciphertext),
                          static_cast<int>(parts.ciphertext.size())) != 1 ||
        EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, static_cast<int>(tag.size()), tag.data()) !=
            1 ||
        EVP_DecryptFinal_ex(context.get(), plain.data() + length, &rest) != 1) {
        return std::nullopt;
    }
    return Secret(std::string_view(plain.bytes).substr(0, static_cast<std::size_t>(length + rest)));
}

std::optional<std::string> header_fault(const JsonObject& header) {
    using Kind = JsonObject::Kind;
    if (header.kind("crit") != Kind::Absent) return "the token has critical headers";
    if (header.kind("zip") != Kind::Absent) return "the token is compressed, which is not supported";
    if (!key_management(header)) return "the token's alg is none of RSA-OAEP-256, ECDH-ES and ECDH-ES+A256KW";
    if (header.string("enc") != kContentEncryption) return "the token's enc is not A256GCM";
    return std::nullopt;
}

}  // namespace

std::variant<DecryptionKey, std::string> DecryptionKey::from_pem(std::string_view pem) {
    auto loaded = load_private_key(pem);
    if (auto* fault = std::get_if<std::string>(&loaded)) return *fault;
    auto& key = std::get<std::shared_ptr<evp_pkey_st>>(loaded);
    const JoseAlgorithm* algorithm = usual_jose_algorithm(key.get());
    if (algorithm == nullptr || algorithm->family == JoseFamily::Eddsa)
        return std::string("private key is none of RSA (2048 to 8192 bits), P-256, P-384 and P-521");
    return DecryptionKey(std::move(key));
}

std::string DecryptionKey::thumbprint() const {
    return base64url_encode(sha256(public_jwk_of(key_.get()).text()));
}

JsonWriter DecryptionKey::public_jwk() const {
    JsonWriter jwk = public_jwk_of(key_.get());
    const bool rsa = EVP_PKEY_is_a(key_.get(), "RSA") == 1;
    jwk.add("use", "enc").add("alg", rsa ? "RSA-OAEP-256" : "ECDH-ES+A256KW").add("kid", thumbprint());
    return jwk;
}

std::variant<Secret, std::string> decrypt_jwe(std::string_view token,
                                              const std::vector<DecryptionKey>& keys) {
    const auto parts = split(token);
    if (!parts) return std::string("the token is not an encrypted JWT (JWE)");
    const auto parsed = JsonObject::parse(parts->header, {.bytes = kMaxHeaderBytes});
    const auto* header = std::get_if<JsonObject>(&parsed);
    if (header == nullptr) return std::string("the token's header is not a JSON object");
    if (auto fault = header_fault(*header)) return *fault;

    const KeyManagement management = *key_management(*header);
    const auto kid = header->string("kid");
    const bool known = kid && std::any_of(keys.begin(), keys.end(),
                                          [&](const DecryptionKey& key) { return key.thumbprint() == *kid; });
    for (const DecryptionKey& key : keys) {
        if (!fits(key.key().get(), management) || (known && key.thumbprint() != *kid)) continue;
        std::optional<Secret> plain;
        if (const auto content = content_key(key.key().get(), management, *header, *parts))
            plain = decrypted(*content, *parts);
        ERR_clear_error();
        if (plain) return std::move(*plain);
    }
    return std::string(kFailure);
}

}  // namespace flowctl::net
