// The ProcessUtility hook and the object access hook.
//
// A worker's connection is in the way of some commands: they wait 5 s for it and fail. Before such a command
// runs, its database is barred and its workers are sent away; the bar ends with the transaction, whether the
// command worked or not (wake). These are:
//   DROP DATABASE, ALTER DATABASE ... RENAME and SET TABLESPACE, and CREATE DATABASE for its template;
//   for this database: DROP EXTENSION, ALTER EXTENSION, DROP OWNED of the extension's owner, because a worker
//   in the middle of a turn could end in a deadlock with them.
// A user who may not run the command cannot use it to send workers away.
//
// DROP OWNED and REASSIGN OWNED take the roles' flows along (role_dependency). REASSIGN OWNED is refused
// where it would turn the flows of ordinary roles into a superuser's.
//
// However the extension is dropped, the object access hook sees it, and at commit its workers are told to
// leave. COMMIT PREPARED may bring runs that nobody announced: workers sweep, and the launcher looks.
//
// LOCK TABLE is refused where it would hold up the engine (table_guard).
//
// The triggers of the engine's tables can only be switched off by their names: pg_dump --disable-triggers
// writes ALTER TABLE ... DISABLE TRIGGER ALL and later ENABLE TRIGGER ALL, which would leave roles without
// their dependencies and the triggers in another state.
//
// A foreign server that is dropped or renamed may be an endpoint that is paused (limits/pauses.hpp).
//
// A publication FOR ALL TABLES has the engine's tables in it, and whoever makes it is told.
//
// At a login, what the server would forget of it is noted (compat.hpp, OauthLogin).
//
// What a command changes may be an event that starts flows (ddl_events/command.hpp).
//
// DISCARD ALL, which poolers send between two users, forgets the session's user (session_user).
//
// The code here is C in style: it calls the server directly, so nothing with a destructor is alive in it.
// What calls our C++ runs in entry().
#include "pg/hooks.hpp"

#include "pg/ddl_events/command.hpp"
#include "pg/flows/role_dependency.hpp"
#include "pg/limits/pauses.hpp"
#include "pg/rights/explain_guard.hpp"
#include "pg/rights/session_user.hpp"
#include "pg/rights/table_guard.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/guc.hpp"
#include "pg/shared/pokes.hpp"
#include "pg/shared/shmem.hpp"
#include "pg/shared/wake.hpp"
#include "pg/triggers/new_trigger.hpp"
#include "pg/starts/pending_runs.hpp"

namespace flowctl::pg::hooks {

namespace {

constexpr const char* kExtension = "pg_flowctl";
constexpr int kPatience = 500;  // ms until a worker's turn is cancelled

ProcessUtility_hook_type next_utility_hook = nullptr;
object_access_hook_type next_access_hook = nullptr;

// Waits until the database's workers have left, at most so long.
void await_departure(Oid database, long milliseconds) {
    const TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), milliseconds);
    const uint32 waiting = wait_event("FlowctlDrain");
    ConditionVariable* const departure = shmem::departure_signal();
    ConditionVariablePrepareToSleep(departure);
    while (shmem::workers_present(database) > 0) {
        const long remaining = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);
        if (remaining <= 0) break;
        ConditionVariableTimedSleep(departure, remaining, waiting);
    }
    ConditionVariableCancelSleep();
}

// Bars the database until the end of the transaction and waits for its workers to leave, up to
// flowctl.drain_timeout. They leave after their turn; a turn that takes longer is cancelled. If one is there
// even then, the command takes its chance: it will say itself what is in its way.
void send_workers_away(Oid database) {
    const long patience = Min(kPatience, guc::drain_timeout);
    wake::bar_until_end(database);
    shmem::ask_to_leave(database, false);
    await_departure(database, patience);
    if (shmem::workers_present(database) == 0) return;
    shmem::ask_to_leave(database, true);
    await_departure(database, guc::drain_timeout - patience);
}

void free_own_database(const char* name) {
    if (name == nullptr) return;
    const Oid database = get_database_oid(name, true);
    if (OidIsValid(database) && owns_database(database, GetUserId())) send_workers_away(database);
}

const char* option_text(List* options, const char* name) {
    ListCell* cell;
    foreach (cell, options) {
        auto* option = static_cast<DefElem*>(lfirst(cell));
        if (strcmp(option->defname, name) == 0 && option->arg != nullptr) return defGetString(option);
    }
    return nullptr;
}

// As createdb() asks: the right to create, and a template that is meant as one or is one's own.
bool may_copy(Oid database) {
    bool may_create = superuser();
    if (!may_create) {
        HeapTuple role = SearchSysCache1(AUTHOID, ObjectIdGetDatum(GetUserId()));
        if (HeapTupleIsValid(role)) {
            may_create = reinterpret_cast<Form_pg_authid>(GETSTRUCT(role))->rolcreatedb;
            ReleaseSysCache(role);
        }
    }
    if (!may_create) return false;
    HeapTuple row = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(database));
    if (!HeapTupleIsValid(row)) return false;
    const bool is_template = reinterpret_cast<Form_pg_database>(GETSTRUCT(row))->datistemplate;
    ReleaseSysCache(row);
    return is_template || owns_database(database, GetUserId());
}

void free_template(CreatedbStmt* statement) {
    const char* const name = option_text(statement->options, "template");
    const Oid database = get_database_oid(name != nullptr ? name : "template1", true);
    if (OidIsValid(database) && may_copy(database)) send_workers_away(database);
    wake::note_new_database();
}

void free_this_database() {
    const Oid extension = get_extension_oid(kExtension, true);
    if (OidIsValid(extension) && owns_extension(extension, GetUserId())) send_workers_away(MyDatabaseId);
}

bool names(List* objects, const char* name) {
    ListCell* cell;
    foreach (cell, objects) {
        Node* object = static_cast<Node*>(lfirst(cell));
        if (IsA(object, String) && strcmp(strVal(object), name) == 0) return true;
    }
    return false;
}

void before_drop_owned(DropOwnedStmt* statement) {
    if (!OidIsValid(extension_oid())) return;
    role_dependency::release(statement->roles);
    const Oid owner = extension_owner();
    if (!has_privs_of_role(GetUserId(), owner)) return;
    ListCell* cell;
    foreach (cell, statement->roles) {
        if (get_rolespec_oid(static_cast<RoleSpec*>(lfirst(cell)), true) != owner) continue;
        send_workers_away(MyDatabaseId);
        return;
    }
}

void before_command(Node* statement) {
    switch (nodeTag(statement)) {
        case T_DropdbStmt:
            free_own_database(reinterpret_cast<DropdbStmt*>(statement)->dbname);
            break;
        case T_CreatedbStmt:
            free_template(reinterpret_cast<CreatedbStmt*>(statement));
            break;
        case T_RenameStmt: {
            auto* rename = reinterpret_cast<RenameStmt*>(statement);
            if (rename->renameType == OBJECT_DATABASE) free_own_database(rename->subname);
            break;
        }
        case T_AlterDatabaseStmt: {
            auto* alter = reinterpret_cast<AlterDatabaseStmt*>(statement);
            if (option_text(alter->options, "tablespace") != nullptr) free_own_database(alter->dbname);
            break;
        }
        case T_DropStmt: {
            auto* drop = reinterpret_cast<DropStmt*>(statement);
            if (drop->removeType == OBJECT_EXTENSION && names(drop->objects, kExtension))
                free_this_database();
            break;
        }
        case T_AlterExtensionStmt:
            if (strcmp(reinterpret_cast<AlterExtensionStmt*>(statement)->extname, kExtension) == 0)
                free_this_database();
            break;
        case T_LockStmt:
            table_guard::check_lock(reinterpret_cast<LockStmt*>(statement));
            break;
        case T_ReassignOwnedStmt:
            if (OidIsValid(extension_oid()))
                role_dependency::check_reassign(reinterpret_cast<ReassignOwnedStmt*>(statement)->roles,
                                                reinterpret_cast<ReassignOwnedStmt*>(statement)->newrole);
            break;
        case T_DropRoleStmt:
            if (OidIsValid(extension_oid()))
                role_dependency::forget_superfluous(reinterpret_cast<DropRoleStmt*>(statement)->roles);
            break;
        case T_DropOwnedStmt:
            before_drop_owned(reinterpret_cast<DropOwnedStmt*>(statement));
            break;
        default:
            break;
    }
}

// The command has worked, and so has checked that the user may.
void after_command(Node* statement) {
    if (!OidIsValid(extension_oid())) return;
    if (IsA(statement, DropOwnedStmt)) {
        role_dependency::drop_owned(reinterpret_cast<DropOwnedStmt*>(statement)->roles);
    } else {
        auto* reassign = reinterpret_cast<ReassignOwnedStmt*>(statement);
        role_dependency::reassign_owned(reassign->roles, reassign->newrole);
    }
}

// Whether the command may drop foreign servers.
bool may_drop_servers(Node* statement) {
    if (IsA(statement, DropOwnedStmt)) return true;
    if (!IsA(statement, DropStmt)) return false;
    const ObjectType type = reinterpret_cast<DropStmt*>(statement)->removeType;
    return type == OBJECT_FOREIGN_SERVER || type == OBJECT_FDW || type == OBJECT_EXTENSION;
}

bool is_rename_of_server(Node* statement) {
    return IsA(statement, RenameStmt) &&
           reinterpret_cast<RenameStmt*>(statement)->renameType == OBJECT_FOREIGN_SERVER;
}

void after_rename_of_server(RenameStmt* rename) {
    pauses::server_renamed(strVal(rename->object), rename->newname);
}

// The publication works, but the engine's tables are of no use in it.
void warn_of_own_tables(const CreatePublicationStmt* statement) {
    if (!statement->for_all_tables || !OidIsValid(extension_oid())) return;
    guarded([] {
        ereport(
            WARNING,
            (errmsg("the publication includes the tables of pg_flowctl, which no subscriber keeps"),
             errhint(
                 "Name the schemas to publish instead: CREATE PUBLICATION ... FOR TABLES IN SCHEMA ...")));
    });
}

void utility(PlannedStmt* planned, const char* text, bool read_only_tree, ProcessUtilityContext context,
             ParamListInfo params, QueryEnvironment* environment, DestReceiver* receiver,
             QueryCompletion* completion) {
    Node* const statement = planned->utilityStmt;
    // These are read now, because some commands leave nothing of their tree.
    const bool commits_prepared =
        IsA(statement, TransactionStmt) &&
        reinterpret_cast<TransactionStmt*>(statement)->kind == TRANS_STMT_COMMIT_PREPARED;
    const bool discards_all =
        IsA(statement, DiscardStmt) && reinterpret_cast<DiscardStmt*>(statement)->target == DISCARD_ALL;
    if (IsA(statement, AlterTableStmt) && IsTransactionState()) {
        bool kept = false;
        entry([&] { kept = table_guard::keeps_triggers(reinterpret_cast<AlterTableStmt*>(statement)); });
        if (kept) return;
    }
    // In an aborted transaction only ROLLBACK and the like come here, and catalogs cannot be read.
    if (shmem::available() && IsTransactionState()) entry([statement] { before_command(statement); });
    ddl_events::Command* watched = nullptr;
    if (shmem::available() && IsTransactionState())
        entry([&] { watched = ddl_events::begin(statement, context); });
    const ProcessUtility_hook_type next =
        next_utility_hook != nullptr ? next_utility_hook : standard_ProcessUtility;
    if (shmem::available() && explain_guard::shows_counts(statement)) {
        const bool before = explain_guard::begin();
        PG_TRY();
        { next(planned, text, read_only_tree, context, params, environment, receiver, completion); }
        PG_CATCH();
        {
            explain_guard::end(before);
            PG_RE_THROW();
        }
        PG_END_TRY();
        explain_guard::end(before);
    } else if (watched != nullptr) {
        PG_TRY();
        { next(planned, text, read_only_tree, context, params, environment, receiver, completion); }
        PG_CATCH();
        {
            ddl_events::abandon(watched);
            PG_RE_THROW();
        }
        PG_END_TRY();
    } else {
        next(planned, text, read_only_tree, context, params, environment, receiver, completion);
    }
    if (IsA(statement, DropOwnedStmt) || IsA(statement, ReassignOwnedStmt))
        entry([statement] { after_command(statement); });
    if (may_drop_servers(statement)) entry([] { pauses::servers_dropped(); });
    if (is_rename_of_server(statement))
        entry([statement] { after_rename_of_server(reinterpret_cast<RenameStmt*>(statement)); });
    if (IsA(statement, CreatePublicationStmt))
        entry([statement] { warn_of_own_tables(reinterpret_cast<CreatePublicationStmt*>(statement)); });
    if (watched != nullptr) entry([watched] { ddl_events::end(watched); });
    if (IsTransactionState()) entry([] { pending_runs::at_end_of_command(); });
    if (discards_all) session_user::forget();
    if (commits_prepared) {
        shmem::announce_unknown_runs(MyDatabaseId);
        shmem::poke_workers(MyDatabaseId);
        pokes::poke_launcher(MyDatabaseId);
    }
}

void object_access(ObjectAccessType access, Oid class_id, Oid object, int sub_id, void* argument) {
    if (next_access_hook != nullptr) next_access_hook(access, class_id, object, sub_id, argument);
    if (ddl_events::is_watching())
        entry([&] { ddl_events::note_object(access, class_id, object, sub_id, argument); });
    if (access == OAT_POST_CREATE && class_id == TriggerRelationId)
        entry([object] { check_trigger_creation(object); });
    if (access == OAT_DROP && class_id == ExtensionRelationId) {
        const char* const name = get_extension_name(object);
        if (name != nullptr && strcmp(name, kExtension) == 0) wake::note_extension_dropped();
    }
}

}  // namespace

void install_at_load() {
    next_utility_hook = ProcessUtility_hook;
    ProcessUtility_hook = utility;
    next_access_hook = object_access_hook;
    object_access_hook = object_access;
    table_guard::install_at_load();
    explain_guard::install_at_load();
    install_login_hook();
}

}  // namespace flowctl::pg::hooks
