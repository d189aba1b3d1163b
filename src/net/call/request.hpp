// One HTTP call as values: the request as its owner wants it, and the response as the owner gets it back.
//
// Request, Response and Revocation are what Client takes and gives; Header, Failure and Settings are the words
// that every part of src/net shares with it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "net/call/credential.hpp"
#include "net/call/proof.hpp"
#include "net/crypto/client_certificate.hpp"
#include "net/crypto/secret.hpp"

namespace flowctl::net {

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
    std::string endpoint;     // which one it calls: its connections serve no other endpoint and no other role
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

}  // namespace flowctl::net
