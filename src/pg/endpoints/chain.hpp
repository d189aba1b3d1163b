// An endpoint with everything that it leans on in the catalog, and the rights to use it: endpoint.hpp says which
// rights these are and why they are enough. Opens no file.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "pg/endpoints/endpoint.hpp"
#include "pg/endpoints/known_servers.hpp"
#include "pg/server/prelude.hpp"

namespace flowctl::pg {

struct EndpointChain {
    std::shared_ptr<const HttpServer> endpoint;
    std::shared_ptr<const OidcServer> issuer;    // or null
    std::shared_ptr<const UserMapping> mapping;  // or null
    std::string mapping_of;                      // who the mapping is for, as messages name it
};

// Where the options of an issuer's server name a file, its owner must be one who may.
std::optional<EndpointFailure> check_file_right(const OidcServer& server);

// For a run of this role; without one the mapping is left open.
Result<EndpointChain, EndpointFailure> look_up_chain(std::string_view name, std::optional<Oid> role);

}  // namespace flowctl::pg
