// Where PostgreSQL 15 to 18 differ. The rest of src/pg is written against the newest form and never looks at
// PG_VERSION_NUM.
#pragma once

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 190000
#error "pg_flowctl supports PostgreSQL 15 to 18"
#endif

#if PG_VERSION_NUM >= 180000
extern "C" {
#include "libpq/auth.h"
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

inline AclResult wrapper_aclcheck(Oid wrapper, Oid role, AclMode mode) {
#if PG_VERSION_NUM >= 160000
    return object_aclcheck(ForeignDataWrapperRelationId, wrapper, role, mode);
#else
    return pg_foreign_data_wrapper_aclcheck(wrapper, role, mode);
#endif
}

inline AclResult function_aclcheck(Oid function, Oid role) {
#if PG_VERSION_NUM >= 160000
    return object_aclcheck(ProcedureRelationId, function, role, ACL_EXECUTE);
#else
    return pg_proc_aclcheck(function, role, ACL_EXECUTE);
#endif
}

inline AclResult schema_aclcheck(Oid schema, Oid role) {
#if PG_VERSION_NUM >= 160000
    return object_aclcheck(NamespaceRelationId, schema, role, ACL_USAGE);
#else
    return pg_namespace_aclcheck(schema, role, ACL_USAGE);
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

// The number of this process's transaction; 17 moved it.
inline LocalTransactionId local_transaction() {
#if PG_VERSION_NUM >= 170000
    return MyProc->vxid.lxid;
#else
    return MyProc->lxid;
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

// The same for a row that was updated in place of another. Which indexes need an entry, update_tuple() has
// said.
inline void update_index_entries(ResultRelInfo* relation, TupleTableSlot* slot, EState* state,
                                 bool summarizing) {
#if PG_VERSION_NUM >= 160000
    list_free(ExecInsertIndexTuples(relation, slot, state, true, false, nullptr, NIL, summarizing));
#else
    (void)summarizing;
    list_free(ExecInsertIndexTuples(relation, slot, state, true, false, nullptr, NIL));
#endif
}

// Which indexes need an entry for a row's new version; 16 tells summarizing ones (BRIN) from others.
enum class IndexesToUpdate { None, Summarizing, All };

// Replaces the row at `place` by what the slot holds; false where somebody else has changed it.
inline bool update_tuple(Relation table, ItemPointer place, TupleTableSlot* slot, Snapshot snapshot,
                         IndexesToUpdate& indexes) {
    TM_FailureData failure;
    LockTupleMode lock;
#if PG_VERSION_NUM >= 160000
    TU_UpdateIndexes wanted = TU_None;
    const bool done = table_tuple_update(table, place, slot, GetCurrentCommandId(true), snapshot,
                                         InvalidSnapshot, true, &failure, &lock, &wanted) == TM_Ok;
    indexes = wanted == TU_All           ? IndexesToUpdate::All
              : wanted == TU_Summarizing ? IndexesToUpdate::Summarizing
                                         : IndexesToUpdate::None;
#else
    bool wanted = false;
    const bool done = table_tuple_update(table, place, slot, GetCurrentCommandId(true), snapshot,
                                         InvalidSnapshot, true, &failure, &lock, &wanted) == TM_Ok;
    indexes = wanted ? IndexesToUpdate::All : IndexesToUpdate::None;
#endif
    return done;
}

// 18 added a parameter for deferrable keys, and one for figures that EXPLAIN shows.
inline Oid primary_key_index(Relation table) {
#if PG_VERSION_NUM >= 180000
    return RelationGetPrimaryKeyIndex(table, false);
#else
    return RelationGetPrimaryKeyIndex(table);
#endif
}
inline IndexScanDesc begin_index_scan(Relation table, Relation index, Snapshot snapshot, int keys) {
#if PG_VERSION_NUM >= 180000
    return index_beginscan(table, index, snapshot, nullptr, keys, 0);
#else
    return index_beginscan(table, index, snapshot, keys, 0);
#endif
}

// What a statement wants to do with each relation, and a hook that may refuse it. 16 took this out of the range
// table.
#if PG_VERSION_NUM >= 160000
using WantedPermission = RTEPermissionInfo;
#else
using WantedPermission = RangeTblEntry;
#endif
using PermissionCheck = bool (*)(List* wanted, bool may_raise);
inline PermissionCheck permission_check = nullptr;
inline ExecutorCheckPerms_hook_type next_permission_hook = nullptr;
#if PG_VERSION_NUM >= 160000
inline bool permission_hook(List* range_table, List* wanted, bool may_raise) {
    if (next_permission_hook != nullptr && !next_permission_hook(range_table, wanted, may_raise)) return false;
    return permission_check(wanted, may_raise);
}
#else
inline bool permission_hook(List* wanted, bool may_raise) {
    if (next_permission_hook != nullptr && !next_permission_hook(wanted, may_raise)) return false;
    return permission_check(wanted, may_raise);
}
#endif
inline void install_permission_check(PermissionCheck check) {
    permission_check = check;
    next_permission_hook = ExecutorCheckPerms_hook;
    ExecutorCheckPerms_hook = permission_hook;
}

// Empties tables that are open and locked, as TRUNCATE does, but writes no record of it for logical decoding: a
// subscriber's tables stay as they are. 16 added a parameter: whose rights count at a subscriber.
inline void truncate_unlogged(List* tables, List* oids) {
#if PG_VERSION_NUM >= 160000
    ExecuteTruncateGuts(tables, oids, NIL, DROP_RESTRICT, false, false);
#else
    ExecuteTruncateGuts(tables, oids, NIL, DROP_RESTRICT, false);
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
// and the issuer that pg_hba.conf names. The token itself the server does not keep, nor, once the session has
// begun, the line of pg_hba.conf: the issuer is noted at the login.
struct OauthLogin {
    const char* identity;
    const char* issuer;  // or null
};
#if PG_VERSION_NUM >= 180000
inline ClientAuthentication_hook_type next_login_hook = nullptr;
inline char* oauth_issuer = nullptr;
inline void note_login(Port* port, int status) {
    if (next_login_hook != nullptr) next_login_hook(port, status);
    if (status == STATUS_OK && port->hba->auth_method == uaOAuth && port->hba->oauth_issuer != nullptr)
        oauth_issuer = MemoryContextStrdup(TopMemoryContext, port->hba->oauth_issuer);
}
inline void install_login_hook() {
    next_login_hook = ClientAuthentication_hook;
    ClientAuthentication_hook = note_login;
}
#else
inline void install_login_hook() {}
#endif
inline std::optional<OauthLogin> oauth_login() {
#if PG_VERSION_NUM >= 180000
    if (MyClientConnectionInfo.auth_method != uaOAuth || MyClientConnectionInfo.authn_id == nullptr)
        return std::nullopt;
    return OauthLogin{MyClientConnectionInfo.authn_id, oauth_issuer};
#else
    return std::nullopt;
#endif
}

}  // namespace flowctl::pg
