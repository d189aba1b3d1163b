// Client: HTTP calls with credentials, for one event loop. The face that src/net shows to src/pg.
//
// A call is begun with start() and comes back once through next_completed(); in between the client gets a
// token if the call wants one (oidc, token_cache), sends the request (dispatcher), and on a 401 drops that
// token, mints once and sends once more. Nothing blocks: the owner waits on epoll_fd() and for timeout_ms(),
// then calls run_ready(). Invariants: every address is checked by the egress policy after name resolution, on
// every connection; the header Authorization is set here and nowhere else; a token belongs to one run and is
// forgotten and revoked by end_run(); an answer that contains the token is redacted before it leaves. One
// thread; not for use after fork.
//
// Called by src/pg/engine; tested by test/unit/net without a server.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "net/secret.hpp"

namespace flowctl::net {

using Seconds = std::chrono::duration<double>;

// How a client authenticates at its issuer's token endpoint (RFC 6749 §2.3, RFC 7523, OIDC Core §9).
enum class AuthMethod { ClientSecretBasic, ClientSecretPost, PrivateKeyJwt };
enum class Discovery { Oidc, OAuth, None };  // OIDC Discovery 1.0, RFC 8414, or endpoints given
enum class AssertionAudience { Issuer, TokenEndpoint, Given };

struct Issuer {
    std::string url;  // as configured; a discovered issuer must equal it byte for byte
    Discovery discovery = Discovery::Oidc;
    std::string token_endpoint;  // given ones win over discovered ones
    std::string revocation_endpoint;
    AssertionAudience assertion_audience = AssertionAudience::Issuer;
    std::string assertion_audience_uri;  // for AssertionAudience::Given
    std::string ca_file;                 // PEM; empty: the system's store
    Seconds timeout{10};
};

struct ClientRegistration {
    std::string client_id;
    AuthMethod method = AuthMethod::ClientSecretBasic;
    Secret secret;            // client_secret_*
    Secret private_key;       // PEM, private_key_jwt
    std::string signing_alg;  // empty: by the key's type (RSA: RS256, P-256: ES256, Ed25519: EdDSA)
    std::string key_id;
};

// A token by client_credentials for one call. The cache key is all of it and the run.
struct Credential {
    Issuer issuer;
    ClientRegistration client;
    std::string scope;
    std::string audience;
    std::string resource;  // RFC 8707
};

using Header = std::pair<std::string, std::string>;

struct Request {
    std::uint64_t id = 0;     // chosen by the caller, unique among calls under way
    std::string run;          // whose tokens: the run's id
    std::string egress_role;  // whose exceptions of the egress policy apply
    std::string method = "POST";
    std::string url;
    std::vector<Header> headers;
    std::string body;
    std::optional<Credential> credential;
    std::string ca_file;
    Seconds connect_timeout{10};
    Seconds timeout{60};  // of the whole call, token included
    std::size_t max_response_bytes = 1 << 20;
    bool follow_redirects = false;  // within scheme, host and port only
};

// What went wrong below HTTP. An HTTP status of whatever kind is not a failure here.
enum class Failure {
    None,
    Refused,  // egress policy, forbidden scheme: nothing was sent
    Resolve,
    Connect,
    Tls,
    Timeout,     // connect or total time
    TooLarge,    // the answer is over max_response_bytes
    Protocol,    // broken HTTP, connection lost, redirect to somewhere else
    Credential,  // no token: the issuer refused, is down or answered nonsense
};

struct TokenInfo {
    std::string
        fingerprint;  // first 16 hex digits of SHA-256, or jti of a JWT: to find it in the issuer's log
    std::chrono::system_clock::time_point expires_at;
};

struct Response {
    std::uint64_t id = 0;
    Failure failure = Failure::None;
    std::string message;  // of a failure; never contains a secret or token
    int status = 0;
    std::string status_text;
    std::vector<Header> headers;  // names in lower case
    std::string body;
    std::string address;             // the peer's, as text
    Seconds duration{0};             // since start()
    std::size_t request_bytes = 0;   // of the body
    std::optional<TokenInfo> token;  // the one that was sent last
    int sends = 0;  // how often the request left (2 after a 401 with a fresh token, or a redirect)
    bool credential_permanent = false;   // Failure::Credential that a retry cannot mend (invalid_client, ...)
    std::optional<Seconds> retry_after;  // from the endpoint or the issuer
};

// A token has been revoked (RFC 7009) or could not be.
struct Revocation {
    std::string run;
    std::string fingerprint;
    bool revoked = false;
    std::string message;
    std::chrono::system_clock::time_point at;
};

struct Settings {
    std::string egress_allow;  // CIDRs, each optionally =role, comma separated; parse errors: see egress.hpp
    std::string proxy;         // empty: none. The environment's is ignored.
    std::size_t max_connections = 1000;
    std::size_t max_connections_per_host = 100;
};

class Client {
  public:
    explicit Client(const Settings& settings);  // throws std::invalid_argument if egress_allow does not parse
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    void configure(
        const Settings& settings);  // at SIGHUP; for what is sent from now on; throws as the constructor

    void start(Request request);    // std::logic_error if a call with this id is under way
    void cancel(std::uint64_t id);  // no response comes any more
    // Drops the run's tokens and revokes them where the issuer can. Its calls still under way end with
    // Failure::Protocol, "the run has ended".
    void end_run(const std::string& run);

    int epoll_fd() const noexcept;    // readable: call run_ready()
    int timeout_ms() const noexcept;  // at most this long without run_ready(); -1: no limit
    void run_ready();
    std::optional<Response> next_completed();
    std::optional<Revocation> next_revocation();
    std::size_t calls_under_way() const noexcept;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace flowctl::net
