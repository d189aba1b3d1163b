// Implementation of foreign_servers.hpp.
#include "pg/endpoints/foreign_servers.hpp"

#include "pg/server/bridge.hpp"

namespace flowctl::pg {

std::vector<ListedServer> list_servers(std::string_view wrapper_name) {
    // Plain memory of the server's: the scan may raise.
    struct Candidate {
        Oid oid;
        Oid owner;
        char* name;
        List* options;
    };
    struct Found {
        Candidate* candidates;
        int count;
    };
    const Oid wrapper = guarded([&] { return get_foreign_data_wrapper_oid(wrapper_name.data(), true); });
    const Found found = guarded([&]() -> Found {
        Found all{nullptr, 0};
        int room = 16;
        all.candidates = static_cast<Candidate*>(palloc(sizeof(Candidate) * room));
        Relation servers = table_open(ForeignServerRelationId, AccessShareLock);
        SysScanDesc scan = systable_beginscan(servers, InvalidOid, false, nullptr, 0, nullptr);
        while (HeapTuple tuple = systable_getnext(scan)) {
            auto* row = reinterpret_cast<Form_pg_foreign_server>(GETSTRUCT(tuple));
            bool is_null = false;
            Datum options =
                heap_getattr(tuple, Anum_pg_foreign_server_srvoptions, RelationGetDescr(servers), &is_null);
            if (row->srvfdw != wrapper || is_null) continue;
            if (all.count == room) {
                room *= 2;
                all.candidates = static_cast<Candidate*>(repalloc(all.candidates, sizeof(Candidate) * room));
            }
            all.candidates[all.count++] = {
                row->oid, row->srvowner, pstrdup(NameStr(row->srvname)),
                untransformRelOptions(PointerGetDatum(DatumGetArrayTypePCopy(options)))};
        }
        systable_endscan(scan);
        table_close(servers, AccessShareLock);
        return all;
    });
    std::vector<ListedServer> listed;
    for (int i = 0; i < found.count; i++)
        listed.push_back({found.candidates[i].oid, found.candidates[i].owner, found.candidates[i].name,
                          to_options(found.candidates[i].options)});
    return listed;
}

}  // namespace flowctl::pg
