// Access control lists: who has got which privileges from whom.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "core/json.hpp"
#include "pg/server/bridge.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace flowctl::pg::ddl_events {

struct Granted {
    AclMode privileges = 0;
    AclMode grantable = 0;  // of these, with GRANT OPTION
    bool operator==(const Granted&) const = default;
};
using Grant = std::pair<Oid, Oid>;  // grantor, grantee (0: PUBLIC)
using AclEntries = std::map<Grant, Granted>;

// `acl`: null means what the server then takes for it.
AclEntries entries_of(const Acl* acl, ObjectType type, Oid owner);

// The names of privileges, as GRANT has them: "SELECT", and "SELECT WITH GRANT OPTION" for grantable ones.
json::Value names_of(const Granted& granted);
json::Value names_of(AclMode privileges);

}  // namespace flowctl::pg::ddl_events
