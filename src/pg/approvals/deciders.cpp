// See deciders.hpp.
#include "pg/approvals/deciders.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/json.hpp"
#include "pg/approvals/session_groups.hpp"
#include "pg/rights/flow_rights.hpp"
#include "pg/rights/session_user.hpp"
#include "pg/server/bridge.hpp"

namespace flowctl::pg::approvals {

namespace {

// Every superuser has the privileges of every role, so his memberships count instead.
bool decides_as(Oid role, Oid approver) {
    return guarded([&] {
        if (!SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(approver))) return false;
        return superuser_arg(role) ? is_member_of_role_nosuper(role, approver) : has_privs_of_role(role, approver);
    });
}

}  // namespace

Person current_person() {
    Person person{GetUserId(), GetSessionUserId(), {}, {}};
    if (const auto user = session_user::current(); user && user->expires_at > unix_micros_now()) {
        person.issuer = user->issuer;
        person.subject = user->name;
    }
    return person;
}

bool is_same_person(const Person& person, const store::StoredDecision& decision) {
    if (person.subject && decision.subject)
        return person.subject == decision.subject && person.issuer == decision.issuer;
    return person.session == decision.session_role;
}

bool is_starter(const Person& person, const store::StoredApproval& approval) {
    if (person.subject && approval.starter_subject)
        return person.subject == approval.starter_subject && person.issuer == approval.starter_issuer;
    return person.session == approval.starter || role_name(person.session) == approval.starter_session;
}

bool is_author(const Person& person, const store::StoredApproval& approval) {
    return role_name(person.session) == approval.author || role_name(person.role) == approval.author;
}

std::optional<Right> right_to_decide(Spi& spi, const Person& person, const Uuid& approval, std::int32_t stage,
                                     bool is_escalated) {
    std::vector<Oid> roles;
    const std::vector<std::string> groups = session_groups();
    for (const store::ApproverRow& one : store::find_approvers(spi, approval, stage)) {
        if (one.after_escalation && !is_escalated) continue;
        if (OidIsValid(one.role)) {
            if (decides_as(person.role, one.role)) return Right{};
            roles.push_back(one.role);
        } else if (std::find(groups.begin(), groups.end(), one.name) != groups.end()) {
            return Right{};
        }
    }
    if (roles.empty()) return std::nullopt;
    for (const auto& [from, to] : store::find_delegations(spi))
        if (decides_as(person.role, to) &&
            std::any_of(roles.begin(), roles.end(), [&](Oid role) { return decides_as(from, role); }))
            return Right{role_name(from)};
    return std::nullopt;
}

}  // namespace flowctl::pg::approvals
