// Implementation of discovery.hpp.
#include "net/tokens/discovery.hpp"

#include <algorithm>
#include <utility>

#include "net/crypto/encoding.hpp"
#include "net/crypto/json_reader.hpp"
#include "net/http/content_coding.hpp"
#include "net/http/dispatcher.hpp"
#include "net/http/url.hpp"
#include "net/tokens/token_source.hpp"

namespace flowctl::net {
namespace {

constexpr std::chrono::seconds kKeep{600};
constexpr std::chrono::seconds kKeepPermanent{10};  // a wrong document is asked for again after this
constexpr std::chrono::milliseconds kKeepTransient{500};
constexpr Seconds kMaxKeepBackOff{60};
constexpr std::size_t kMaxDocumentBytes = 256 * 1024;
constexpr std::size_t kMaxEntries = 1000;
constexpr std::size_t kMaxBytes = 16 << 20;  // of what the documents say, which may be long addresses

bool is_address(const std::string& host) {
    return host.front() == '[' ||
           std::all_of(host.begin(), host.end(), [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

// Why the endpoint may not be called, or nothing.
std::optional<std::string> endpoint_fault(const Url& issuer, std::string_view endpoint) {
    const auto parsed = split_url(endpoint);
    const Url* url = std::get_if<Url>(&parsed);
    if (url == nullptr) return "is not a valid URL";
    if (url->scheme != "https" && !url->same_origin(issuer)) return "is not https";
    if (url->host == issuer.host) return std::nullopt;
    if (is_address(url->host) || url->host.find('.') == std::string::npos) {
        return "is on another host than the issuer and not a public DNS name";
    }
    if (url->port != 443) return "is on another host than the issuer and not on port 443";
    return std::nullopt;
}

Endpoints given_endpoints(const Issuer& issuer) {
    Endpoints endpoints;
    endpoints.token = issuer.token_endpoint;
    endpoints.revocation = issuer.revocation_endpoint;
    return endpoints;
}

// What is wrong with endpoints for who needs them, or nothing.
std::optional<std::string> missing_endpoint(const Endpoints& endpoints, DiscoveryCache::Need need) {
    if (need == DiscoveryCache::Need::Token && endpoints.token.empty()) return "it has no token endpoint";
    return std::nullopt;
}

std::string cache_key(const Issuer& issuer, const std::string& egress_role) {
    std::string key;
    append_part(key, issuer.url);
    append_part(key, issuer.discovery == Discovery::OAuth ? "oauth" : "oidc");
    append_part(key, issuer.token_endpoint);
    append_part(key, issuer.revocation_endpoint);
    append_part(key, issuer.ca_file);
    append_part(key, egress_role);
    append_part(key, std::to_string(issuer.timeout.count()));
    return key;
}

Trouble unusable(const Issuer& issuer, const std::string& what) {
    return {issuer_name(issuer) + ": " + what, Remedy::None, std::nullopt, CredentialFault::Failed};
}

DiscoveryCache::Result read_answer(const Issuer& issuer, const Answer& answer) {
    constexpr std::string_view kWhat = "discovery";
    if (answer.failure != Failure::None) return failure_trouble(issuer, kWhat, answer);
    if (answer.status != 200) {
        Trouble trouble = refusal_trouble(issuer, kWhat, answer, {}).trouble;
        if (answer.status == 404 || answer.status == 410) trouble.remedy = Remedy::None;
        return trouble;
    }
    auto read = read_discovery(issuer, answer.body);
    if (const std::string encoded = content_coding_fault(answer.headers);
        read.index() == 1 && !encoded.empty())
        return unusable(issuer, "its discovery document " + encoded);
    if (auto* message = std::get_if<std::string>(&read)) return unusable(issuer, *message);
    return std::get<Endpoints>(std::move(read));
}

std::size_t bytes_of(const DiscoveryCache::Result& result) {
    if (const auto* trouble = std::get_if<Trouble>(&result)) return trouble->message.size();
    const auto& endpoints = std::get<Endpoints>(result);
    return endpoints.token.size() + endpoints.revocation.size() + endpoints.token_mtls.size() +
           endpoints.revocation_mtls.size();
}

std::chrono::steady_clock::duration keep_time(const DiscoveryCache::Result& result) {
    const auto* trouble = std::get_if<Trouble>(&result);
    if (trouble == nullptr) return kKeep;
    if (trouble->remedy == Remedy::None) return kKeepPermanent;
    if (!trouble->retry_after) return kKeepTransient;
    return std::chrono::duration_cast<std::chrono::steady_clock::duration>(
        std::min(*trouble->retry_after, kMaxKeepBackOff));
}

}  // namespace

std::variant<std::string, std::string> discovery_url(const Issuer& issuer) {
    using Result = std::variant<std::string, std::string>;
    auto parsed = split_url(issuer.url);
    if (auto* message = std::get_if<std::string>(&parsed)) {
        return Result(std::in_place_index<1>, "the issuer's url: " + *message);
    }
    Url& url = std::get<Url>(parsed);
    if (!url.query.empty()) return Result(std::in_place_index<1>, "the issuer's url has a query");
    while (!url.path.empty() && url.path.back() == '/')
        url.path.pop_back();
    url.path = issuer.discovery == Discovery::OAuth ? "/.well-known/oauth-authorization-server" + url.path
                                                    : url.path + "/.well-known/openid-configuration";
    return Result(std::in_place_index<0>, url.text());
}

namespace {

// The document, if it is the issuer's own.
std::variant<JsonObject, std::string> own_document(const Issuer& issuer, std::string_view document) {
    const auto parsed = JsonObject::parse(document, {.bytes = kMaxDocumentBytes, .byte_order_mark = true});
    if (const auto* fault = std::get_if<std::string>(&parsed)) return "its discovery document " + *fault;
    const auto& object = std::get<JsonObject>(parsed);
    const auto name = object.string("issuer");
    if (!name) return std::string("its discovery document names no issuer");
    if (*name != issuer.url)
        return "its discovery document is of another issuer, \"" + quote_foreign(*name, {}, 200) + "\"";
    return object;
}

}  // namespace

std::variant<std::string, std::string> read_key_set_url(const Issuer& issuer, std::string_view document) {
    using Result = std::variant<std::string, std::string>;
    const auto checked = own_document(issuer, document);
    if (const auto* fault = std::get_if<std::string>(&checked)) return Result(std::in_place_index<1>, *fault);
    const auto parsed_issuer = split_url(issuer.url);
    const Url* issuer_url = std::get_if<Url>(&parsed_issuer);
    if (issuer_url == nullptr) return Result(std::in_place_index<1>, "the issuer's url is not valid");
    const auto found = std::get<JsonObject>(checked).string("jwks_uri");
    if (!found) return Result(std::in_place_index<1>, "its discovery document names no jwks_uri");
    if (const auto fault = endpoint_fault(*issuer_url, *found))
        return Result(std::in_place_index<1>, "its jwks_uri " + *fault);
    return Result(std::in_place_index<0>, *found);
}

std::variant<Endpoints, std::string> read_discovery(const Issuer& issuer, std::string_view document) {
    const auto checked = own_document(issuer, document);
    if (const auto* fault = std::get_if<std::string>(&checked)) return *fault;
    const auto& object = std::get<JsonObject>(checked);
    const auto parsed_issuer = split_url(issuer.url);
    const Url* issuer_url = std::get_if<Url>(&parsed_issuer);
    if (issuer_url == nullptr) return std::string("the issuer's url is not valid");

    // What is given wins; what the document names in a way that we may not follow is as good as not there.
    const auto found = [&](const JsonObject& names, const char* member, const std::string& given) {
        if (!given.empty()) return given;
        const auto endpoint = names.string(member);
        if (!endpoint || endpoint_fault(*issuer_url, *endpoint)) return std::string();
        return std::string(*endpoint);
    };
    Endpoints endpoints = given_endpoints(issuer);
    if (endpoints.token.empty()) {
        // An issuer that only publishes keys, such as Kubernetes', has none.
        const auto named = object.string("token_endpoint");
        if (!named && !object.string("jwks_uri"))
            return std::string("its discovery document names no token endpoint");
        if (named) {
            if (const auto fault = endpoint_fault(*issuer_url, *named)) return "its token endpoint " + *fault;
            endpoints.token = *named;
        }
    }
    endpoints.revocation = found(object, "revocation_endpoint", issuer.revocation_endpoint);
    if (const auto aliases = object.object("mtls_endpoint_aliases")) {
        endpoints.token_mtls = found(*aliases, "token_endpoint", issuer.token_endpoint);
        endpoints.revocation_mtls = found(*aliases, "revocation_endpoint", issuer.revocation_endpoint);
    }
    return endpoints;
}

DiscoveryCache::~DiscoveryCache() {
    for (const auto& [key, entry] : entries_) {
        if (entry.exchange != 0) dispatcher_.cancel(entry.exchange);
    }
}

void DiscoveryCache::endpoints(const Issuer& issuer, const std::string& egress_role, Need need, Done done) {
    const Endpoints given = given_endpoints(issuer);
    // A revocation is authenticated for the token endpoint.
    const bool all_given = !given.token.empty() && (need == Need::Token || !given.revocation.empty());
    if (issuer.discovery == Discovery::None || all_given) {
        if (const auto missing = missing_endpoint(given, need)) return done(unusable(issuer, *missing));
        return done(given);
    }
    done = [issuer, need, done = std::move(done)](const Result& result) {
        const auto* endpoints = std::get_if<Endpoints>(&result);
        const auto missing = endpoints != nullptr ? missing_endpoint(*endpoints, need) : std::nullopt;
        done(missing ? Result(unusable(issuer, *missing)) : result);
    };

    const std::string key = cache_key(issuer, egress_role);
    const auto found = entries_.find(key);
    if (found != entries_.end()) {
        Entry& entry = found->second;
        if (entry.exchange != 0) return entry.waiting.push_back(std::move(done));
        const auto now = clock_.steady();
        if (now < entry.until) {
            Result result = entry.result;
            if (auto* trouble = std::get_if<Trouble>(&result); trouble && trouble->remedy != Remedy::None) {
                trouble->retry_after = entry.until - now;
            }
            return done(result);
        }
    }
    const auto url = discovery_url(issuer);
    if (url.index() == 1) return done(unusable(issuer, std::get<1>(url)));

    if (found == entries_.end()) make_room();
    Entry& entry = entries_[key];
    entry.issuer = issuer;
    entry.waiting.push_back(std::move(done));
    fetch(key, entry, std::get<0>(url), egress_role);
}

void DiscoveryCache::fetch(const std::string& key, Entry& entry, const std::string& url,
                           const std::string& egress_role) {
    Exchange exchange;
    exchange.id = entry.exchange = dispatcher_.next_id();
    exchange.method = "GET";
    exchange.url = url;
    exchange.headers = {{"Accept", "application/json"}};
    exchange.ca_file = entry.issuer.ca_file;
    exchange.egress_role = egress_role;
    append_part(exchange.partition, "discovery");
    append_part(exchange.partition, key);
    exchange.timeout = entry.issuer.timeout;
    exchange.connect_timeout = entry.issuer.timeout;
    exchange.max_response_bytes = kMaxDocumentBytes;
    dispatcher_.add(std::move(exchange), [this, key](Answer&& answer) { answered(key, std::move(answer)); });
}

void DiscoveryCache::answered(const std::string& key, Answer&& answer) {
    Entry& entry = entries_.at(key);
    entry.exchange = 0;
    entry.result = read_answer(entry.issuer, answer);
    entry.until = clock_.steady() + keep_time(entry.result);
    const std::vector<Done> waiting = std::exchange(entry.waiting, {});
    const Result result = entry.result;  // a waiter may change the map
    for (const Done& done : waiting)
        done(result);
}

// Drops what has ended, and at the limit also the entries that would end first. Fetches under way stay.
void DiscoveryCache::make_room() {
    const auto is_full = [this] {
        std::size_t bytes = 0;
        for (const auto& [key, entry] : entries_)
            bytes += key.size() + bytes_of(entry.result);
        return entries_.size() >= kMaxEntries || bytes > kMaxBytes;
    };
    if (!is_full()) return;
    const auto now = clock_.steady();
    std::erase_if(entries_,
                  [now](const auto& item) { return item.second.exchange == 0 && item.second.until <= now; });
    while (is_full()) {
        auto first = entries_.end();
        for (auto it = entries_.begin(); it != entries_.end(); ++it) {
            if (it->second.exchange == 0 &&
                (first == entries_.end() || it->second.until < first->second.until))
                first = it;
        }
        if (first == entries_.end()) return;
        entries_.erase(first);
    }
}

}  // namespace flowctl::net
