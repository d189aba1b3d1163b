// Becoming the role of steps. See step_role.hpp.
#include "pg/sql_steps/step_role.hpp"

#include <algorithm>
#include <climits>
#include <cstring>

#include "pg/rights/session_user.hpp"
#include "pg/server/process.hpp"
#include "pg/server/transaction.hpp"

extern "C" {
#include "commands/prepare.h"
#include "commands/sequence.h"
#include "storage/lock.h"
#include "utils/portal.h"
}

namespace flowctl::pg {

namespace {

void set(const char* name, const char* value, GucContext context) {
    (void)set_config_option(name, value, context, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

// The setting takes session_user, the current user and is_superuser along, and parallel workers get it, too.
void set_session_authorization(const char* name) {
    (void)set_config_option("session_authorization", name, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SET, true, 0, false);
}

}  // namespace

namespace step_role {

bool become(Oid role) {
    Transaction transaction("pg_flowctl: becoming the role of SQL steps");
    const bool is_there = guarded([&] {
        const char* const name = GetUserNameFromId(role, true);
        if (name == nullptr) return false;
        set_session_authorization(name);
        return true;
    });
    transaction.commit();
    if (is_there) belong_to(role);
    return is_there;
}

void follow_name(Oid role) {
    guarded([&] {
        const char* const name = GetUserNameFromId(role, false);
        const char* const known = GetConfigOption("session_authorization", true, false);
        if (known == nullptr || strcmp(known, name) != 0 || superuser_arg(role) != GetSessionUserIsSuperuser())
            set_session_authorization(name);
    });
}

void clean_up() {
    guarded([] {
        StartTransactionCommand();
        // Nothing of a user is expected to run here. If something did, it would still be kept from another role.
        const Oid role = GetUserId();
        SetUserIdAndSecContext(role, SECURITY_LOCAL_USERID_CHANGE);
        PortalHashTableDeleteAll();
        DropAllPreparedStatements();
        LockReleaseAll(USER_LOCKMETHOD, true);
        ResetSequenceCaches();
        Oid temporary = InvalidOid, toast = InvalidOid;
        GetTempNamespaceState(&temporary, &toast);
        if (OidIsValid(temporary)) {
            PushActiveSnapshot(GetTransactionSnapshot());
            ResetTempTableNamespace();
            PopActiveSnapshot();
        }
        CommitTransactionCommand();
        SetUserIdAndSecContext(role, 0);
    });
    session_user::forget();
}

}  // namespace step_role

AsStepRole::AsStepRole(Oid role, const Settings& settings) : role_(role) {
    const char* const path = settings.search_path.c_str();
    const char* const claims = settings.claims.c_str();
    const std::string milliseconds = std::to_string(std::min<std::int64_t>(settings.timeout_ms, INT_MAX));
    const char* const timeout = settings.timeout_ms > 0 ? milliseconds.c_str() : nullptr;
    SetUserIdAndSecContext(role, SECURITY_LOCAL_USERID_CHANGE);
    nest_level_ = guarded([&] {
        const int level = NewGUCNestLevel();
        set("search_path", path, PGC_USERSET);
        set("request.jwt.claims", claims, PGC_USERSET);
        if (timeout != nullptr) set("statement_timeout", timeout, PGC_USERSET);
        return level;
    });
}

void AsStepRole::end_settings() {
    const int level = nest_level_;
    guarded([level] { AtEOXact_GUC(false, level); });
}

AsStepRole::~AsStepRole() {
    SetUserIdAndSecContext(role_, 0);
}

}  // namespace flowctl::pg
