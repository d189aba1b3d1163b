// Discovery: an issuer's endpoints, from its metadata document (OIDC Discovery 1.0, RFC 8414) or as given.
//
// These rules protect against a document that leads us astray. It must call itself exactly what was configured.
// An endpoint must be https, or of the very origin of an issuer that is configured as plain http. If it is on
// another host than the issuer, it must be a DNS name with a dot, on the default port: Google's token endpoint is
// on another host than its issuer, but nobody's is 10.0.0.5:8443. After that, the egress policy checks the address
// of every connection.
//
// A document is fetched once, however many ask for it, and kept for ten minutes; a failure is kept for some
// seconds. Documents are kept apart by egress role and CA file, since the server that one role reaches must not
// answer for another role; and by timeout, so that nobody waits for a fetch that was begun with more patience.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "net/call/credential.hpp"
#include "net/tokens/issuer_trouble.hpp"

namespace flowctl::net {

class Dispatcher;
struct TokenClock;

// Empty where the issuer has none.
struct Endpoints {
    std::string token;
    std::string revocation;
    std::string token_mtls;  // mtls_endpoint_aliases (RFC 8705 §5): for connections that show a certificate
    std::string revocation_mtls;

    const std::string& token_by_certificate() const { return token_mtls.empty() ? token : token_mtls; }
    const std::string& revocation_by_certificate() const {
        return revocation_mtls.empty() ? revocation : revocation_mtls;
    }
};

// Where the document is, or what is wrong with the issuer's url.
std::variant<std::string, std::string> discovery_url(const Issuer& issuer);  // index 0: the url, 1: a message

// The endpoints that the document names, those given put over them; or a message.
std::variant<Endpoints, std::string> read_discovery(const Issuer& issuer, std::string_view document);

// Where the document says that the issuer's public keys are, or what is wrong with that.
std::variant<std::string, std::string> read_key_set_url(const Issuer& issuer,
                                                        std::string_view document);  // index 0: the url

class DiscoveryCache {
  public:
    using Result = std::variant<Endpoints, Trouble>;
    using Done = std::function<void(const Result&)>;
    enum class Need { Token, Revocation };

    DiscoveryCache(Dispatcher& dispatcher, const TokenClock& clock)
        : dispatcher_(dispatcher), clock_(clock) {}
    ~DiscoveryCache();
    DiscoveryCache(const DiscoveryCache&) = delete;
    DiscoveryCache& operator=(const DiscoveryCache&) = delete;

    // Calls done at once where no document is needed or it is cached, else from Dispatcher::run_ready().
    void endpoints(const Issuer& issuer, const std::string& egress_role, Need need, Done done);

  private:
    struct Entry {
        Issuer issuer;
        std::uint64_t exchange = 0;  // under way when not 0
        std::vector<Done> waiting;
        Result result = Endpoints{};
        std::chrono::steady_clock::time_point until;
    };

    void fetch(const std::string& key, Entry& entry, const std::string& url, const std::string& egress_role);
    void answered(const std::string& key, Answer&& answer);
    void make_room();

    Dispatcher& dispatcher_;
    const TokenClock& clock_;
    std::map<std::string, Entry> entries_;
};

}  // namespace flowctl::net
