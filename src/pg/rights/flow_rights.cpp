// Implementation of the rights on flows. See flow_rights.hpp.
#include <vector>

#include "pg/rights/denials.hpp"
#include "pg/rights/flow_grants.hpp"
#include "pg/rights/flow_rights.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/quoting.hpp"

namespace flowctl::pg {

namespace {

Statement authors("SELECT role::oid FROM flowctl_catalog.author WHERE role::oid IS NOT NULL", {});

#define FLOW_COLUMNS                                                                     \
    "SELECT flow_id, name, coalesce(owner::oid, 0), type, latest_version, comment FROM " \
    "flowctl_catalog.flow "                                                              \
    "WHERE name = $1"
Statement find_unlocked(FLOW_COLUMNS, {TEXTOID});
Statement find_key_share(FLOW_COLUMNS " FOR KEY SHARE", {TEXTOID});
Statement find_for_change(FLOW_COLUMNS " FOR NO KEY UPDATE", {TEXTOID});
Statement find_for_update(FLOW_COLUMNS " FOR UPDATE", {TEXTOID});
#undef FLOW_COLUMNS

}  // namespace

bool acts_for(Oid role, Oid other) {
    return guarded([&] {
        return OidIsValid(role) && OidIsValid(other) &&
               SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(other)) && has_privs_of_role(role, other);
    });
}

bool may_author(Oid role) {
    if (guarded([&] { return superuser_arg(role); })) return true;
    const AsExtensionOwner owner;
    Spi spi;
    Rows rows = spi.run(authors);
    for (std::size_t i = 0; i < rows.size(); i++)
        if (acts_for(role, rows.oid(i, 0))) return true;
    return false;
}

void require_author(const char* what) {
    const Oid user = GetUserId();
    if (may_author(user)) return;
    throw UserError(ERRCODE_INSUFFICIENT_PRIVILEGE, std::string("permission denied to ") + what,
                    "A superuser can allow it: SELECT flowctl.grant_author(" + role_literal(user) + ").");
}

bool may_start(const Uuid& flow_id, Oid owner, Oid role) {
    if (acts_for(role, owner)) return true;
    if (guarded([&] { return superuser_arg(role); })) return true;  // the owner may be gone
    return is_granted(flow_id, kMayStart, role);
}

std::optional<FlowIdentity> find_flow_by_name(Spi& spi, const std::string& name, FlowLock lock) {
    Statement& statement = lock == FlowLock::None       ? find_unlocked
                           : lock == FlowLock::KeyShare ? find_key_share
                           : lock == FlowLock::Change   ? find_for_change
                                                        : find_for_update;
    Rows rows = spi.run(statement, std::move(Params().text(name)));
    if (rows.size() == 0) return std::nullopt;
    return FlowIdentity{rows.uuid(0, 0), rows.text(0, 1), rows.oid(0, 2),
                        rows.text(0, 3), rows.int4(0, 4), rows.optional_text(0, 5)};
}

bool sees_all(Oid role) {
    return acts_for(role, ROLE_PG_READ_ALL_DATA);
}

namespace {

constexpr const char* kFlowsHint = "The view flowctl.flows lists the flows that you may see.";

[[noreturn]] void no_such_flow(const std::string& name) {
    throw UserError(ERRCODE_UNDEFINED_OBJECT, "flow " + in_quotes(shortened_name(name)) + " does not exist",
                    "Define it with flowctl.define_flow(); the view flowctl.flows lists what there is.");
}

bool owns_flow(const FlowIdentity& flow, Oid role) {
    return acts_for(role, flow.owner) || guarded([&] { return superuser_arg(role); });
}

[[noreturn]] void refuse(const std::string& name, const char* what, const char* who = "is not a member of its owner") {
    throw UserError(ERRCODE_INSUFFICIENT_PRIVILEGE,
                    std::string("permission denied to ") + what + " flow " + in_quotes(shortened_name(name)),
                    kFlowsHint,
                    "Either flow " + in_quotes(shortened_name(name)) +
                        " does not exist, or the current role " + who + ".");
}

// `check` raises an error if the role may not.
template <typename Check, typename Refuse>
FlowIdentity get_flow(Spi& spi, const std::string& name, FlowLock lock, Oid role, const Check& check,
                      const Refuse& refuse_unknown) {
    for (const FlowLock next : {FlowLock::None, lock}) {
        const auto flow = find_flow_by_name(spi, name, next);
        if (!flow && sees_all(role)) no_such_flow(name);
        if (!flow) refuse_unknown();
        check(*flow);
        if (next == lock) return *flow;
    }
    pg_unreachable();
}

}  // namespace

FlowIdentity get_own_flow(Spi& spi, const std::string& name, FlowLock lock, Oid role, const char* what) {
    return get_flow(
        spi, name, lock, role, [&](const FlowIdentity& flow) { require_owner(flow, role, what); },
        [&] { refuse(name, what); });
}

FlowIdentity get_operated_flow(Spi& spi, const std::string& name, FlowLock lock, Oid role, const char* what) {
    const auto refuse_to_operate = [&] {
        denials::report(role, (std::string(what) + "_flow").c_str(), shortened_name(name),
                        "the role may operate no flow of this name");
        refuse(name, what, "is neither a member of its owner nor granted to operate it");
    };
    return get_flow(
        spi, name, lock, role,
        [&](const FlowIdentity& flow) {
            if (!owns_flow(flow, role) && !is_granted(flow.flow_id, kMayOperate, role)) refuse_to_operate();
        },
        refuse_to_operate);
}

void require_owner(const FlowIdentity& flow, Oid role, const char* what) {
    if (!owns_flow(flow, role)) refuse(flow.name, what);
}

void refuse_start(const std::string& name, bool found, Oid starter, Oid right_of, const std::string& holder) {
    if (!found && sees_all(starter)) no_such_flow(name);
    throw UserError(ERRCODE_INSUFFICIENT_PRIVILEGE, "permission denied to start flow " + in_quotes(name),
                    "Its owner can grant it: SELECT flowctl.grant_start('" + name + "', " +
                        role_literal(right_of) + "). " + kFlowsHint,
                    "Either flow " + in_quotes(name) + " does not exist, or the " + holder +
                        " is neither a member of its owner nor granted to start it.");
}

bool is_administrator() {
    const Oid user = GetUserId();
    return guarded([&] { return superuser_arg(user); }) || acts_for(user, extension_owner());
}

void require_administrator(const char* what) {
    if (is_administrator()) return;
    throw UserError(ERRCODE_INSUFFICIENT_PRIVILEGE, std::string("permission denied to ") + what,
                    "Only superusers and the owner of extension pg_flowctl may.");
}

std::optional<std::string> objection_to_sql(Oid role, bool run_as_superuser) {
    if (run_as_superuser || !guarded([&] { return superuser_arg(role); })) return std::nullopt;
    return "role " + in_quotes(role_name(role)) +
           " is a superuser, and runs execute no SQL as one: give the flow to an ordinary role by "
           "flowctl.alter_flow_owner(), or define it as a superuser with the option {\"run_as_superuser\": "
           "true}";
}

void require_owned(std::string_view name, Oid owner) {
    if (OidIsValid(owner)) return;
    throw UserError(ERRCODE_UNDEFINED_OBJECT,
                    "the owner of flow " + in_quotes(std::string(name)) + " does not exist",
                    "The view flowctl.unresolved names the role. A superuser gives the flow to a role by "
                    "flowctl.resolve_roles() or flowctl.alter_flow_owner().");
}

}  // namespace flowctl::pg
