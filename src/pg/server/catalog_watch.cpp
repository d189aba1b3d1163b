// A generation that invalidation messages move on. See catalog_watch.hpp.
//
// Callbacks run wherever the server takes messages, also in the middle of a lookup: they touch plain
// variables only.
#include "pg/server/catalog_watch.hpp"

#include "pg/server/bridge.hpp"
#include "pg/server/catalog.hpp"

namespace flowctl::pg::catalog_watch {

namespace {

std::uint64_t now = 0;
Oid flows = InvalidOid;  // the table whose messages are ours; looked up anew when it may have gone

void on_table(Datum, Oid table) noexcept {
    if (OidIsValid(table) && table != flows) return;
    flows = InvalidOid;
    now++;
}

void on_catalog(Datum, int, uint32) noexcept {
    now++;
}

}  // namespace

void install_at_load() {
    guarded([] {
        CacheRegisterRelcacheCallback(on_table, 0);
        for (const int cache : {AUTHOID, AUTHMEMROLEMEM, NAMESPACEOID})
            CacheRegisterSyscacheCallback(cache, on_catalog, 0);
    });
}

std::uint64_t generation() {
    guarded([] {
        AcceptInvalidationMessages();
        if (OidIsValid(flows)) return;
        const Oid schema = get_namespace_oid("flowctl_catalog", true);
        if (OidIsValid(schema)) flows = get_relname_relid("flow", schema);
        // While there is no table, nothing can be kept.
        now++;
    });
    return now;
}

void changed() {
    guarded([] { CacheInvalidateRelcacheByRelid(table_oid("flow")); });
}

}  // namespace flowctl::pg::catalog_watch
