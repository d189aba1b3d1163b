// Who may do what with flows.
//
// A role acts for another when it has that role's privileges, as PostgreSQL asks for ownership everywhere
// (has_privs_of_role): the role itself, a superuser, a member who inherits. A member that does not inherit
// says SET ROLE first.
//
//   define_flow, validate     superusers, and who acts for a role in the table author (flowctl.grant_author)
//   a new version, drop,
//   grants, new owner         superusers, and who acts for the flow's owner
//   start                     these, and who acts for a role that has been granted it (flow_grants.hpp)
//   runs                      run_rights.hpp
//
// The table flowctl_catalog.author is the one place that says who is an author: EXECUTE on these functions is
// PUBLIC's and the check is inside, so that the right is dumped as data and survives an upgrade that replaces
// a function.
#pragma once

#include <optional>
#include <string>

#include "pg/server/spi.hpp"

namespace flowctl::pg {

// True when `role` has the privileges of `other`. False for roles that no longer exist.
bool acts_for(Oid role, Oid other);

bool may_author(Oid role);
// Raises 42501 when the current user may not; `what` ends the message "permission denied to ...".
void require_author(const char* what);

bool may_start(const Uuid& flow_id, Oid owner, Oid role);

struct FlowIdentity {
    Uuid flow_id{};
    std::string name;
    Oid owner = InvalidOid;
    std::string type;
    std::int32_t latest_version = 0;
    std::optional<std::string> comment;
};

// How a flow's row is locked until the end of the transaction.
//   KeyShare   nobody can drop the flow
//   Change     nobody else can change or drop it; a KeyShare by others stays possible
//   Update     others can take no lock of it at all
enum class FlowLock { None, KeyShare, Change, Update };
// Finds a flow by its bare name. The caller is AsExtensionOwner, or a superuser.
std::optional<FlowIdentity> find_flow_by_name(Spi& spi, const std::string& name, FlowLock lock);

// Finds a flow that `role` may `what` ("drop"), as a role that acts for its owner. Raises 42501 where there is no
// such flow and where it is another's, with the same words: whoever may not see a flow does not learn whether it
// exists. Members of pg_read_all_data see all, and are told which it is (42704). Nothing is locked before the right
// is known.
FlowIdentity get_own_flow(Spi& spi, const std::string& name, FlowLock lock, Oid role, const char* what);

// The same for a flow that `role` may `what` ("pause") as its owner, or because it has been granted to operate it. The
// denial is recorded as one of the function <what>_flow().
FlowIdentity get_operated_flow(Spi& spi, const std::string& name, FlowLock lock, Oid role, const char* what);

// Raises 42501 when `role` does not act for the flow's owner.
void require_owner(const FlowIdentity& flow, Oid role, const char* what);

// Whether the role sees all flows and runs.
bool sees_all(Oid role);
// The role must not start a flow of this name: because there is none (`found` is false), or because it has no right.
// Raises as get_own_flow() does. `holder`: whose right it would be, as in: owner of table "t", "alice".
[[noreturn]] void refuse_start(const std::string& name, bool found, Oid starter, Oid right_of,
                               const std::string& holder);
// Superusers and whoever has the privileges of the extension's owner say who may define flows.
bool is_administrator();
void require_administrator(const char* what);
// SQL that a run executes never has a superuser's rights, unless the flow's option run_as_superuser is set, which
// only a superuser can do. So a role that is made a superuser does not make its flows superuser code, and a
// superuser who defines a flow has to say that he means it. Calls of endpoints are not concerned: they have the
// rights that foreign servers give. What is in the way of SQL as `role`; nullopt: nothing.
std::optional<std::string> objection_to_sql(Oid role, bool run_as_superuser);
// Raises an error where the owner does not exist (role_ref.hpp): nobody can start or redefine the flow then.
void require_owned(std::string_view name, Oid owner);

}  // namespace flowctl::pg
