// Implementation of command.hpp.
#include "pg/ddl_events/command.hpp"

#include <memory>

#include "pg/ddl_events/policies.hpp"
#include "pg/ddl_events/privileges.hpp"
#include "pg/ddl_events/roles.hpp"
#include "pg/ddl_events/touched_objects.hpp"
#include "pg/events/record.hpp"
#include "pg/server/acting_role.hpp"

extern "C" {
#include "access/relation.h"
#include "catalog/pg_class.h"
#include "tcop/cmdtag.h"
}

namespace flowctl::pg::ddl_events {

namespace {

// What a command may change that events are about, by its kind alone.
struct Interests {
    std::vector<Oid> privileges;  // catalogs that have owners or lists of privileges
    bool new_objects = false;     // they get what ALTER DEFAULT PRIVILEGES says
    bool default_privileges = false;
    bool roles = false;
    bool memberships = false;
    bool settings = false;
    bool system_settings = false;
    bool policies = false;
    bool labels = false;
    bool objects = false;

    bool any() const {
        return !privileges.empty() || default_privileges || roles || memberships || settings || system_settings ||
               policies || labels || objects;
    }
};

bool changes_owner(const AlterTableStmt* statement) {
    ListCell* cell;
    foreach (cell, statement->cmds)
        if (static_cast<AlterTableCmd*>(lfirst(cell))->subtype == AT_ChangeOwner) return true;
    return false;
}

Interests interests_of(Node* statement) {
    Interests interests;
    switch (nodeTag(statement)) {
        case T_GrantStmt:
            interests.privileges =
                catalogs_with_acl(AclScope::OfGrant, reinterpret_cast<GrantStmt*>(statement)->objtype);
            return interests;
        case T_AlterDefaultPrivilegesStmt:
            interests.default_privileges = true;
            return interests;
        case T_GrantRoleStmt:
            interests.memberships = true;
            return interests;
        case T_CreateRoleStmt:
        case T_AlterRoleStmt:
        case T_DropRoleStmt:
            interests.roles = interests.memberships = true;
            return interests;
        case T_AlterRoleSetStmt:
        case T_AlterDatabaseSetStmt:
            interests.settings = true;
            return interests;
        case T_AlterSystemStmt:
            interests.system_settings = true;
            return interests;
        case T_DropOwnedStmt:
        case T_ReassignOwnedStmt:
            interests.privileges = catalogs_with_acl(AclScope::All);
            interests.default_privileges = interests.memberships = interests.policies = interests.objects = true;
            return interests;
        case T_RenameStmt:
            if (reinterpret_cast<RenameStmt*>(statement)->renameType == OBJECT_ROLE) {
                interests.roles = true;
                return interests;
            }
            interests.policies = reinterpret_cast<RenameStmt*>(statement)->renameType == OBJECT_POLICY;
            break;
        case T_AlterOwnerStmt:
            interests.privileges = catalogs_with_acl(AclScope::Others);
            break;
        case T_AlterTableStmt:
            if (changes_owner(reinterpret_cast<AlterTableStmt*>(statement)))
                interests.privileges = catalogs_with_acl(AclScope::Relations);
            break;
        case T_CreateStmt:
        case T_CreateForeignTableStmt:
        case T_CreateTableAsStmt:
        case T_ViewStmt:
        case T_CreateSeqStmt:
            interests.privileges = {RelationRelationId};
            interests.new_objects = true;
            break;
        case T_CreateFunctionStmt:
            interests.privileges = catalogs_with_acl(AclScope::Functions);
            interests.new_objects = true;
            break;
        case T_CreateSchemaStmt:
            interests.privileges = catalogs_with_acl(AclScope::Schemas);
            interests.new_objects = true;
            break;
        case T_CompositeTypeStmt:
        case T_CreateEnumStmt:
        case T_CreateRangeStmt:
        case T_CreateDomainStmt:
        case T_DefineStmt:
            interests.privileges = catalogs_with_acl(AclScope::Types);
            interests.new_objects = true;
            break;
        case T_CreatePolicyStmt:
        case T_AlterPolicyStmt:
        case T_DropStmt:
            interests.policies = true;
            break;
        case T_SecLabelStmt:
            interests.labels = true;
            break;
        default:
            break;
    }
    interests.objects = GetCommandLogLevel(statement) == LOGSTMT_DDL;
    return interests;
}

bool is_any_wanted(std::initializer_list<const char*> types) {
    for (const char* const type : types)
        if (events::is_wanted(type)) return true;
    return false;
}

std::string type_of_objects(const char* tag) {
    std::string type = "schema.";
    for (; *tag != '\0'; tag++)
        type += *tag == ' ' ? '_' : static_cast<char>(pg_tolower(static_cast<unsigned char>(*tag)));
    return type;
}

// Without what nobody asks for.
void keep_wanted(Interests& interests, const char* tag) {
    if (!interests.privileges.empty()) {
        const bool privileges = is_any_wanted({"permission.granted", "permission.revoked"});
        const bool owners = !interests.new_objects && events::is_wanted("owner.changed");
        if (!privileges && !owners) interests.privileges.clear();
        if (interests.new_objects && privileges && !has_default_privileges()) interests.privileges.clear();
    }
    interests.default_privileges = interests.default_privileges && events::is_wanted("default_privileges.changed");
    interests.roles = interests.roles && is_any_wanted({"role.created", "role.altered", "role.dropped", "role.revoked"});
    interests.memberships = interests.memberships && is_any_wanted({"role.granted", "role.revoked"});
    interests.settings = interests.settings && events::is_wanted("setting.changed");
    interests.system_settings = interests.system_settings && events::is_wanted("setting.changed");
    interests.policies = interests.policies && is_any_wanted({"policy.created", "policy.altered", "policy.dropped"});
    interests.labels = interests.labels && events::is_wanted("label.changed");
    interests.objects = interests.objects && events::is_wanted(type_of_objects(tag));
}

bool is_extension_command(Node* statement) {
    if (IsA(statement, DropStmt)) return reinterpret_cast<DropStmt*>(statement)->removeType == OBJECT_EXTENSION;
    return IsA(statement, CreateExtensionStmt) || IsA(statement, AlterExtensionStmt);
}

}  // namespace

namespace {

// Long values of catalogs can only be read with a snapshot, which some commands leave none of.
class SomeSnapshot {
  public:
    SomeSnapshot() : is_own_(!ActiveSnapshotSet()) {
        if (is_own_) guarded([] { PushActiveSnapshot(GetTransactionSnapshot()); });
    }
    ~SomeSnapshot() {
        if (is_own_ && ActiveSnapshotSet()) PopActiveSnapshot();
    }
    SomeSnapshot(const SomeSnapshot&) = delete;
    SomeSnapshot& operator=(const SomeSnapshot&) = delete;

  private:
    const bool is_own_;
};

}  // namespace

class Command {
  public:
    Command(Node* statement, const char* tag, Interests interests, Command* outer)
        : outer_(outer),
          statement_(guarded([&] { return static_cast<Node*>(copyObjectImpl(statement)); })),
          tag_(tag),
          interests_(std::move(interests)),
          objects_(is_extension_command(statement)) {}

    Command* outer() const { return outer_; }
    bool wants_objects() const { return interests_.objects; }
    TouchedObjects& objects() { return objects_; }

    void report() {
        ids_.end();
        if (!OidIsValid(extension_oid())) return;  // the command has dropped it
        const SomeSnapshot snapshot;
        Observed command{ids_, tag_};
        if (interests_.roles) report_roles(command);
        if (interests_.memberships) report_memberships(command);
        if (!interests_.privileges.empty()) report_privileges(command, interests_.privileges);
        if (interests_.default_privileges) report_default_privileges(command);
        if (interests_.policies) report_policies(command);
        if (interests_.labels) report_labels(command);
        if (interests_.settings) report_settings(command);
        if (interests_.system_settings)
            report_alter_system(command, reinterpret_cast<AlterSystemStmt*>(statement_));
        if (interests_.objects) {
            note_named_object();
            objects_.report(command);
        }
        // What was recorded belongs to no command that this one is part of.
        ids_.end();
        if (outer_ != nullptr) outer_->ids_.leave_out(ids_);
    }

  private:
    // Some commands do not tell the hook what they alter.
    void note_named_object() {
        const RangeVar* relation = nullptr;
        if (IsA(statement_, AlterTableStmt)) relation = reinterpret_cast<AlterTableStmt*>(statement_)->relation;
        if (IsA(statement_, ViewStmt)) relation = reinterpret_cast<ViewStmt*>(statement_)->view;
        if (IsA(statement_, RefreshMatViewStmt)) relation = reinterpret_cast<RefreshMatViewStmt*>(statement_)->relation;
        if (relation != nullptr) {
            const Oid oid = guarded([&] { return RangeVarGetRelid(relation, NoLock, true); });
            if (OidIsValid(oid)) objects_.note_altered({RelationRelationId, oid, 0});
        }
        ObjectType type = OBJECT_TABLE;
        Node* name = nullptr;
        if (IsA(statement_, CommentStmt)) {
            type = reinterpret_cast<CommentStmt*>(statement_)->objtype;
            name = reinterpret_cast<CommentStmt*>(statement_)->object;
        } else if (IsA(statement_, SecLabelStmt)) {
            type = reinterpret_cast<SecLabelStmt*>(statement_)->objtype;
            name = reinterpret_cast<SecLabelStmt*>(statement_)->object;
        }
        if (name == nullptr) return;
        const ObjectAddress object = guarded([&] {
            Relation opened = nullptr;
            const ObjectAddress found = get_object_address(type, name, &opened, AccessShareLock, true);
            if (opened != nullptr) relation_close(opened, NoLock);
            return found;
        });
        if (OidIsValid(object.objectId)) objects_.note_altered(object);
    }

    Command* outer_;
    Node* statement_;
    std::string tag_;
    Interests interests_;
    TouchedObjects objects_;
    CommandIds ids_;
};

namespace {

Command* innermost = nullptr;

}  // namespace

Command* begin(Node* statement, ProcessUtilityContext context) {
    if (context == PROCESS_UTILITY_SUBCOMMAND || creating_extension || is_acting_as_extension_owner() ||
        IsBinaryUpgrade || RecoveryInProgress() || XactReadOnly)
        return nullptr;
    Interests interests = interests_of(statement);
    if (!interests.any() || !OidIsValid(extension_oid())) return nullptr;
    const char* const tag = guarded([statement] { return GetCommandTagName(CreateCommandTag(statement)); });
    keep_wanted(interests, tag);
    if (!interests.any()) return nullptr;
    innermost = new Command(statement, tag, std::move(interests), innermost);
    return innermost;
}

void end(Command* command) {
    const std::unique_ptr<Command> owned(command);
    innermost = command->outer();
    command->report();
}

void abandon(Command* command) noexcept {
    innermost = command->outer();
    delete command;
}

bool is_watching() noexcept {
    return innermost != nullptr;
}

void note_object(ObjectAccessType access, Oid class_id, Oid object, int sub_id, void* argument) {
    if (innermost == nullptr || !innermost->wants_objects()) return;
    innermost->objects().note(access, {class_id, object, sub_id}, argument);
}

}  // namespace flowctl::pg::ddl_events
