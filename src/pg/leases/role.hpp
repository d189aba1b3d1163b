// The roles that leases are made of: made, disabled, dropped.
//
// A lease's role has no attribute but LOGIN, and owns nothing: with one leased role its sessions begin as
// that role (ALTER ROLE ... SET role) and have no rights without it (NOINHERIT), so that what they make
// belongs to the leased role; with several it inherits them, and what it made is given to the first when it
// is dropped. The commands are called with parse trees, not texts: no password, nor the verifier that the
// server keeps of it, is part of a statement that a log or pg_stat_activity could show.
//
// Every function runs inside the caller's transaction, as a superuser, and raises PgError. Called by leases.
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
    std::string heir;    // who gets what it may own: the first leased role
};

bool exists(const Role& role);
// From the commit on nobody logs in by it, and nobody is a member of it.
void disable(const Role& role);
// Drops the role. With `reassign` what it owns in this database goes to its heir, if there still is one, and
// what it was granted goes.
void drop(const Role& role, bool reassign);

// Ends the sessions of these roles; returns the roles that have some.
std::vector<Oid> end_sessions(Spi& spi, const std::vector<Oid>& roles);

}  // namespace flowctl::pg::lease_role
