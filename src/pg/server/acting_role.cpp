// Switching the current user, and who owns the extension. See acting_role.hpp.
#include "pg/server/acting_role.hpp"

#include <cstring>

#include "pg/server/catalog_watch.hpp"

namespace flowctl::pg {

Oid extension_oid() {
    return guarded([] { return get_extension_oid("pg_flowctl", true); });
}

namespace {

constexpr const char* kPinnedPath = "pg_catalog, pg_temp";

struct KnownOwner {
    std::uint64_t seen = 0;
    Oid role = InvalidOid;
};
KnownOwner known_owner;

Oid find_extension_owner() {
    return guarded([] {
        Oid owner = InvalidOid;
        Relation extensions = table_open(ExtensionRelationId, AccessShareLock);
        ScanKeyData key;
        ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ,
                    CStringGetDatum("pg_flowctl"));
        SysScanDesc scan = systable_beginscan(extensions, ExtensionNameIndexId, true, nullptr, 1, &key);
        HeapTuple tuple = systable_getnext(scan);
        if (HeapTupleIsValid(tuple)) owner = reinterpret_cast<Form_pg_extension>(GETSTRUCT(tuple))->extowner;
        systable_endscan(scan);
        table_close(extensions, AccessShareLock);
        if (!OidIsValid(owner)) elog(ERROR, "extension \"pg_flowctl\" does not exist");
        return owner;
    });
}

}  // namespace

Oid extension_owner() {
    const std::uint64_t now = catalog_watch::generation();
    if (!OidIsValid(known_owner.role) || known_owner.seen != now) known_owner = {now, find_extension_owner()};
    return known_owner.role;
}

int pin_search_path() {
    // Functions whose search_path is pinned have it already.
    if (strcmp(namespace_search_path, kPinnedPath) == 0) return 0;
    const int level = NewGUCNestLevel();
    (void)set_config_option("search_path", kPinnedPath, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
                            false);
    return level;
}

static int acting = 0;

bool is_acting_as_extension_owner() noexcept {
    return acting > 0;
}

AsExtensionOwner::AsExtensionOwner(For what) {
    // Whatever can fail comes first: an exception from here on would leave the caller with the owner's
    // rights.
    const Oid owner = extension_owner();
    if (what == For::Sql) nest_level_ = guarded([] { return pin_search_path(); });
    GetUserIdAndSecContext(&user_, &context_);
    SetUserIdAndSecContext(owner, context_ | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
    acting++;
}

AsExtensionOwner::~AsExtensionOwner() {
    acting--;
    if (nest_level_ != 0) AtEOXact_GUC(false, nest_level_);
    SetUserIdAndSecContext(user_, context_);
}

AsRunRole::AsRunRole(Oid role, bool read_only)
    : session_user_(GetSessionUserId()),
      session_is_superuser_(GetSessionUserIsSuperuser()),
      read_only_(XactReadOnly) {
    GetUserIdAndSecContext(&user_, &context_);
    nest_level_ = guarded([&] {
        const int level = NewGUCNestLevel();
        (void)set_config_option("search_path", "\"$user\", public", PGC_USERSET, PGC_S_SESSION,
                                GUC_ACTION_SAVE, true, 0, false);
        // The setting takes session_user, the current user and is_superuser along.
        (void)set_config_option("session_authorization", GetUserNameFromId(role, false), PGC_USERSET,
                                PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
        return level;
    });
    SetUserIdAndSecContext(role, context_ | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
    // Not the setting, which cannot be taken back: the extension's own rows go into the same transaction.
    XactReadOnly = XactReadOnly || read_only;
}

AsRunRole::~AsRunRole() {
    XactReadOnly = read_only_;
    SetUserIdAndSecContext(user_, context_);
    AtEOXact_GUC(false, nest_level_);
    // In a background process session_authorization had no value, and taking the setting back to none leaves
    // the session as it is.
    try {
        guarded([&] { SetSessionAuthorization(session_user_, session_is_superuser_); });
    } catch (PgError& error) {
        error.report();
    }
    SetUserIdAndSecContext(user_, context_);
}

}  // namespace flowctl::pg
