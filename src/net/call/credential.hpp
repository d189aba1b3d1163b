// What a call's token or session is asked for with: the issuer, the client's registration there, the grant, and
// what is handed in.
//
// These are values. The options of an endpoint and its user mapping make them; nothing in them is looked up or
// checked here. Secrets among them are wiped when they go.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <variant>

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

}  // namespace flowctl::net
