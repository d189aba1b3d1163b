// Every foreign server of one of our wrappers, as the catalog has it now.
//
// It scans the catalog, for those who look for a server by the value of an option and not by its name. Within a
// transaction.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pg/endpoints/options.hpp"

namespace flowctl::pg {

struct ListedServer {
    Oid oid = InvalidOid;
    Oid owner = InvalidOid;
    std::string name;
    Options options;
};
std::vector<ListedServer> list_servers(std::string_view wrapper);

}  // namespace flowctl::pg
