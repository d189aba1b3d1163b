// Database leases: which rights the service behind an endpoint has in this database while it works for a run.
//
// An endpoint with the option `lease` hands its service the means to connect back: either a temporary login
// of its own (lease 'login'), or membership for a login that the service has (lease 'member'). In both cases
// a role is made for the one call, named after the run, that is a member of the leased roles and nothing
// else; with 'member' the service's role is made a member of that one. So leases never meet: a membership
// that somebody has anyway is never touched, and when a lease ends its role is dropped and nothing else. This
// file decides what a lease has; role.hpp makes and drops roles, open_leases.hpp keeps those of a worker.
//
// Who must agree, because the worker is a superuser and everything is checked here by name:
//   - The run's role may grant the leased role: it has ADMIN OPTION on it, or is a superuser. CREATEROLE does
//     not count.
//   - The endpoint's owner has the privileges of the leased role, or may grant it, too. Otherwise whoever
//     owns an endpoint could collect rights that are somebody else's.
//   - The role is no superuser, and is a member, directly or over others, neither of one, nor of a role with
//     an attribute (CREATEROLE, CREATEDB, REPLICATION, BYPASSRLS), nor of a predefined one that leads out of
//     the database.
//
// The roles are those of the option lease_roles, and those that rules give (flowctl.add_lease_rule). The
// conditions of a rule are the same as a policy's: the claims of the run's verified user decide, and what a
// session merely asserted never counts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "net/client.hpp"
#include "pg/endpoints/lease_terms.hpp"
#include "pg/policies/policy.hpp"
#include "pg/server/spi.hpp"

namespace flowctl::pg::lease {

// The ASL error of a lease that could not be made although everybody agreed.
inline constexpr const char* kLeaseFailed = "Flowctl.LeaseFailed";

// Who has to agree.
struct Parties {
    Oid run_role = InvalidOid;
    Oid endpoint_owner = InvalidOid;
    std::string endpoint;
};

// Why a role cannot be leased to anybody: it is not there, or too powerful. As a sentence's end.
std::optional<std::string> objection_to_role(Spi& spi, const std::string& role);
// Why these parties cannot lease a role.
std::optional<std::string> objection(Spi& spi, const std::string& role, const Parties& parties);
// Why this role cannot become a member.
std::optional<std::string> objection_to_member(const std::string& member);

// Whether a role may give another away; a role is not its own administrator.
bool may_grant(Oid giver, Oid role);

// A lease as it is to be made for one call.
struct Plan {
    Kind kind = Kind::Login;
    Uuid run_id{};
    std::int64_t call_id = 0;
    std::int32_t sending = 1;
    Parties parties;
    std::string role_name;           // of the role that will be made
    std::vector<std::string> roles;  // that it will be a member of
    std::vector<std::string> rules;  // that gave some of them
    std::string member;
    bool until_run = false;
    int connections = 10;
    std::int64_t valid_until = 0;

    // What the service is told, but for the password.
    std::vector<net::Header> headers() const;
};
inline constexpr const char* kPasswordHeader = "Flowctl-Database-Password";

// When the call and the run will be over at the latest.
struct Ends {
    std::int64_t now = 0;
    std::int64_t call = 0;
    std::optional<std::int64_t> run;
};

// The lease for a call of a run, or why there is none (States.Permissions). The caller fills in which call it
// is.
std::variant<Plan, std::string> plan(Spi& spi, const Uuid& run, const Terms& terms, const Parties& parties,
                                     const policy::Facts& facts, const Ends& ends);

// Why calls of this endpoint could have no lease, as far as that is known when a flow is defined: neither the
// user nor the time is.
std::optional<std::string> objection_to_definition(Spi& spi, const Terms& terms, const Parties& parties,
                                                   const policy::Facts& facts);

}  // namespace flowctl::pg::lease
