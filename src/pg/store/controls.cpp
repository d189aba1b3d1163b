// SQL of the store of requests. See controls.hpp.
#include "pg/store/controls.hpp"

namespace flowctl::pg::store {

// Each role's first request comes before any role's second: whoever asks for the end of a million runs holds
// up nobody else's request. The roles are found by one look into the index for each.
static Statement find_controls_sql(R"(
    WITH RECURSIVE requester (role) AS (
        (SELECT requested_by::oid FROM flowctl_catalog.control ORDER BY requested_by LIMIT 1)
        UNION ALL
        SELECT (SELECT c.requested_by::oid FROM flowctl_catalog.control c
                WHERE c.requested_by > r.role ORDER BY c.requested_by LIMIT 1)
        FROM requester r WHERE r.role IS NOT NULL)
    SELECT f.control_id, f.run_id, f.error, f.cause
    FROM requester r CROSS JOIN LATERAL (
        SELECT c.control_id, c.run_id, c.error, c.cause, c.requested_at,
               pg_catalog.row_number() OVER (ORDER BY c.requested_at, c.control_id) AS place
        FROM flowctl_catalog.control c
        WHERE c.requested_by = r.role
          AND pg_catalog.get_byte(pg_catalog.uuid_send(c.run_id), 15) % 64 % $1 = $2
        ORDER BY c.requested_at, c.control_id LIMIT $3) f
    ORDER BY f.place, f.requested_at, f.control_id LIMIT $3)",
                                   {INT4OID, INT4OID, INT8OID});
// A run that was open when it was asked to stop has ended by it, in this very transaction.
static Statement delete_controls_sql(R"(
    WITH done AS (
        DELETE FROM flowctl_catalog.control WHERE control_id = ANY ($1)
        RETURNING run_id, pg_catalog.pg_get_userbyid(requested_by::oid) AS role)
    UPDATE flowctl_catalog.run r SET stopped_by = d.role
    FROM done d WHERE r.run_id = d.run_id AND r.status = 'ABORTED' AND r.stopped_by IS NULL)",
                                     {INT8ARRAYOID});
static Statement insert_stop_sql(R"(
    INSERT INTO flowctl_catalog.control (run_id, kind, error, cause, requested_by) VALUES ($1, 'stop', $2, $3, $4::regrole))",
                                 {UUIDOID, TEXTOID, TEXTOID, OIDOID});

std::vector<Control> find_controls(Spi& spi, int shard, int shards, std::size_t limit) {
    Rows rows = spi.run(find_controls_sql,
                        std::move(Params().int4(shards).int4(shard).int8(static_cast<std::int64_t>(limit))));
    std::vector<Control> controls;
    for (std::size_t i = 0; i < rows.size(); i++)
        controls.push_back(
            {rows.int8(i, 0), rows.uuid(i, 1), rows.optional_text(i, 2), rows.optional_text(i, 3)});
    return controls;
}

void delete_controls(Spi& spi, const std::vector<std::int64_t>& ids) {
    if (!ids.empty()) spi.run(delete_controls_sql, std::move(Params().int8s(ids)));
}

void insert_stop(Spi& spi, const Uuid& run_id, const std::optional<std::string>& error,
                 const std::optional<std::string>& cause, Oid requested_by) {
    spi.run(insert_stop_sql, std::move(Params().uuid(run_id).text(error).text(cause).oid(requested_by)));
}

}  // namespace flowctl::pg::store
