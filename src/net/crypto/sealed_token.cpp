// Tokens with a code. See sealed_token.hpp.
#include "net/crypto/sealed_token.hpp"

#include <openssl/crypto.h>

#include <algorithm>

#include "net/crypto/crypto.hpp"
#include "net/crypto/encoding.hpp"

namespace flowctl::net {

namespace {

constexpr char kVersion = 1;
constexpr std::size_t kNameBytes = 7;  // with them the text needs no bits to fill it up
constexpr std::size_t kRunAt = 1 + kNameBytes;
constexpr std::size_t kPlaceAt = kRunAt + sizeof(Uuid);
constexpr std::size_t kCodeAt = kPlaceAt + sizeof(Uuid);
constexpr std::size_t kBytes = kCodeAt + 32;
constexpr std::size_t kTextBytes = kBytes / 3 * 4;
static_assert(kBytes % 3 == 0);

void append(std::string& bytes, const Uuid& id) {
    bytes.append(reinterpret_cast<const char*>(id.data()), id.size());
}

Uuid id_at(std::string_view bytes, std::size_t at) {
    Uuid id;
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), id.size(), id.begin());
    return id;
}

std::string code_of(std::string_view covered, const TokenKey& key) {
    return hmac("SHA256", key.reveal(), covered);
}

}  // namespace

TokenKey::TokenKey(Secret&& content, KeptBy kept_by)
    : name_(sha256(content.reveal()).substr(0, kNameBytes)), plain_(std::move(content)) {
    if (kept_by == KeptBy::Worker) return;
    hidden_ = HiddenSecret(plain_.reveal());
    plain_ = Secret();
}

std::string seal_token(const TokenKey& key, const Uuid& run, const Uuid& place) {
    std::string bytes(1, kVersion);
    bytes.reserve(kBytes);
    bytes += key.name();
    append(bytes, run);
    append(bytes, place);
    bytes += code_of(bytes, key);
    return base64url_encode(bytes);
}

std::optional<SealedToken> read_token(std::string_view text) {
    if (text.size() != kTextBytes) return std::nullopt;
    const auto bytes = base64url_decode(text);
    if (!bytes || bytes->size() != kBytes || bytes->front() != kVersion) return std::nullopt;
    return SealedToken{bytes->substr(1, kNameBytes), id_at(*bytes, kRunAt), id_at(*bytes, kPlaceAt),
                       bytes->substr(0, kCodeAt), bytes->substr(kCodeAt)};
}

bool is_made_by(const SealedToken& token, const TokenKey& key) {
    return token.key_name == key.name() && same_secret(token.code, code_of(token.covered, key));
}

bool same_secret(std::string_view one, std::string_view other) noexcept {
    return one.size() == other.size() && CRYPTO_memcmp(one.data(), other.data(), one.size()) == 0;
}

}  // namespace flowctl::net
