// Verifying the token of an end user. See subject_verify.hpp; the token itself is checked by
// net/crypto/jose_verify.
//
// The issuer must be a foreign server that says by its option subject_audience that users' tokens are taken
// from it and whom they must be for, and the current user must have USAGE on it. A message never quotes the
// token; why one was refused is recorded (denials), since a refused token is an attempt worth seeing.
#include "pg/identity/subject_verify.hpp"

#include <algorithm>
#include <chrono>

#include "base/ascii.hpp"
#include "core/json.hpp"
#include "net/crypto/encoding.hpp"
#include "net/crypto/jose_verify.hpp"
#include "net/crypto/jwe.hpp"
#include "pg/endpoints/foreign_servers.hpp"
#include "pg/identity/key_sets.hpp"
#include "pg/identity/own_keys.hpp"
#include "pg/rights/denials.hpp"
#include "pg/rights/session_user.hpp"
#include "pg/server/guc.hpp"
#include "pg/shared/subject_tokens.hpp"

namespace flowctl::pg {

namespace {

constexpr std::size_t kMaxGivenBytes = 32 * 1024;
constexpr std::size_t kMaxNameBytes = 1024;
constexpr std::size_t kMaxClaimsBytes = 8192;
constexpr std::string_view kUsualAlgorithms = "RS256 PS256 ES256 EdDSA";

[[noreturn]] void refuse(const std::string& why, std::string hint = {}) {
    denials::report(GetUserId(), "set_subject_token", "", why);
    throw UserError(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, "the subject token is not accepted: " + why,
                    std::move(hint));
}

std::vector<std::string> words(std::string_view text) {
    std::vector<std::string> found;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        if (end > 0) found.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return found;
}

// ---------------------------------------------------------------------------------------------- the token

net::Secret opened(std::string_view given) {
    if (given.size() > kMaxGivenBytes) refuse("it is longer than 32 kB");
    const auto dots = std::count(given.begin(), given.end(), '.');
    if (dots == 2) {
        if (!guc::allow_plain_subject_token)
            refuse(
                "it is not encrypted",
                "Encrypt it (JWE) to the key of use \"enc\" in flowctl.jwks(): the arguments of a statement "
                "reach logs.");
        return net::Secret(given);
    }
    if (dots != 4) refuse("it is neither a JWE nor a JWT");
    auto readable = encryption_keys();
    if (const auto* why = std::get_if<std::string>(&readable))
        throw UserError(ERRCODE_CONFIG_FILE_ERROR, *why);
    const auto& keys = std::get<std::vector<net::DecryptionKey>>(readable);
    if (keys.empty())
        refuse("there is no key to decrypt it with", "flowctl.issuer_encryption_keys names one.");
    auto plain = net::decrypt_jwe(given, keys);
    if (const auto* why = std::get_if<std::string>(&plain)) refuse(*why);
    return std::get<net::Secret>(std::move(plain));
}

// ---------------------------------------------------------------------------------------------- the issuer

bool belongs_to_superuser(const ListedServer& server) {
    const Oid owner = server.owner;
    return guarded([&] { return superuser_arg(owner); });
}

// The foreign servers whose users' tokens the current user may hand over. Conditions of policies and leases
// trust what such tokens say, so a server counts only while it belongs to one who may declare issuers. Where a
// superuser's server stands for the same issuer, nobody else names its keys.
std::vector<ListedServer> trusted_issuers(const std::string& url, std::string_view name) {
    std::vector<ListedServer> of_issuer = list_servers(kOidcWrapper);
    std::erase_if(of_issuer,
                  [&](const ListedServer& server) { return option(server.options, "issuer") != url; });
    const bool declared = std::any_of(of_issuer.begin(), of_issuer.end(), belongs_to_superuser);
    std::vector<ListedServer> trusted;
    for (ListedServer& server : of_issuer) {
        if (!name.empty() && server.name != name) continue;
        if (option(server.options, "subject_audience").empty() || !may_declare_issuers(server.owner))
            continue;
        if (declared && server.options.contains("jwks_uri") && !belongs_to_superuser(server)) continue;
        const Oid oid = server.oid;
        if (!guarded([&] { return server_aclcheck(oid, GetUserId(), ACL_USAGE) == ACLCHECK_OK; })) continue;
        trusted.push_back(std::move(server));
    }
    return trusted;
}

ListedServer issuer_of(std::string_view token, std::string_view name) {
    const auto url = net::unverified_issuer(token);
    if (!url) refuse("it is not a JWT that names its issuer");
    auto trusted = trusted_issuers(*url, name);
    if (trusted.empty())
        refuse(
            "its issuer is not one whose users' tokens are taken",
            "A foreign server of wrapper flowctl_oidc for it needs the option subject_audience and an owner "
            "who may declare issuers, and the current user USAGE on it.");
    if (trusted.size() > 1)
        refuse(
            "more than one foreign server stands for its issuer",
            "Name one in the second argument: \"" + trusted[0].name + "\" or \"" + trusted[1].name + "\".");
    return std::move(trusted.front());
}

net::JwtExpectation expectation(const ListedServer& issuer) {
    net::JwtExpectation expected;
    expected.issuer = option(issuer.options, "issuer");
    expected.audience = option(issuer.options, "subject_audience");
    const std::string_view algorithms = option(issuer.options, "subject_algorithms");
    expected.algorithms = words(algorithms.empty() ? kUsualAlgorithms : algorithms);
    if (option(issuer.options, "subject_type") == "any")
        expected.types = {"at+jwt", "application/at+jwt", "jwt", ""};
    expected.now = std::chrono::system_clock::now();
    return expected;
}

net::JsonObject verified(std::string_view token, const ListedServer& issuer) {
    key_sets::Reader reader(issuer.oid, issuer.options);
    for (bool fetched = false;; fetched = true) {
        if (!reader.stored().keys) {
            const std::string& problem = reader.stored().problem;
            refuse("the keys of issuer \"" + issuer.name + "\" are not there" +
                       (problem.empty() ? "" : ": " + problem),
                   "The worker fetches them when they are asked for, at most every 30 s: try again then.");
        }
        auto claims = net::verify_jwt(token, *reader.stored().keys, expectation(issuer));
        if (auto* good = std::get_if<net::JsonObject>(&claims)) return std::move(*good);
        const net::JwtRefusal& refusal = std::get<net::JwtRefusal>(claims);
        if (refusal.fault != net::JwtFault::UnknownKey) refuse(refusal.message);
        if (fetched || !reader.fetch())
            refuse(refusal.message,
                   "If the issuer has just changed its keys: they are fetched again at most every 30 s.");
    }
}

// ---------------------------------------------------------------------------------------------- the claims

std::string chosen_claims(std::string_view token, std::string_view names) {
    const std::size_t first = token.find('.');
    const auto payload = net::base64url_decode(token.substr(first + 1, token.rfind('.') - first - 1));
    const auto claims = json::parse(*payload);
    if (!claims) refuse("its claims cannot be kept: " + claims.error().message);
    json::ObjectBuilder chosen;
    std::vector<std::string> wanted = words(names);
    wanted.emplace_back("act");
    std::sort(wanted.begin(), wanted.end());
    wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
    for (const std::string& name : wanted)
        if (const json::Value* value = claims->find(name)) chosen.add(name, *value);
    std::string text = json::dump(chosen.build());
    if (text.size() > kMaxClaimsBytes)
        refuse("the claims that are to be recorded are longer than 8 kB",
               "The issuer's option subject_claims names them.");
    return text;
}

}  // namespace

std::shared_ptr<const session_user::User> verify_subject_token(std::string_view given,
                                                               std::string_view issuer_name) {
    net::Secret token = opened(given);
    if (token.reveal().size() > subject_tokens::kMaxBytes) refuse("it is longer than 8 kB");
    const ListedServer issuer = issuer_of(token.reveal(), issuer_name);
    const net::JsonObject claims = verified(token.reveal(), issuer);

    auto user = std::make_shared<session_user::User>();
    user->issuer = option(issuer.options, "issuer");
    user->server = issuer.name;
    const auto name = claims.string("sub");
    if (!name || name->empty() || name->size() > kMaxNameBytes || has_control_character(*name))
        refuse("it names no subject");
    user->name = *name;
    user->claims = chosen_claims(token.reveal(), option(issuer.options, "subject_claims"));
    // verify_jwt has found a number.
    user->expires_at =
        static_cast<std::int64_t>(std::min(claims.number("exp").value_or(0), 253402300799.0)) * 1'000'000;
    if (!pg_strong_random(user->handle.data(), user->handle.size()))
        throw UserError(ERRCODE_INTERNAL_ERROR, "could not generate a random handle");
    user->token = net::HiddenSecret(token.reveal());
    return user;
}

}  // namespace flowctl::pg
