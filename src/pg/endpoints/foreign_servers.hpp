// Every foreign server of one of our wrappers, as the catalog has it now.
//
// A scan of the catalog, for what asks by an option's value and not by name. Called by endpoint_arn and
// subject_verify, within a transaction.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pg/endpoints/options.hpp"

namespace flowctl::pg {

struct ListedServer {
    Oid oid = InvalidOid;
    std::string name;
    Options options;
};
std::vector<ListedServer> list_servers(std::string_view wrapper);

}  // namespace flowctl::pg
