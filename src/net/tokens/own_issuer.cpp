// Implementation of own_issuer.hpp.
#include "net/tokens/own_issuer.hpp"

#include <algorithm>

#include "base/wipe.hpp"
#include "net/crypto/crypto.hpp"
#include "net/http/url.hpp"

namespace flowctl::net {
namespace {

constexpr std::size_t kMaxKeys = 16;

bool is_allowed(const AllowedAudiences& allowed, std::string_view audience) {
    if (allowed.any) return true;
    const auto url = split_url(audience);
    const auto* parts = std::get_if<Url>(&url);
    return parts != nullptr && std::find(allowed.origins.begin(), allowed.origins.end(), parts->origin()) !=
                                   allowed.origins.end();
}

std::int64_t seconds_of(StepIdentity::Time at) {
    return std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count();
}

// RFC 9068 for what an endpoint takes as an access token; everything else is a plain JWT.
std::string_view type_for(TokenUse::Purpose purpose) {
    return purpose == TokenUse::Purpose::Bearer ? "at+jwt" : "JWT";
}

std::variant<SigningKey, std::string> read_key(std::string_view text, const Pkcs11Place& place) {
    if (!text.starts_with("pkcs11:")) return SigningKey::from_pem(text);
    const std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
    auto uri = read_pkcs11_uri(text.substr(0, end));
    if (auto* wrong = std::get_if<std::string>(&uri)) return std::move(*wrong);
    return SigningKey::of_remote(text.substr(end), pkcs11_key(place, std::get<Pkcs11Uri>(std::move(uri))));
}

}  // namespace

std::variant<OwnKeys, std::string> OwnKeys::read(const std::vector<Pem>& files, const Pkcs11Place& place) {
    if (files.empty()) return std::string("there is no key");
    if (files.size() > kMaxKeys) return "there are more than " + std::to_string(kMaxKeys) + " keys";
    auto entries = std::make_shared<std::vector<Entry>>();
    for (const Pem& file : files) {
        auto key = read_key(file.content.reveal(), place);
        if (const auto* wrong = std::get_if<std::string>(&key)) return "\"" + file.name + "\": " + *wrong;
        SigningKey& usable = std::get<SigningKey>(key);
        std::string id = usable.thumbprint();
        entries->push_back({std::move(usable), std::move(id)});
    }
    OwnKeys keys;
    keys.keys_ = std::move(entries);
    return keys;
}

std::vector<JsonWriter> OwnKeys::published() const {
    std::vector<JsonWriter> jwks;
    for (const Entry& entry : *keys_) {
        JsonWriter jwk = entry.key.public_jwk();
        jwk.add("kid", entry.id).add("use", "sig").add("alg", entry.key.algorithm());
        jwks.push_back(std::move(jwk));
    }
    return jwks;
}

std::vector<std::string> OwnKeys::algorithms() const {
    std::vector<std::string> names;
    for (const Entry& entry : *keys_) {
        std::string name(entry.key.algorithm());
        if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
    }
    return names;
}

std::string own_key_set(const std::vector<JsonWriter>& jwks) {
    std::string text;
    for (const JsonWriter& jwk : jwks) {
        if (!text.empty()) text += ',';
        text += jwk.text();
    }
    return R"({"keys":[)" + text + "]}";
}

std::string own_key_set_url(std::string_view issuer) {
    return std::string(issuer) + "/.well-known/jwks.json";
}

std::string own_openid_configuration(std::string_view issuer, const std::vector<std::string>& algorithms) {
    JsonWriter document;
    document.add("issuer", issuer)
        .add("jwks_uri", own_key_set_url(issuer))
        .add("response_types_supported", std::vector<std::string>{"id_token"})
        .add("subject_types_supported", std::vector<std::string>{"public"})
        .add("id_token_signing_alg_values_supported", algorithms)
        .add("claims_supported",
             std::vector<std::string>{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "flow",
                                      "version", "state", "run", "attempt", "role", "act", "event", "scope"});
    return document.text();
}

std::string flow_subject(std::string_view owner, std::string_view flow) {
    return "flow:" + percent_encode(owner) + ':' + percent_encode(flow);
}

StepIdentity::StepIdentity(OwnKeys keys, Facts facts)
    : keys_(std::move(keys)), facts_(std::make_shared<const Facts>(std::move(facts))) {}

std::variant<MintedToken, std::string> StepIdentity::mint(std::string_view audience, std::string_view type,
                                                          Time now) const {
    if (audience.empty()) return std::string("a token of our own needs an audience");
    if (!is_allowed(facts_->audiences, audience))
        return "audience \"" + std::string(audience) +
               "\" is not of the server's own origin: such a server must belong to a superuser or a member "
               "of "
               "pg_read_server_files";
    const std::int64_t begin = seconds_of(now);
    const std::int64_t end = std::min(begin + facts_->cap.count(), seconds_of(facts_->not_after));
    if (end <= begin) return std::string("the step's time is over");

    MintedToken minted;
    minted.jti = random_id();
    minted.expires_at = Time(std::chrono::seconds(end));
    JsonWriter claims;
    claims.add("iss", facts_->issuer)
        .add("sub", facts_->subject)
        .add("aud", audience)
        .add("jti", minted.jti)
        .add("iat", begin)
        .add("nbf", begin)
        .add("exp", end)
        .add("client_id", facts_->subject)  // RFC 9068 requires it
        .add_all(facts_->claims);
    auto token = keys_.current().sign_jwt(type, keys_.current_id(), claims);
    if (!token) {
        const std::string why = keys_.current().trouble();
        return "the token could not be signed" + (why.empty() ? why : ": " + why);
    }
    minted.token = Secret(*token);
    wipe(*token);
    return minted;
}

TokenInput StepIdentity::input() const {
    return TokenInput::made(facts_->issuer + ' ' + facts_->subject + ' ' + facts_->identity,
                            [identity = *this](const TokenUse& use) -> TokenInputResult {
                                auto minted = identity.mint(use.audience, type_for(use.purpose), use.now);
                                if (auto* why = std::get_if<std::string>(&minted))
                                    return TokenInputFault{std::move(*why)};
                                return std::move(std::get<MintedToken>(minted).token);
                            });
}

}  // namespace flowctl::net
