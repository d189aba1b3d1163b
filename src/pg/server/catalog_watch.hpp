// Whether what this session has read of flows, rights and roles still holds.
//
// PostgreSQL's catalog caches are kept right by invalidation messages: a process takes its own at the end of
// each command, and others' once their transaction has committed. What we keep of our tables rides on the
// same messages: a write to them sends one for flowctl_catalog.flow (their triggers call changed()), and the
// messages about roles, memberships and schemas come from the server. Invariant: something that is kept
// together with the generation() from before it was read, and is used only while generation() is still the
// same, is never behind a transaction that had committed and told so. A transaction that sees an older state
// (REPEATABLE READ) keeps what it finds for itself alone.
#pragma once

#include <cstdint>

namespace flowctl::pg::catalog_watch {

void install_at_load();

// Goes up whenever a flow, its versions and grants, a policy, a role, a membership or a schema may have
// changed. Takes the messages that have come in. Raises.
std::uint64_t generation();

// This command writes to the tables of flows. Raises.
void changed();

}  // namespace flowctl::pg::catalog_watch
