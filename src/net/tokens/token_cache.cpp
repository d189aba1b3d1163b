// Implementation of token_cache.hpp.
#include "net/tokens/token_cache.hpp"

#include <algorithm>

#include "net/crypto/crypto.hpp"
#include "net/crypto/encoding.hpp"

namespace flowctl::net {
namespace {

constexpr Seconds kMaxMargin{30};
constexpr double kMarginShare = 0.2;
constexpr std::size_t kMaxRefusals = 1000;
constexpr std::size_t kEntryOverhead = 1024;  // maps, grant's small strings

std::size_t bytes_of(const LiveToken& live) {
    const ClientRegistration& client = live.grant->credential.client;
    return kEntryOverhead + live.token.access_token->reveal().size() + client.secret.reveal().size() +
           client.private_key.reveal().size();
}

const std::string& name_of(const LiveToken& live) {
    const Issuer& issuer = live.grant->credential.issuer;
    return issuer.name.empty() ? issuer.url : issuer.name;
}

// Secrets are copied by name only.
ClientRegistration copy(const ClientRegistration& client) {
    ClientRegistration out;
    out.client_id = client.client_id;
    out.method = client.method;
    out.secret = client.secret.clone();
    out.private_key = client.private_key.clone();
    out.signing_alg = client.signing_alg;
    out.key_id = client.key_id;
    out.key_x5t = client.key_x5t;
    out.assertion = client.assertion;
    out.certificate = client.certificate;
    return out;
}

std::string number(auto value) {
    return std::to_string(static_cast<int>(value));
}

void add_issuer(std::string& text, const Issuer& issuer) {
    append_part(text, issuer.url);
    append_part(text, issuer.name);
    append_part(text, number(issuer.discovery));
    append_part(text, issuer.token_endpoint);
    append_part(text, issuer.revocation_endpoint);
    append_part(text, number(issuer.assertion_audience));
    append_part(text, issuer.assertion_audience_uri);
    append_part(text, issuer.assertion_typ);
    append_part(text, issuer.ca_file);
}

void add_client(std::string& text, const ClientRegistration& client) {
    append_part(text, client.client_id);
    append_part(text, number(client.method));
    append_part(text, client.secret.empty() ? "" : sha256(client.secret.reveal()));
    append_part(text, client.private_key.empty() ? "" : sha256(client.private_key.reveal()));
    append_part(text, client.signing_alg);
    append_part(text, client.key_id);
    append_part(text, client.key_x5t);
    append_part(text, client.assertion.identity());
    append_part(text, client.certificate ? client.certificate->thumbprint() : "");
}

// A list sorted, each part once, and an empty part behind it.
void add_list(std::string& text, std::string_view list) {
    for (const std::string& one : split_scope(list))
        append_part(text, one);
    append_part(text, "");
}

}  // namespace

std::vector<std::string> split_scope(std::string_view scope) {
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < scope.size();) {
        const std::size_t end = std::min(scope.find(' ', i), scope.size());
        if (end > i) parts.emplace_back(scope.substr(i, end - i));
        i = end + 1;
    }
    std::sort(parts.begin(), parts.end());
    parts.erase(std::unique(parts.begin(), parts.end()), parts.end());
    return parts;
}

CachedTokenKey token_key(const Credential& credential, const std::string& run, const std::string& egress_role) {
    std::string text;
    append_part(text, number(credential.grant));
    add_issuer(text, credential.issuer);
    add_client(text, credential.client);
    append_part(text, credential.subject.identity());
    append_part(text, credential.subject_token_type);
    append_part(text, credential.actor.identity());
    append_part(text, credential.actor_token_type);
    append_part(text, credential.requested_token_type);
    append_part(text, credential.refresh_file.directory);
    append_part(text, credential.refresh_file.name);
    append_part(text, credential.audience);
    add_list(text, credential.resource);
    add_list(text, credential.scope);
    append_part(text, number(credential.dpop));
    append_part(text, number(credential.certificate_bound));
    append_part(text, egress_role);

    CachedTokenKey key;
    key.registration = sha256(text);
    append_part(text, run);
    key.token = sha256(text);
    return key;
}

std::shared_ptr<const Grant> make_grant(const Credential& credential, const std::string& run,
                                        const std::string& egress_role) {
    auto grant = std::make_shared<Grant>();
    Credential& own = grant->credential;
    own.issuer = credential.issuer;
    own.client = copy(credential.client);
    own.grant = credential.grant;
    own.subject = credential.subject;
    own.subject_token_type = credential.subject_token_type;
    own.actor = credential.actor;
    own.actor_token_type = credential.actor_token_type;
    own.requested_token_type = credential.requested_token_type;
    own.refresh_file = credential.refresh_file;
    own.scope = credential.scope;
    own.audience = credential.audience;
    own.resource = credential.resource;
    own.dpop = credential.dpop;
    own.certificate_bound = credential.certificate_bound;
    grant->run = run;
    grant->egress_role = egress_role;
    return grant;
}

SteadyTime usable_until(SteadyTime request_start, Seconds lifetime) {
    const Seconds use = lifetime - std::min(kMaxMargin, lifetime * kMarginShare);
    return request_start + std::chrono::duration_cast<SteadyTime::duration>(use);
}

std::optional<Token> TokenCache::find(const std::string& key, SteadyTime now) const {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return std::nullopt;
    const LiveToken& live = by_generation_.at(found->second).live;
    if (now >= live.usable_until) return std::nullopt;
    return live.token;
}

void TokenCache::put(const std::string& key, LiveToken live, SteadyTime now) {
    insert(key, std::move(live), now);
}

void TokenCache::keep_for_revocation(LiveToken live, SteadyTime now) {
    insert({}, std::move(live), now);
}

void TokenCache::insert(const std::string& key, LiveToken live, SteadyTime now) {
    sweep(now);
    const std::uint64_t generation = live.token.generation;
    Entry entry{key, std::move(live), 0};
    entry.bytes = bytes_of(entry.live);
    while (!by_end_.empty() && bytes_ + entry.bytes > max_bytes_)
        erase(by_end_.begin()->second);

    if (!key.empty()) {
        const auto [at, added] = by_key_.try_emplace(key, generation);
        if (!added) {
            by_generation_.at(at->second).key.clear();
            at->second = generation;
        }
    }
    bytes_ += entry.bytes;
    by_run_[entry.live.grant->run].insert(generation);
    by_end_.emplace(entry.live.ends_at, generation);
    ++by_issuer_[name_of(entry.live)];
    ++changes_;
    by_generation_.emplace(generation, std::move(entry));
}

void TokenCache::erase(std::uint64_t generation) {
    const auto found = by_generation_.find(generation);
    const Entry& entry = found->second;
    if (!entry.key.empty()) by_key_.erase(entry.key);
    const auto run = by_run_.find(entry.live.grant->run);
    run->second.erase(generation);
    if (run->second.empty()) by_run_.erase(run);
    by_end_.erase({entry.live.ends_at, generation});
    bytes_ -= entry.bytes;
    const auto issuer = by_issuer_.find(name_of(entry.live));
    if (--issuer->second == 0) by_issuer_.erase(issuer);
    ++changes_;
    by_generation_.erase(found);
}

void TokenCache::drop(const std::string& run, std::uint64_t generation) {
    const auto found = by_generation_.find(generation);
    if (found == by_generation_.end() || found->second.live.grant->run != run) return;
    if (!found->second.key.empty()) by_key_.erase(found->second.key);
    found->second.key.clear();
}

std::vector<LiveToken> TokenCache::take_run(const std::string& run, SteadyTime now) {
    sweep(now);
    std::vector<LiveToken> taken;
    const auto found = by_run_.find(run);
    if (found == by_run_.end()) return taken;
    const std::set<std::uint64_t> generations = found->second;
    for (const std::uint64_t generation : generations) {
        taken.push_back(by_generation_.at(generation).live);
        erase(generation);
    }
    return taken;
}

std::vector<Token> TokenCache::newest_of(const std::string& run, std::size_t most) const {
    std::vector<Token> tokens;
    const auto found = by_run_.find(run);
    if (found == by_run_.end()) return tokens;
    const std::set<std::uint64_t>& generations = found->second;
    for (auto at = generations.rbegin(); at != generations.rend() && tokens.size() < most; ++at)
        tokens.push_back(by_generation_.at(*at).live.token);
    return tokens;
}

void TokenCache::remember_refusal(const std::string& registration, TokenResult refusal, SteadyTime until,
                                  SteadyTime now) {
    if (refusals_.size() >= kMaxRefusals) {
        std::erase_if(refusals_, [now](const auto& item) { return item.second.until <= now; });
        if (refusals_.size() >= kMaxRefusals) refusals_.clear();
    }
    refusals_[registration] = {std::move(refusal), until};
}

std::optional<TokenResult> TokenCache::refusal(const std::string& registration, SteadyTime now) const {
    const auto found = refusals_.find(registration);
    if (found == refusals_.end() || found->second.until <= now) return std::nullopt;
    return found->second.result;
}

std::int64_t TokenCache::count_of(const std::string& issuer) const {
    const auto found = by_issuer_.find(issuer);
    return found == by_issuer_.end() ? 0 : found->second;
}

void TokenCache::sweep(SteadyTime now) {
    while (!by_end_.empty() && by_end_.begin()->first <= now)
        erase(by_end_.begin()->second);
    std::erase_if(refusals_, [now](const auto& item) { return item.second.until <= now; });
}

std::optional<SteadyTime> TokenCache::next_end() const {
    if (by_end_.empty()) return std::nullopt;
    return by_end_.begin()->first;
}

}  // namespace flowctl::net
