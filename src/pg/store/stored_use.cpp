// SQL of stored_use.hpp.
#include "pg/store/stored_use.hpp"

#include <algorithm>
#include <string>

#include "pg/store/by_key.hpp"

namespace flowctl::pg::store {

namespace {

constexpr std::int64_t kMostPages = 2'000;  // of each table with its leaves, that are read

// Of a row it is taken what its long columns have, compressed as they are, and for all others what they have on average.
struct Measured {
    const char* table;
    Statement sum;  // $1 percent of the pages; owner and bytes
};
Measured measured[] = {
    {"run", Statement(R"(
    SELECT r.flow_owner::oid,
           pg_catalog.sum(280 + pg_catalog.pg_column_size(r.input) + coalesce(pg_catalog.pg_column_size(r.output), 0)
                          + coalesce(pg_catalog.pg_column_size(r.event), 0) + coalesce(pg_catalog.pg_column_size(r.cause), 0)
                          + coalesce(pg_catalog.pg_column_size(r.subject_claims), 0)
                          + coalesce(pg_catalog.pg_column_size(r.attributes), 0))::bigint
    FROM flowctl_catalog.run r TABLESAMPLE SYSTEM ($1::real)
    WHERE r.flow_owner::oid IN (SELECT q.role::oid FROM flowctl_catalog.quota q WHERE q.stored_bytes IS NOT NULL)
    GROUP BY 1)",
                      {TEXTOID})},
    {"history_event", Statement(R"(
    SELECT r.flow_owner::oid,
           pg_catalog.sum(130 + coalesce(pg_catalog.pg_column_size(h.details), 0)
                          + coalesce(pg_catalog.pg_column_size(h.payload), 0))::bigint
    FROM flowctl_catalog.history_event h TABLESAMPLE SYSTEM ($1::real)
         JOIN flowctl_catalog.run r ON r.run_id = h.run_id
    WHERE r.flow_owner::oid IN (SELECT q.role::oid FROM flowctl_catalog.quota q WHERE q.stored_bytes IS NOT NULL)
    GROUP BY 1)",
                                {TEXTOID})},
    {"call", Statement(R"(
    SELECT r.flow_owner::oid, pg_catalog.sum(400)::bigint
    FROM flowctl_catalog.call c TABLESAMPLE SYSTEM ($1::real) JOIN flowctl_catalog.run r ON r.run_id = c.run_id
    WHERE r.flow_owner::oid IN (SELECT q.role::oid FROM flowctl_catalog.quota q WHERE q.stored_bytes IS NOT NULL)
    GROUP BY 1)",
                       {TEXTOID})},
};

Statement pages_of_leaves(R"(
    SELECT coalesce(pg_catalog.sum(pg_catalog.pg_relation_size(t.relid)), 0)::bigint
           / pg_catalog.current_setting('block_size')::bigint
    FROM pg_catalog.pg_partition_tree($1::oid) t WHERE t.isleaf)",
                    {OIDOID});
Statement measured_roles(
    "SELECT role::oid FROM flowctl_catalog.quota WHERE stored_bytes IS NOT NULL AND role::oid IS NOT NULL", {});
Statement forget_measures(R"(
    DELETE FROM flowctl_catalog.stored_use u
    WHERE NOT EXISTS (SELECT FROM flowctl_catalog.quota q WHERE q.role::oid = u.role AND q.stored_bytes IS NOT NULL))",
                     {});
Statement save_measure(R"(
    INSERT INTO flowctl_catalog.stored_use (role, bytes, measured_at) VALUES ($1, $2, pg_catalog.clock_timestamp())
    ON CONFLICT (role) DO UPDATE SET bytes = excluded.bytes, measured_at = excluded.measured_at)",
                   {OIDOID, INT8OID});
Statement find_measures("SELECT role, bytes, measured_at FROM flowctl_catalog.stored_use", {});

double percent_of(Spi& spi, const char* table) {
    const std::int64_t pages = spi.run(pages_of_leaves, std::move(Params().oid(table_named(table)))).int8(0, 0);
    return pages <= kMostPages ? 100.0 : 100.0 * static_cast<double>(kMostPages) / static_cast<double>(pages);
}

}  // namespace

bool measure_stored(Spi& spi) {
    if (!has_rows("quota")) return false;
    std::map<Oid, double> bytes;
    const Rows roles = spi.run(measured_roles);
    for (std::size_t i = 0; i < roles.size(); i++)
        bytes[roles.oid(i, 0)] = 0;
    spi.run(forget_measures);
    if (bytes.empty()) return false;
    for (Measured& one : measured) {
        const double percent = percent_of(spi, one.table);
        const Rows rows = spi.run(one.sum, std::move(Params().text(std::to_string(percent))));
        for (std::size_t i = 0; i < rows.size(); i++)
            bytes[rows.oid(i, 0)] += static_cast<double>(rows.int8(i, 1)) * 100.0 / percent;
    }
    for (const auto& [role, stored] : bytes)
        spi.run(save_measure, std::move(Params().oid(role).int8(static_cast<std::int64_t>(stored))));
    return true;
}

std::map<Oid, StoredUse> find_stored(Spi& spi) {
    const Rows rows = spi.run_latest(find_measures);
    std::map<Oid, StoredUse> found;
    for (std::size_t i = 0; i < rows.size(); i++)
        found[rows.oid(i, 0)] = {rows.int8(i, 1), rows.timestamp(i, 2)};
    return found;
}

}  // namespace flowctl::pg::store
