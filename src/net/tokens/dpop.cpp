// Implementation of dpop.hpp.
#include "net/tokens/dpop.hpp"

#include <algorithm>
#include <variant>

#include "base/ascii.hpp"
#include "net/crypto/crypto.hpp"
#include "net/crypto/encoding.hpp"
#include "net/http/dispatcher.hpp"
#include "net/http/url.hpp"

namespace flowctl::net {
namespace {

constexpr std::size_t kMaxNonceBytes = 512;
constexpr std::size_t kMaxOrigins = 1000;
constexpr int kUnauthorized = 401;

std::optional<std::string> origin_key(const std::string& url, const std::string& egress_role) {
    const auto parsed = split_url(url);
    const Url* parts = std::get_if<Url>(&parsed);
    if (parts == nullptr) return std::nullopt;
    return parts->origin() + '\n' + egress_role;
}

// RFC 9449 §8.1: NQCHAR.
bool is_nonce(std::string_view text) {
    return !text.empty() && text.size() <= kMaxNonceBytes &&
           std::all_of(text.begin(), text.end(),
                       [](char c) { return c > ' ' && c <= '~' && c != '"' && c != '\\'; });
}

}  // namespace

DpopKey::DpopKey() : key_(SigningKey::generate_es256()), thumbprint_(key_.thumbprint()) {
    JsonWriter header;
    header.add("jwk", key_.public_jwk());
    header_ = key_.encoded_header("dpop+jwt", {}, header);
}

bool DpopNonces::learn(const std::string& url, const std::string& egress_role, const Answer& answer) {
    const std::string* nonce = answer.header("dpop-nonce");
    if (nonce == nullptr || !is_nonce(*nonce)) return false;
    const auto key = origin_key(url, egress_role);
    if (!key) return false;
    if (by_origin_.size() >= kMaxOrigins && !by_origin_.contains(*key)) by_origin_.erase(by_origin_.begin());
    by_origin_[*key] = *nonce;
    return true;
}

std::string DpopNonces::find(const std::string& url, const std::string& egress_role) const {
    const auto key = origin_key(url, egress_role);
    const auto found = key ? by_origin_.find(*key) : by_origin_.end();
    return found == by_origin_.end() ? std::string() : found->second;
}

std::optional<std::string> DpopKey::proof(std::string_view method, const std::string& url,
                                          const std::string& nonce, std::chrono::system_clock::time_point now,
                                          std::string_view token) const {
    auto parsed = split_url(url);
    Url* target = std::get_if<Url>(&parsed);
    if (target == nullptr) return std::nullopt;
    target->query.clear();

    JsonWriter claims;
    claims.add("jti", random_id())
        .add("htm", method)
        .add("htu", target->text())
        .add("iat", std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count());
    if (!nonce.empty()) claims.add("nonce", nonce);
    if (!token.empty()) claims.add("ath", base64url_encode(sha256(token)));
    return key_.sign_claims(header_, claims);
}

bool asks_for_nonce(const Answer& answer) {
    if (answer.status != kUnauthorized) return false;
    return std::any_of(answer.headers.begin(), answer.headers.end(), [](const Header& header) {
        return header.first == "www-authenticate" &&
               ascii_lower(header.second).find("use_dpop_nonce") != std::string::npos;
    });
}

}  // namespace flowctl::net
