// Rights on activities. See activity_rights.hpp.
#include "pg/activities/activity_rights.hpp"

#include "pg/rights/flow_rights.hpp"
#include "pg/server/quoting.hpp"

namespace flowctl::pg::activities {

namespace {

#define ACTIVITY "SELECT name, coalesce(owner::oid, 0) FROM flowctl_catalog.activity WHERE name = $1"
Statement find_unlocked(ACTIVITY, {TEXTOID});
Statement find_key_share(ACTIVITY " FOR KEY SHARE", {TEXTOID});
Statement find_for_update(ACTIVITY " FOR UPDATE", {TEXTOID});
#undef ACTIVITY
Statement granted_to(
    "SELECT role::oid FROM flowctl_catalog.activity_grant WHERE activity = $1 AND role::oid IS NOT NULL", {TEXTOID});

}  // namespace

std::optional<Activity> find(Spi& spi, const std::string& name, Lock lock) {
    Statement& statement = lock == Lock::None       ? find_unlocked
                           : lock == Lock::KeyShare ? find_key_share
                                                    : find_for_update;
    const Rows rows = spi.run(statement, std::move(Params().text(name)));
    if (rows.size() == 0) return std::nullopt;
    return Activity{rows.text(0, 0), rows.oid(0, 1)};
}

bool owns(const Activity& activity, Oid role) {
    return acts_for(role, activity.owner) || guarded([&] { return superuser_arg(role); });
}

bool may_use(Spi& spi, const Activity& activity, Oid role) {
    if (owns(activity, role)) return true;
    const Rows rows = spi.run(granted_to, std::move(Params().text(activity.name)));
    for (std::size_t i = 0; i < rows.size(); i++)
        if (acts_for(role, rows.oid(i, 0))) return true;
    return false;
}

std::optional<Objection> objection_to(Spi& spi, const std::string& name, std::optional<Oid> role) {
    const auto activity = find(spi, name);
    if (!activity)
        return Objection{false, "ActivityDoesNotExist",
                         "activity " + in_quotes(name) + " does not exist"};
    if (!role || may_use(spi, *activity, *role)) return std::nullopt;
    return Objection{true, "States.Permissions",
                     "role " + in_quotes(role_name(*role)) + " may have no task of activity " + in_quotes(name) +
                         ": its owner can grant it with flowctl.grant_activity()"};
}

}  // namespace flowctl::pg::activities
