// Who decides: the person behind a session, and whether that person may decide.
//
// A person is the session's verified end user where there is one, and the role of the session otherwise. A role
// that a whole application shares stands for no person in particular. So where one of two has no verified user,
// they count as the same person if their sessions' roles are the same: nobody becomes two people by showing a
// token once and not the other time.
//
// The right to decide is asked for at each decision: by membership in an approver's role, by a group in the claims
// of a verified token for as long as that is valid, or by a delegation. To be a superuser is not enough.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "pg/approvals/approval_rows.hpp"

namespace flowctl::pg::approvals {

struct Person {
    Oid role = InvalidOid;     // the current user
    Oid session = InvalidOid;  // the session's role
    std::optional<std::string> issuer, subject;
};
Person current_person();

bool is_same_person(const Person& person, const store::StoredDecision& decision);
bool is_starter(const Person& person, const store::StoredApproval& approval);
bool is_author(const Person& person, const store::StoredApproval& approval);

// By which right the person may decide in this stage. nullopt: by none.
struct Right {
    std::optional<std::string> on_behalf_of;  // the role that has delegated its decisions
};
std::optional<Right> right_to_decide(Spi& spi, const Person& person, const Uuid& approval, std::int32_t stage,
                                     bool is_escalated);

}  // namespace flowctl::pg::approvals
