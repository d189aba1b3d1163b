// Foreign servers and user mappings of our wrappers, as this process has read them.
//
// A worker needs the same few servers for thousands of calls in a row. So the options of each are read once
// and kept, until a message of the server's own catalog caches says that a foreign server, a wrapper or a
// user mapping has changed. Invariants: what is returned is never older than the messages that had come in
// when it was asked for; what was read while such a message came in is not kept; what is kept is bounded in
// bytes. No right is kept: who may use what is asked of the server each time (chain.hpp).
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pg/endpoints/http_options.hpp"
#include "pg/endpoints/issuer_options.hpp"
#include "pg/endpoints/options.hpp"
#include "pg/server/prelude.hpp"

namespace flowctl::pg {

// Everything as the catalog has it.
template <class Typed>
struct Known {
    Oid oid = InvalidOid;
    Oid owner = InvalidOid;
    std::string name;
    Options written;
    Typed options;
};
using HttpServer = Known<HttpOptions>;
using OidcServer = Known<IssuerOptions>;
struct UserMapping {
    Options written;
    RegistrationOptions options;
};

// Null: there is no such server, or it belongs to another wrapper.
std::shared_ptr<const HttpServer> find_http_server(std::string_view name);
std::shared_ptr<const OidcServer> find_oidc_server(std::string_view name);
std::shared_ptr<const OidcServer> find_oidc_server(Oid oid);

// The mapping of exactly this role (InvalidOid: PUBLIC), or null.
std::shared_ptr<const UserMapping> find_mapping(Oid role, Oid server);

// The option `arn` of each flowctl_http server that has one.
struct CoveredArn {
    std::string pattern;
    std::string server;
};
std::shared_ptr<const std::vector<CoveredArn>> covered_arns();

// SHA-256, in hex, over all options of an endpoint, its issuer and the mapping in use; the latter two may be
// null. `mapping_of` is the mapping's role.
std::string options_hash(const std::shared_ptr<const HttpServer>& endpoint,
                         const std::shared_ptr<const OidcServer>& issuer,
                         const std::shared_ptr<const UserMapping>& mapping, const std::string& mapping_of);

}  // namespace flowctl::pg
