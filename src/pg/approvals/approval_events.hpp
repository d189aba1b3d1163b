// What happens to approvals, as events.
#pragma once

#include <string>

#include "pg/server/uuid.hpp"
#include "pg/server/prelude.hpp"

namespace flowctl::pg::approvals {

// `type`: approval.requested, approval.waiting or approval.decided. The caller has asked events::is_wanted() for it.
// `data`: store::describe_approval(). Roles that act for the owner of the run's flow get the event.
void record_event(const char* type, const Uuid& approval, std::string data, const Uuid& run, Oid flow_owner);

}  // namespace flowctl::pg::approvals
