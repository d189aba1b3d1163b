// Where PostgreSQL 15 to 18 differ. The rest of src/pg is written against the newest form and never looks at
// PG_VERSION_NUM.
#pragma once

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 190000
#error "pg_flowctl supports PostgreSQL 15 to 18"
#endif

#if PG_VERSION_NUM >= 180000
extern "C" {
#include "libpq/hba.h"
#include "libpq/libpq-be.h"
}
#endif

namespace flowctl::pg {

// 16 replaced the pg_*_aclcheck family by object_aclcheck.
inline AclResult server_aclcheck(Oid server, Oid role, AclMode mode) {
#if PG_VERSION_NUM >= 160000
    return object_aclcheck(ForeignServerRelationId, server, role, mode);
#else
    return pg_foreign_server_aclcheck(server, role, mode);
#endif
}

inline bool owns_database(Oid database, Oid role) {
#if PG_VERSION_NUM >= 160000
    return object_ownercheck(DatabaseRelationId, database, role);
#else
    return pg_database_ownercheck(database, role);
#endif
}

inline bool owns_extension(Oid extension, Oid role) {
#if PG_VERSION_NUM >= 160000
    return object_ownercheck(ExtensionRelationId, extension, role);
#else
    return pg_extension_ownercheck(extension, role);
#endif
}

// The index of this process in the array of PGPROCs; 17 moved it out of PGPROC.
inline int my_process_number() {
#if PG_VERSION_NUM >= 170000
    return MyProcNumber;
#else
    return MyProc->pgprocno;
#endif
}

// Whether `member` may become `role`: 16 tells membership with SET from other membership.
inline bool can_set_role(Oid member, Oid role) {
#if PG_VERSION_NUM >= 160000
    return member_can_set_role(member, role);
#else
    return is_member_of_role(member, role);
#endif
}

// 17 lets extensions name their wait events.
inline uint32 wait_event(const char* name) {
#if PG_VERSION_NUM >= 170000
    return WaitEventExtensionNew(name);
#else
    (void)name;
    return PG_WAIT_EXTENSION;
#endif
}

// 17 made wait event sets belong to a resource owner.
inline WaitEventSet* create_wait_event_set(int events) {
#if PG_VERSION_NUM >= 170000
    return CreateWaitEventSet(nullptr, events);
#else
    return CreateWaitEventSet(TopMemoryContext, events);
#endif
}

// 16 added a parameter: whether only summarizing indexes (BRIN) are meant.
inline List* insert_index_entries(ResultRelInfo* relation, TupleTableSlot* slot, EState* state) {
#if PG_VERSION_NUM >= 160000
    return ExecInsertIndexTuples(relation, slot, state, false, false, nullptr, NIL, false);
#else
    return ExecInsertIndexTuples(relation, slot, state, false, false, nullptr, NIL);
#endif
}

// SYSTEM_USER came with 16. Null where the session has none.
inline const char* system_user() {
#if PG_VERSION_NUM >= 160000
    return GetSystemUser();
#else
    return nullptr;
#endif
}

// Whom the server itself authenticated by an OAuth token (18): the identity that the token's validator found,
// and the issuer that pg_hba.conf names. The token itself the server does not keep.
struct OauthLogin {
    const char* identity;
    const char* issuer;
};
inline std::optional<OauthLogin> oauth_login() {
#if PG_VERSION_NUM >= 180000
    if (MyClientConnectionInfo.auth_method != uaOAuth || MyClientConnectionInfo.authn_id == nullptr ||
        MyProcPort == nullptr)
        return std::nullopt;
    return OauthLogin{MyClientConnectionInfo.authn_id, MyProcPort->hba->oauth_issuer};
#else
    return std::nullopt;
#endif
}

}  // namespace flowctl::pg
