// flowctl_catalog.role_ref: the type of columns that hold a role and that dumps take.
//
// A column of type regrole cannot be restored where one of its roles is missing: its input fails, and with it
// the whole table. A role_ref is a role's oid or, where the server has no such role, the name. Its text is the
// role's present name, so a dump has names. A name stays without a right when a role of that name is created
// later, because whoever creates it need not be meant: flowctl.resolve_roles() decides.
#pragma once

#include "pg/server/bridge.hpp"

namespace flowctl::pg {

// As it is stored.
struct RoleRef {
    Oid role;       // or InvalidOid
    NameData name;  // of a role that is missing; else empty
};
static_assert(sizeof(RoleRef) == sizeof(Oid) + NAMEDATALEN, "CREATE TYPE flowctl_catalog.role_ref says so");

}  // namespace flowctl::pg
