// Implementation of touched_objects.hpp.
#include "pg/ddl_events/touched_objects.hpp"

#include <algorithm>
#include <cctype>

extern "C" {
#include "catalog/pg_class.h"
#include "catalog/pg_default_acl.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_policy.h"
}

namespace flowctl::pg::ddl_events {

namespace {

constexpr std::size_t kMostObjects = 10'000;  // of one command

// The objects with which the server would drop this one.
std::vector<std::pair<Oid, Oid>> owners_of(Oid catalog, Oid object) {
    struct Owner {
        Oid catalog, object;
    };
    constexpr int kMost = 16;
    Owner owners[kMost];
    const int count = guarded([&] {
        int found = 0;
        Relation depends = table_open(DependRelationId, AccessShareLock);
        ScanKeyData key[2];
        ScanKeyInit(&key[0], Anum_pg_depend_classid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(catalog));
        ScanKeyInit(&key[1], Anum_pg_depend_objid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(object));
        SysScanDesc scan = systable_beginscan(depends, DependDependerIndexId, true, nullptr, 2, key);
        while (HeapTuple row = systable_getnext(scan)) {
            auto* form = reinterpret_cast<Form_pg_depend>(GETSTRUCT(row));
            const bool is_itself = form->refclassid == catalog && form->refobjid == object;
            if (form->deptype == DEPENDENCY_NORMAL || is_itself || found == kMost) continue;
            owners[found++] = {form->refclassid, form->refobjid};
        }
        systable_endscan(scan);
        table_close(depends, AccessShareLock);
        return found;
    });
    std::vector<std::pair<Oid, Oid>> result;
    for (int i = 0; i < count; i++)
        result.emplace_back(owners[i].catalog, owners[i].object);
    return result;
}

// Objects that events of other types are about, or that nobody knows by name.
bool is_of_no_interest(Oid catalog) {
    return catalog == AuthIdRelationId || catalog == DefaultAclRelationId ||
           !guarded([&] { return is_objectclass_supported(catalog); });
}

// In the middle of a DROP, what the name of an object is made of may be gone already. Then the object goes without an
// event: the command must not fail for it.
std::optional<ObjectText> describe_before_drop(const ObjectAddress& object) {
    MemoryContext const memory = CurrentMemoryContext;
    ResourceOwner const owner = CurrentResourceOwner;
    guarded([memory] {
        BeginInternalSubTransaction(nullptr);
        MemoryContextSwitchTo(memory);
    });
    std::optional<ObjectText> text;
    try {
        text = describe(object);
    } catch (const PgError& error) {
        if (error.sqlstate() == ERRCODE_QUERY_CANCELED) throw;
    }
    // Nothing was written. A commit would count as the next command, in the middle of this one.
    guarded([memory, owner] {
        RollbackAndReleaseCurrentSubTransaction();
        MemoryContextSwitchTo(memory);
        CurrentResourceOwner = owner;
    });
    return text;
}

std::string type_of(const std::string& tag) {
    std::string type = "schema.";
    for (const char c : tag)
        type += c == ' ' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return type;
}

}  // namespace

void TouchedObjects::note(ObjectAccessType access, const ObjectAddress& object, void* argument) {
    if (only_extensions_ && object.classId != ExtensionRelationId) return;
    if (access != OAT_POST_CREATE && access != OAT_POST_ALTER && access != OAT_DROP) return;
    const Key key{object.classId, object.objectId};
    const bool is_part = object.objectSubId != 0;  // a column
    if (access == OAT_DROP && !is_part) {
        const auto* const drop = static_cast<const ObjectAccessDrop*>(argument);
        // An index that is built anew, the row of a table that has been copied: nobody has dropped them.
        if (drop != nullptr && (drop->dropflags & PERFORM_DELETION_INTERNAL) != 0) {
            objects_.erase(key);
            return;
        }
    } else if (access == OAT_POST_CREATE && !is_part && argument != nullptr &&
               static_cast<const ObjectAccessPostCreate*>(argument)->is_internal) {
        return;
    }
    if (objects_.size() >= kMostObjects || is_of_no_interest(object.classId)) return;
    const auto [place, is_new] = objects_.try_emplace(key);
    if (is_new) order_.push_back(key);
    Touched& touched = place->second;
    if (access == OAT_DROP && !is_part) {
        touched = {"dropped", describe_before_drop({object.classId, object.objectId, 0}), owners_of(object.classId, object.objectId)};
    } else if (access == OAT_POST_CREATE && !is_part) {
        touched.action = "created";
    } else if (is_new) {
        touched.action = "altered";
    }
}

void TouchedObjects::note_altered(const ObjectAddress& object) {
    const Key key{object.classId, object.objectId};
    if (!objects_.try_emplace(key, Touched{"altered", std::nullopt, {}}).second) return;
    order_.push_back(key);
}

bool TouchedObjects::belongs_to_another(const std::vector<Key>& owners) const {
    return std::any_of(owners.begin(), owners.end(), [this](const Key& owner) { return objects_.contains(owner); });
}

void TouchedObjects::report(const Observed& command) const {
    const std::string type = type_of(command.tag);
    for (const Key& key : order_) {
        const auto found = objects_.find(key);
        if (found == objects_.end()) continue;
        const Touched& touched = found->second;
        const bool is_gone = std::string_view(touched.action) == "dropped";
        if (belongs_to_another(is_gone ? touched.belongs_to : owners_of(key.first, key.second))) continue;
        const auto text = is_gone ? touched.text : describe({key.first, key.second, 0});
        if (!text || text->schema == "flowctl_catalog") continue;
        command.record(type, text->identity,
                       json::ObjectBuilder().add("action", touched.action).add("object", text->json));
    }
}

}  // namespace flowctl::pg::ddl_events
