// SQL of the store of flows. See flows.hpp.
#include "pg/store/flows.hpp"

#include "pg/server/catalog.hpp"

namespace flowctl::pg::store {

static Statement find_flow_sql(R"(
    SELECT f.flow_id, f.name, coalesce(f.owner::oid, 0), f.type, v.version, v.options::text, f.options::text,
           EXISTS (SELECT FROM flowctl_catalog.pause p WHERE p.kind = 'flow' AND p.name = f.name), v.event_types IS NOT NULL
    FROM flowctl_catalog.flow f JOIN flowctl_catalog.flow_version v ON v.flow_id = f.flow_id AND v.version = coalesce($2, f.latest_version)
    WHERE f.name = $1 AND v.dropped_by IS NULL)",
                               {TEXTOID, INT4OID});
static Statement find_aliased_sql(R"(
    SELECT f.flow_id, f.name, coalesce(f.owner::oid, 0), f.type, v.version, v.options::text, f.options::text,
           EXISTS (SELECT FROM flowctl_catalog.pause p WHERE p.kind = 'flow' AND p.name = f.name), v.event_types IS NOT NULL,
           CASE WHEN v.version = a.version THEN -1 ELSE a.second_weight END
    FROM flowctl_catalog.flow f
         JOIN flowctl_catalog.alias a ON a.flow_id = f.flow_id
         JOIN flowctl_catalog.flow_version v ON v.flow_id = f.flow_id AND v.version IN (a.version, a.second_version)
    WHERE f.name = $1 AND a.alias = $2 AND v.dropped_by IS NULL)",
                                  {TEXTOID, TEXTOID});

static FlowRow read_flow(const Rows& rows, std::size_t i) {
    return FlowRow{rows.uuid(i, 0),
                   rows.text(i, 1),
                   rows.oid(i, 2),
                   rows.text(i, 3),
                   rows.int4(i, 4),
                   read_version_options(rows.text(i, 5)),
                   std::make_shared<const FlowOptions>(read_flow_options(rows.text(i, 6))),
                   std::nullopt,
                   rows.boolean(i, 7),
                   rows.boolean(i, 8)};
}

std::optional<FlowRow> find_flow(Spi& spi, const std::string& name, std::optional<std::int32_t> version) {
    Params params;
    params.text(name);
    if (version)
        params.int4(*version);
    else
        params.null();
    Rows rows = spi.run(find_flow_sql, std::move(params));
    if (rows.size() == 0) return std::nullopt;
    return read_flow(rows, 0);
}

std::optional<AliasedFlow> find_aliased(Spi& spi, const std::string& name, const std::string& alias) {
    const Rows rows = spi.run(find_aliased_sql, std::move(Params().text(name).text(alias)));
    AliasedFlow found;
    bool has_first = false;
    for (std::size_t i = 0; i < rows.size(); i++) {
        FlowRow row = read_flow(rows, i);
        row.alias = alias;
        const std::int32_t weight = rows.int4(i, 9);
        if (weight < 0) {
            found.first = std::move(row);
            has_first = true;
        } else {
            found.second = std::move(row);
            found.second_weight = weight;
        }
    }
    if (!has_first) return std::nullopt;
    return found;
}

static Statement find_version_sql(R"(
    SELECT definition, options::text
    FROM flowctl_catalog.flow_version
    WHERE flow_id = $1 AND version = $2)",
                                  {UUIDOID, INT4OID});

std::optional<VersionRow> find_version(Spi& spi, const Uuid& flow_id, std::int32_t version) {
    Rows rows = spi.run(find_version_sql, std::move(Params().uuid(flow_id).int4(version)));
    if (rows.size() == 0) return std::nullopt;
    return VersionRow{rows.text(0, 0), read_version_options(rows.text(0, 1))};
}

namespace {

struct Horizon {
    std::uint64_t oldest;  // transactions before this one are over for every snapshot of the database
    std::uint64_t next;    // transactions from this one on had not begun
};

Horizon horizon() {
    return guarded([] {
        Relation versions = table_open(table_oid("flow_version"), AccessShareLock);
        const TransactionId oldest = GetOldestNonRemovableTransactionId(versions);
        table_close(versions, AccessShareLock);
        const FullTransactionId next = ReadNextFullTransactionId();
        const std::uint32_t epoch =
            EpochFromFullTransactionId(next) - (oldest > XidFromFullTransactionId(next) ? 1 : 0);
        return Horizon{U64FromFullTransactionId(FullTransactionIdFromEpochAndXid(epoch, oldest)),
                       U64FromFullTransactionId(next)};
    });
}

Statement note_unknown_sql(R"(
    UPDATE flowctl_catalog.flow_version SET unknown_from = $2::text::xid8
    WHERE dropped_by < $1::text::xid8 AND unknown_from IS NULL)",
                           {INT8OID, INT8OID});

Statement forget_versions_sql(R"(
    WITH gone AS (
        DELETE FROM flowctl_catalog.flow_version v
        WHERE v.dropped_by IS NOT NULL
              AND v.unknown_from <= pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())
              AND NOT EXISTS (SELECT FROM flowctl_catalog.run r
                              WHERE r.flow_id = v.flow_id AND r.version = v.version AND r.status = 'RUNNING')
        RETURNING v.flow_id),
    names AS (
        DELETE FROM flowctl_catalog.run_name n WHERE n.flow_id IN (SELECT g.flow_id FROM gone g)
              AND NOT EXISTS (SELECT FROM flowctl_catalog.flow f WHERE f.flow_id = n.flow_id))
    SELECT pg_catalog.count(*) FROM gone)",
                              {});

}  // namespace

std::int64_t forget_dropped_versions(Spi& spi) {
    const Horizon now = horizon();
    // Deleting comes first, so that a version passes at most one step in each call.
    const std::int64_t forgotten = spi.run(forget_versions_sql).int8(0, 0);
    spi.run(
        note_unknown_sql,
        std::move(
            Params().int8(static_cast<std::int64_t>(now.oldest)).int8(static_cast<std::int64_t>(now.next))));
    return forgotten;
}

}  // namespace flowctl::pg::store
