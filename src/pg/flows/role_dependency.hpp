// The roles that rights on flows stand for: owners of flows, who may start them, authors, leased roles.
//
// Their oids stand in rows of ours, which the server knows nothing of: a dropped role would leave a number
// behind, and pg_dump would write it down for the role that has that number where the dump is restored. So
// triggers on the tables of role_columns.hpp keep a shared dependency on each role, as GRANT does for access
// lists. DROP ROLE is then refused and says what is in the way, from other databases too; DROP OWNED drops the
// role's flows and takes back its rights; REASSIGN OWNED gives its flows to the new owner. Runs keep the oids of
// roles that are gone: they are a record, never dumped, and a step of a role that is gone fails.
#pragma once

#include "pg/server/bridge.hpp"

namespace flowctl::pg::role_dependency {

// Before DROP OWNED: the server must find nothing of ours to revoke. Only for roles that the current user
// acts for.
void release(List* roles);
// After DROP OWNED, which has checked the rights. Raises an error when a flow is in use.
void drop_owned(List* roles);
// Before REASSIGN OWNED. Raises an error when flows of ordinary roles would become a superuser's.
void check_reassign(List* roles, RoleSpec* new_owner);
// After REASSIGN OWNED, which has checked the rights.
void reassign_owned(List* roles, RoleSpec* new_owner);

// Records the dependencies of rows that came in without triggers (pg_upgrade, pg_restore --disable-triggers).
void record_missing();
// Removes dependencies that have no rows any more: those that a revoke left because a grant was under way. Of
// roles that are about to be dropped, and of all.
void forget_superfluous(List* roles);
void forget_superfluous();

}  // namespace flowctl::pg::role_dependency
