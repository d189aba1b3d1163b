// Implementation of token_verifier.hpp.
#include "net/token_verifier.hpp"

#include <algorithm>
#include <utility>

#include "net/dispatcher.hpp"
#include "net/issuer_trouble.hpp"

namespace flowctl::net {
namespace {

constexpr std::chrono::seconds kKeep{600};
constexpr std::chrono::seconds kAskEvery{30};
constexpr std::size_t kMaxDocumentBytes = 256 * 1024;
constexpr std::size_t kMaxEntries = 200;

std::string key_of(const Issuer& issuer, const std::string& egress_role) {
    std::string key;
    for (const std::string* part : {&issuer.url, &issuer.jwks_uri, &issuer.ca_file, &egress_role})
        key += std::to_string(part->size()) + ':' + *part;
    return key + (issuer.discovery == Discovery::OAuth ? "oauth" : "oidc");
}

}  // namespace

TokenVerifier::~TokenVerifier() {
    for (const auto& [key, entry] : entries_) {
        if (entry.exchange != 0) dispatcher_.cancel(entry.exchange);
    }
    for (const auto& [id, work] : work_) {
        if (work.timer != 0) dispatcher_.cancel_timer(work.timer);
    }
}

std::uint64_t TokenVerifier::verify(const Issuer& issuer, const std::string& egress_role,
                                    std::shared_ptr<const Secret> token, JwtExpectation expected,
                                    VerifyDone done) {
    const std::uint64_t id = next_++;
    Work& work = work_[id];
    work.key = key_of(issuer, egress_role);
    work.token = std::move(token);
    work.expected = std::move(expected);
    work.done = std::move(done);
    if (!entries_.contains(work.key)) {
        make_room();
        Entry& entry = entries_[work.key];
        entry.issuer = issuer;
        entry.egress_role = egress_role;
    }
    work.timer = dispatcher_.after(std::chrono::milliseconds(0), [this, id] { look(id); });
    return id;
}

void TokenVerifier::cancel(std::uint64_t id) {
    const auto found = work_.find(id);
    if (found == work_.end()) return;
    if (found->second.timer != 0) dispatcher_.cancel_timer(found->second.timer);
    if (const auto entry = entries_.find(found->second.key); entry != entries_.end())
        std::erase(entry->second.waiting, id);
    work_.erase(found);
}

void TokenVerifier::look(std::uint64_t id) {
    Work& work = work_.at(id);
    work.timer = 0;
    const Entry& entry = entries_.at(work.key);
    if (entry.keys && clock_.steady() < entry.fresh_until) return try_with_keys(id, true);
    if (may_ask(entry)) return fetch(work.key, id);
    try_with_keys(id, false);
}

// `may_fetch`: a key that is not there may have come since.
void TokenVerifier::try_with_keys(std::uint64_t id, bool may_fetch) {
    Work& work = work_.at(id);
    const Entry& entry = entries_.at(work.key);
    if (!entry.keys) return finish(id, TokenRejection{entry.trouble, JwtFault::UnknownKey, true});
    work.expected.now = clock_.system();
    auto verified = verify_jwt(work.token->reveal(), *entry.keys, work.expected);
    auto* refusal = std::get_if<JwtRefusal>(&verified);
    if (refusal == nullptr) return finish(id, std::get<JsonObject>(std::move(verified)));
    if (refusal->fault == JwtFault::UnknownKey && may_fetch && may_ask(entry)) return fetch(work.key, id);
    finish(id, TokenRejection{std::move(refusal->message), refusal->fault, false});
}

// A fetch that is under way is joined, whatever the time.
bool TokenVerifier::may_ask(const Entry& entry) const {
    return entry.exchange != 0 || entry.resolving || !entry.asked ||
           clock_.steady() - *entry.asked >= kAskEvery;
}

void TokenVerifier::fetch(const std::string& key, std::uint64_t id) {
    Entry& entry = entries_.at(key);
    entry.waiting.push_back(id);
    if (entry.exchange != 0 || entry.resolving) return;
    entry.asked = clock_.steady();
    entry.resolving = true;
    discovery_.endpoints(entry.issuer, entry.egress_role, DiscoveryCache::Need::Keys,
                         [this, key](const DiscoveryCache::Result& result) { resolved(key, result); });
}

void TokenVerifier::resolved(const std::string& key, const DiscoveryCache::Result& result) {
    Entry& entry = entries_.at(key);
    entry.resolving = false;
    if (const auto* trouble = std::get_if<Trouble>(&result)) {
        entry.trouble = trouble->message;
        return fetched(key);
    }
    Exchange exchange;
    exchange.id = entry.exchange = dispatcher_.next_id();
    exchange.method = "GET";
    exchange.url = std::get<Endpoints>(result).jwks;
    exchange.headers = {{"Accept", "application/jwk-set+json, application/json"}};
    exchange.ca_file = entry.issuer.ca_file;
    exchange.egress_role = entry.egress_role;
    exchange.timeout = entry.issuer.timeout;
    exchange.connect_timeout = entry.issuer.timeout;
    exchange.max_response_bytes = kMaxDocumentBytes;
    dispatcher_.add(std::move(exchange), [this, key](Answer&& answer) { answered(key, std::move(answer)); });
}

void TokenVerifier::answered(const std::string& key, Answer&& answer) {
    constexpr std::string_view kWhat = "its key set";
    Entry& entry = entries_.at(key);
    entry.exchange = 0;
    if (answer.failure != Failure::None) {
        entry.trouble = failure_trouble(entry.issuer, kWhat, answer).message;
    } else if (answer.status != 200) {
        entry.trouble = refusal_trouble(entry.issuer, kWhat, answer, {}).trouble.message;
    } else {
        auto parsed = KeySet::parse(answer.body);
        if (const auto* fault = std::get_if<std::string>(&parsed)) {
            entry.trouble = issuer_name(entry.issuer) + ": " + *fault;
        } else {
            entry.keys = std::make_shared<const KeySet>(std::get<KeySet>(std::move(parsed)));
            entry.fresh_until = clock_.steady() + kKeep;
            entry.trouble.clear();
        }
    }
    fetched(key);
}

// The callers may ask for other tokens, or cancel.
void TokenVerifier::fetched(const std::string& key) {
    const std::vector<std::uint64_t> waiting = std::exchange(entries_.at(key).waiting, {});
    for (const std::uint64_t id : waiting)
        if (work_.contains(id)) try_with_keys(id, false);
}

void TokenVerifier::finish(std::uint64_t id, VerifyResult result) {
    const auto node = work_.extract(id);
    node.mapped().done(std::move(result));
}

// Drops what nobody waits for, the longest unused first to go stale.
void TokenVerifier::make_room() {
    if (entries_.size() < kMaxEntries) return;
    auto first = entries_.end();
    for (auto it = entries_.begin(); it != entries_.end(); ++it) {
        const Entry& entry = it->second;
        const bool wanted = entry.exchange != 0 || entry.resolving ||
                            std::any_of(work_.begin(), work_.end(),
                                        [&](const auto& work) { return work.second.key == it->first; });
        if (!wanted && (first == entries_.end() || entry.fresh_until < first->second.fresh_until)) first = it;
    }
    if (first != entries_.end()) entries_.erase(first);
}

}  // namespace flowctl::net
