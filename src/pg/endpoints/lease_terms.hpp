// What the options of an endpoint say of its database lease, before anybody decides about one.
//
// A lease gives the service behind the endpoint rights in this database while it works for a run. Which roles
// it may have, and who has to agree, is decided in pg/leases.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pg/endpoints/options.hpp"

namespace flowctl::pg::lease {

enum class Kind {
    Login,   // the service gets a temporary login of its own
    Member,  // a login that the service has becomes a member of the leased roles
};

struct Terms {
    Kind kind = Kind::Login;
    std::vector<std::string> roles;
    std::string member;      // the login that becomes a member
    bool until_run = false;  // the lease lasts beyond the answer, until the run ends
    int connections = 10;
};

// nullopt: the endpoint leases nothing.
std::optional<Terms> terms_of(const Options& options);

// Names as SQL writes them, separated by commas; nullopt: malformed.
std::optional<std::vector<std::string>> read_names(std::string_view list);

}  // namespace flowctl::pg::lease
