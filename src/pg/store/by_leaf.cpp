// Looking up leaves, and plans for each. See by_leaf.hpp.
#include "pg/store/by_leaf.hpp"

#include <stdexcept>

extern "C" {
#include "catalog/partition.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "utils/partcache.h"
}

namespace flowctl::pg::store {

namespace {

constexpr std::size_t kMostPlans = 16;  // of one statement

// Writes the leaf of each id to `leaves`.
void find_leaves_of(const char* table, const Uuid* ids, std::size_t count, Oid* leaves) {
    const Oid root_oid = get_relname_relid(table, get_namespace_oid("flowctl_catalog", false));
    Relation root = table_open(root_oid, AccessShareLock);
    PartitionKey key = RelationGetPartitionKey(root);
    PartitionDesc parts = RelationGetPartitionDesc(root, true);
    for (std::size_t i = 0; i < count; i++) {
        Datum id = PointerGetDatum(ids[i].data());
        bool equal = false;
        const int bound = partition_range_datum_bsearch(key->partsupfunc, key->partcollation,
                                                        parts->boundinfo, 1, &id, &equal);
        int index = parts->boundinfo->indexes[bound + 1];
        if (index < 0) index = parts->boundinfo->default_index;
        if (index < 0)
            ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
                            errmsg("relation \"%s\" has no default partition", table),
                            errhint("Install the extension again, or attach one.")));
        leaves[i] = parts->oids[index];
    }
    // The lock stays to the end of the transaction: nobody drops a leaf meanwhile.
    table_close(root, NoLock);
}

}  // namespace

std::vector<LeafGroup> by_leaf(const char* table, const std::vector<Uuid>& ids) {
    std::vector<LeafGroup> groups;
    if (ids.empty()) return groups;
    std::vector<Oid> leaves(ids.size());
    guarded([&] { find_leaves_of(table, ids.data(), ids.size(), leaves.data()); });
    std::size_t last = 0;
    for (std::size_t i = 0; i < ids.size(); i++) {
        if (groups.empty() || groups[last].leaf != leaves[i]) {
            for (last = 0; last < groups.size() && groups[last].leaf != leaves[i];)
                last++;
            if (last == groups.size()) groups.push_back({leaves[i], {}});
        }
        groups[last].members.push_back(i);
    }
    return groups;
}

Rows LeafStatement::run(Spi& spi, Oid leaf, Params params) {
    return spi.run(statement_for(leaf), std::move(params));
}

Rows LeafStatement::run_latest(Spi& spi, Oid leaf, Params params) {
    return spi.run_latest(statement_for(leaf), std::move(params));
}

Statement& LeafStatement::statement_for(Oid leaf) {
    auto found = prepared_.find(leaf);
    if (found == prepared_.end()) {
        if (prepared_.size() >= kMostPlans) {
            for (auto& [oid, old] : prepared_)
                Spi::forget(old->statement);
            prepared_.clear();
        }
        const char* const name =
            guarded([leaf] { return quote_qualified_identifier("flowctl_catalog", get_rel_name(leaf)); });
        static constexpr std::string_view kPlace = "{leaf}";
        std::string text(sql_);
        const std::size_t at = text.find(kPlace);
        if (at == std::string::npos) throw std::logic_error("a statement on leaves names none");
        text.replace(at, kPlace.size(), name);
        found = prepared_.emplace(leaf, std::make_unique<Prepared>(std::move(text), pattern_)).first;
    }
    return found->second->statement;
}

}  // namespace flowctl::pg::store
