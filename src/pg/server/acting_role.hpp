// Acting as another role for the length of a scope: as the extension's owner, or as the role of a run.
#pragma once

#include "pg/server/bridge.hpp"

namespace flowctl::pg {

Oid extension_oid();  // of pg_flowctl in this database, or InvalidOid
Oid extension_owner();

// Gives search_path the value that our own SQL is written for. Returns the level that AtEOXact_GUC() takes
// back, or 0 where nothing had to be changed. Raises.
int pin_search_path();

// Acts as the extension's owner while it lives: for the few statements that touch the engine's tables on
// behalf of a user who has no right to. Nothing that a user made may run inside.
class AsExtensionOwner {
  public:
    // Rows: the scope writes to the heap only (store/append), which pins the path itself where it has to.
    enum class For { Sql, Rows };
    explicit AsExtensionOwner(For what = For::Sql);
    ~AsExtensionOwner();
    AsExtensionOwner(const AsExtensionOwner&) = delete;
    AsExtensionOwner& operator=(const AsExtensionOwner&) = delete;

  private:
    Oid user_ = InvalidOid;
    int context_ = 0;
    int nest_level_ = 0;
};

// Whether an AsExtensionOwner lives: what is written now, the engine writes.
bool is_acting_as_extension_owner() noexcept;

// Acts as the role of a run while it lives, as a session of that role would: session_user, is_superuser and
// whatever looks at them say so, too. The process itself was authenticated as a superuser, so its session could
// be reset to one. Therefore the run's code can do nothing that outlives the scope or that gets it another role
// (SECURITY_RESTRICTED_OPERATION). It needs a transaction, and cannot be made within AsExtensionOwner.
class AsRunRole {
  public:
    AsRunRole(Oid role, bool read_only);
    ~AsRunRole();
    AsRunRole(const AsRunRole&) = delete;
    AsRunRole& operator=(const AsRunRole&) = delete;

  private:
    const Oid session_user_;
    const bool session_is_superuser_;
    Oid user_ = InvalidOid;
    int context_ = 0;
    int nest_level_ = 0;
    bool read_only_ = false;
};

}  // namespace flowctl::pg
