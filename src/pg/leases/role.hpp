// The roles that leases are made of: made, disabled, dropped.
//
// A lease's role has no attribute but LOGIN, and ends up owning nothing. With one leased role its sessions
// begin as that role (ALTER ROLE ... SET role) and have no rights without it (NOINHERIT), so that objects
// that they make belong to the leased role. With several leased roles it inherits from them, and objects that
// it made are given to the first one when it is dropped. The commands are called with parse trees, not texts,
// so that neither a password, nor the verifier that the server keeps of it, is part of a statement that a log
// or pg_stat_activity could show.
//
// Every function runs inside the caller's transaction, as a superuser, and raises PgError.
#pragma once

#include <string>
#include <vector>

#include "net/crypto/secret.hpp"
#include "pg/leases/plan.hpp"

namespace flowctl::pg::lease_role {

// 256 random bits as base64url.
net::Secret new_password();

// Makes the role of a plan, with its memberships; returns its oid. The password counts for a login only.
Oid create(const lease::Plan& plan, const net::Secret& password);

struct Role {
    std::string name;
    Oid oid = InvalidOid;
    lease::Kind kind = lease::Kind::Login;
    std::string member;  // lease::Kind::Member
    std::string heir;    // gets the objects that it owns: the first leased role
};

bool exists(const Role& role);
// From the commit on nobody logs in by it, and nobody is a member of it.
void disable(const Role& role);
// Drops the role. With `reassign` the objects that it owns in this database are given to its heir, if there
// still is one, and its privileges are revoked.
void drop(const Role& role, bool reassign);

// Ends the sessions of these roles; returns the roles that have some.
std::vector<Oid> end_sessions(Spi& spi, const std::vector<Oid>& roles);

}  // namespace flowctl::pg::lease_role
