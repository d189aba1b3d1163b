// From the name of an endpoint and the role of a run to everything that a call needs: address, credential,
// limits.
//
// The worker is a superuser, so every right is checked here by name, and at every call, so that REVOKE acts on
// the next one. ALTER SERVER and a rotated key act on the next call, too: options are those that the catalog
// has now (known_servers.hpp), and secret files are read again. The rules:
//
//   - the run's role has USAGE on the endpoint;
//   - the endpoint's owner has USAGE on its issuer, or its url could collect tokens that are meant for others;
//   - the client registration is the user mapping of the run's role at the issuer, else that of PUBLIC;
//   - a server that names a file in an option, and an issuer whose mapping in use does, belongs to a superuser
//     or a member of pg_read_server_files.
//
// Why the last rule is enough. Only holders of that right can set a file option on a mapping (validator), so
// nobody can point his own mapping at somebody else's key. A mapping records no setter: one that was set by a
// role which lost the right stays in use, by the mapped role alone, until it is dropped. With grants it is the
// same: taking away the right to give does not take back what was given. The issuer decides where a secret can
// be sent (token_endpoint), hence its owner is asked at each use: a server that came into other hands (ALTER
// SERVER OWNER) serves no secret any more.
//
// Failures are values: an ASL error name and a cause that names the objects and the command that mends it.
// Error names:
//   States.Permissions             a right or a user mapping is missing
//   Flowctl.EndpointNotFound       there is no such endpoint or issuer
//   Flowctl.EndpointConfiguration  its options, flowctl.secrets_dir or a secret file are unusable
//   Flowctl.SubjectTokenLost       the run has no token of its user
//
// All functions run within a transaction.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "calls/error_names.hpp"
#include "net/client.hpp"
#include "pg/endpoints/known_servers.hpp"
#include "pg/endpoints/options.hpp"
#include "pg/endpoints/run_tokens.hpp"
#include "pg/server/prelude.hpp"

namespace flowctl::pg {

inline constexpr const char* kEndpointNotFound = "Flowctl.EndpointNotFound";
using calls::kEndpointConfiguration;
using calls::kSubjectTokenLost;

struct EndpointFailure {
    std::string error;  // ASL error name
    std::string cause;
};

struct Endpoint {
    std::shared_ptr<const HttpServer> server;
    std::string ca_file;                                // path, or empty
    std::shared_ptr<const net::Credential> credential;  // of its issuer; or null
    std::string auth;                                   // its option auth, or "bearer"
    std::shared_ptr<const net::CallAuth> proof;         // what its calls show without a token; or null
    std::shared_ptr<net::SessionRequest> session;
    std::shared_ptr<const net::ClientCertificate> certificate;
    std::string egress_role;   // name of the run's role
    std::string options_hash;  // SHA-256, hex, over the options of server, issuer and mapping

    // For the calls row; nullopt where there is no credential or no such option.
    std::optional<std::string> issuer;  // its URL
    std::optional<std::string> client_id;
    std::optional<std::string> audience;  // option audience, else resource
    std::optional<std::string> scope;
    std::optional<std::string> actor;  // who acts for the subject, where a token says so
    bool for_user = false;             // the credential stands for the run's user

    const std::string& name() const { return server->name; }
    const HttpOptions& options() const { return server->options; }
};

// An issuer without any endpoint: its public keys are asked for.
struct IssuerServer {
    net::Issuer issuer;
    Options options;
    std::string owner;  // name of the role: whose exceptions of the egress policy apply
};
Result<IssuerServer, EndpointFailure> issuer_by_oid(Oid server);

// Why an endpoint with a database lease serves no documents of distributed Maps.
std::string lease_is_for_tasks(std::string_view name);

// The owner of an endpoint; nullopt where there is none of that name.
std::optional<Oid> endpoint_owner(std::string_view name);

Result<Endpoint, EndpointFailure> resolve_endpoint(std::string_view server, Oid run_role,
                                                   const RunTokens& tokens = {});

// The same checks without opening a file. Without a role (run_as INVOKER) only those that do not depend on it.
std::optional<EndpointFailure> check_endpoint(std::string_view server, std::optional<Oid> run_role);

// The flowctl_http server whose option `arn` covers the ARN, with * for any characters but ':'. Of two the one
// with the narrower pattern is meant; where neither is narrower, it is a failure.
Result<std::string, EndpointFailure> endpoint_for_arn(std::string_view arn);
// The server for the first of these ARNs that is covered; where none is, the failure of the first.
Result<std::string, EndpointFailure> endpoint_for_arns(const std::vector<std::string>& arns);

// True when the pattern (an option `arn`) covers the ARN.
bool arn_covers(std::string_view pattern, std::string_view arn) noexcept;

// Whether any endpoint's option `arn` may cover an ARN of this service ("lambda").
bool may_cover_service(std::string_view service);

}  // namespace flowctl::pg
