// An endpoint with all that it leans on in the catalog, and the rights to use it: see endpoint.hpp for which
// they are and why they are enough. Opens no file.
//
// Called by endpoint and endpoint_credential, within a transaction.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "pg/endpoints/endpoint.hpp"
#include "pg/endpoints/options.hpp"
#include "pg/server/prelude.hpp"

namespace flowctl::pg {

// A foreign server as the catalog has it now.
struct NamedServer {
    Oid oid = InvalidOid;
    Oid owner = InvalidOid;
    std::string name;
    Options options;
};

struct EndpointChain {
    NamedServer endpoint;
    std::optional<NamedServer> issuer;
    std::optional<Options> mapping;
    std::string mapping_of;  // who the mapping is for, as messages name it
};

// nullopt: there is no such server, or it belongs to another wrapper.
std::optional<NamedServer> find_server(std::string_view name, std::string_view wrapper);

// Where `options` name a file, the owner of `server` must be one who may.
std::optional<EndpointFailure> check_file_right(const NamedServer& server, const Options& options,
                                                const std::string& of);

// For a run of this role; without one the mapping is left open.
Result<EndpointChain, EndpointFailure> look_up_chain(std::string_view name, std::optional<Oid> role);

}  // namespace flowctl::pg
