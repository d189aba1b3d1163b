// Activities: which there are, and who may do what with them.
//
//   create                        authors (flowctl.grant_author)
//   drop, grant, revoke           who acts for the owner, and superusers
//   poll for tasks; a run's       these, and who acts for a role that the activity is granted to
//   role, to have tasks of it
#pragma once

#include <optional>
#include <string>

#include "pg/server/spi.hpp"

namespace flowctl::pg::activities {

struct Activity {
    std::string name;
    Oid owner = InvalidOid;
};
// The caller is AsExtensionOwner, or a superuser. Locked: nobody can drop it until the end of the transaction.
enum class Lock { None, KeyShare, Update };
std::optional<Activity> find(Spi& spi, const std::string& name, Lock lock = Lock::None);
bool may_use(Spi& spi, const Activity& activity, Oid role);
bool owns(const Activity& activity, Oid role);

// Why runs of the role can have no task of the activity, as the error of a Task; nullopt: they can.
struct Objection {
    bool exists = true;
    std::string error, cause;
};
std::optional<Objection> objection_to(Spi& spi, const std::string& name, std::optional<Oid> role);

}  // namespace flowctl::pg::activities
