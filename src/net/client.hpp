// Client: HTTP calls with credentials, for one event loop. The face that src/net shows to src/pg.
//
// A call is begun with start() and comes back once through next_completed(); in between the client gets a
// token if the call wants one (oidc, token_cache), sends the request (dispatcher), and on a 401 drops that
// token, mints once and sends once more. Nothing blocks: the owner waits on epoll_fd() and for timeout_ms(),
// then calls run_ready(). Invariants: every address is checked by the egress policy after name resolution, on
// every connection; the headers Authorization and DPoP are set here and nowhere else; a token belongs to one
// run and is forgotten and revoked by end_run(); an answer that contains the token is redacted before it
// leaves. One thread; not for use after fork.
//
// Called by src/pg/engine; tested by test/unit/net without a server.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "net/call/proof.hpp"
#include "net/call/token_input.hpp"
#include "net/crypto/client_certificate.hpp"
#include "net/crypto/secret.hpp"

namespace flowctl::net {

using Seconds = std::chrono::duration<double>;

// How a client authenticates at its issuer's token endpoint (RFC 6749 §2.3, RFC 7523, RFC 8705, OIDC Core
// §9).
enum class AuthMethod {
    ClientSecretBasic,
    ClientSecretPost,
    ClientSecretJwt,
    PrivateKeyJwt,
    TlsClientAuth,            // by the certificate of the connection
    SelfSignedTlsClientAuth,  // the same with one that the issuer was given
    AssertionToken,           // by somebody else's token: a workload token, our own issuer's
    None,                     // not at all: client_id, where there is one, is only named
};
enum class Discovery { Oidc, OAuth, None };  // OIDC Discovery 1.0, RFC 8414, or endpoints given
enum class AssertionAudience { Issuer, TokenEndpoint, Given };

struct Issuer {
    std::string url;   // as configured; a discovered issuer must equal it byte for byte
    std::string name;  // the foreign server's, under which figures are kept
    Discovery discovery = Discovery::Oidc;
    std::string token_endpoint;  // given ones win over discovered ones
    std::string revocation_endpoint;
    std::string jwks_uri;
    AssertionAudience assertion_audience = AssertionAudience::Issuer;
    std::string assertion_audience_uri;                       // for AssertionAudience::Given
    std::string assertion_typ = "client-authentication+jwt";  // of the assertion's header (RFC 10070)
    std::string ca_file;                                      // PEM; empty: the system's store
    Seconds timeout{10};
};

struct ClientRegistration {
    std::string client_id;
    AuthMethod method = AuthMethod::ClientSecretBasic;
    Secret secret;            // client_secret_*
    Secret private_key;       // PEM, private_key_jwt
    std::string signing_alg;  // empty: by the key's type (RSA: RS256, P-256: ES256, Ed25519: EdDSA)
    std::string key_id;       // private_key_jwt's header kid
    std::string key_x5t;      // and x5t#S256, as Entra wants it; empty: without
    TokenInput assertion;     // AssertionToken
    std::shared_ptr<const ClientCertificate> certificate;  // shown on connections to the issuer
};

// How a token is got.
enum class GrantType {
    ClientCredentials,  // RFC 6749 §4.4
    TokenExchange,      // RFC 8693: for the subject token, with an actor token by delegation
    JwtBearer,          // RFC 7523 §2.1: for the subject token as assertion
    OnBehalfOf,         // Entra's: the same with requested_token_use
    RefreshToken,       // RFC 6749 §6: for the token in refresh_file, which is replaced by each answer's
    Direct,             // no request: the subject token itself is sent to the endpoint
};

// A file that holds a secret which we replace ourselves.
struct SecretFile {
    std::string directory;
    std::string name;
};

// A token for one call. The cache key is all of it and the run.
struct Credential {
    Issuer issuer;
    ClientRegistration client;
    GrantType grant = GrantType::ClientCredentials;
    TokenInput subject;              // TokenExchange, JwtBearer, OnBehalfOf, Direct
    std::string subject_token_type;  // a URN; empty: access_token
    TokenInput actor;                // TokenExchange
    std::string actor_token_type;
    std::string requested_token_type;
    SecretFile refresh_file;  // RefreshToken
    std::string scope;
    std::string audience;
    std::string resource;  // RFC 8707: one or more URIs, separated by spaces
    bool dpop = false;     // RFC 9449: bound to a key of the run
    bool certificate_bound =
        false;  // RFC 8705 §3: bound to the client's certificate, which the call shows too
};

// A session that is asked for by handing in a token: one of an issuer (credential), or one that is held, read
// or made (token, for `audience`).
struct SessionRequest {
    std::variant<AwsRole, GcpAccount> what;
    std::shared_ptr<const Credential> credential;  // or null
    TokenInput token;
    std::string audience;
};

using Header = std::pair<std::string, std::string>;

// A header whose value is a secret that belongs to the one who made the request.
struct SecretHeader {
    std::string name;
    std::shared_ptr<const Secret> value;
};

struct Request {
    std::uint64_t id = 0;     // chosen by the caller, unique among calls under way
    std::string run;          // whose tokens: the run's id
    std::string egress_role;  // whose exceptions of the egress policy apply
    std::string method = "POST";
    std::string url;
    std::vector<Header> headers;
    std::vector<SecretHeader> secret_headers;             // taken out of the answer where it echoes them
    std::vector<std::shared_ptr<const Secret>> redacted;  // so are these, which are not sent
    std::string body;
    std::shared_ptr<const Credential> credential;  // or null
    // Without a credential: a session of a role or account, a proof by key, password or signature; both for
    // AWS.
    std::shared_ptr<const SessionRequest> session;
    std::shared_ptr<const CallAuth> auth;                  // or null
    std::string message_id;                                // the same over repetitions; WebhookKeys need it
    std::shared_ptr<const ClientCertificate> certificate;  // shown to the endpoint
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
    // What the answer said of it, or the token of itself where it is a JWT; empty where neither does.
    std::string subject;
    std::string actor;  // of nested ones the latest first, with " < " between them
    std::string audience;
    std::string scope;
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
    bool credential_permanent = false;  // Failure::Credential that a retry cannot mend (invalid_client, ...)
    CredentialFault credential_fault = CredentialFault::Failed;
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

struct IssuerFigures;

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
    std::vector<IssuerFigures> issuers() const;     // what has been asked of each
    std::uint64_t issuer_changes() const noexcept;  // another number whenever issuers() is another

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace flowctl::net
