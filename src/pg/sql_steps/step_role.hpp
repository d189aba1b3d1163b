// The role that an executor serves: the process becomes it once, and each step runs within AsStepRole.
//
// The process was authenticated as a superuser, since a background process cannot log in as any role. For SQL its
// session is one of the role: session_user, current_user and is_superuser say so. The way back, which the server
// would allow to a session that began as a superuser's, is closed while a step runs: SET ROLE, SET SESSION
// AUTHORIZATION and their RESET are refused within SECURITY_LOCAL_USERID_CHANGE, and a step's statements run
// within it to the end of the commit, deferred triggers included. Unlike SECURITY_RESTRICTED_OPERATION it leaves
// temporary tables and deferred triggers to the step.
//
// What a step leaves in the session is taken away before the next one, which may belong to another end user:
// settings, temporary tables, held cursors, prepared statements, advisory locks, values of sequences, and an end
// user's token that it has handed over. What a
// procedural language keeps for a session (as plperl's %_SHARED) stays as long as the process.
#pragma once

#include <string>

#include "pg/server/bridge.hpp"

namespace flowctl::pg::step_role {

// In no transaction. False: there is no such role.
bool become(Oid role);
// In a transaction, which no step has used: the role may have been renamed.
void follow_name(Oid role);
// After a step, in no transaction. An error means that the process must end.
void clean_up();

}  // namespace flowctl::pg::step_role

namespace flowctl::pg {

// From the beginning of a step to the end of its transaction.
class AsStepRole {
  public:
    // The settings that hold for the step.
    struct Settings {
        std::string search_path;
        std::string claims;             // request.jwt.claims
        std::int64_t timeout_ms = 0;    // shown as statement_timeout; 0: none
    };
    AsStepRole(Oid role, const Settings& settings);
    // The step's statements are over, and deferred triggers have fired: its settings are put back. What the
    // commit executes is still executed as the role.
    void end_settings();
    // After the end of the transaction, whichever way it has ended.
    ~AsStepRole();
    AsStepRole(const AsStepRole&) = delete;
    AsStepRole& operator=(const AsStepRole&) = delete;

  private:
    const Oid role_;
    int nest_level_ = 0;
};

}  // namespace flowctl::pg
