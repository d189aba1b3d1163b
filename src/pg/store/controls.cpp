// SQL of the store of requests. See controls.hpp.
#include "pg/store/controls.hpp"

namespace flowctl::pg::store {

static Statement find_controls_sql(R"(
    SELECT control_id, run_id, error, cause FROM flowctl_catalog.control
    WHERE pg_catalog.get_byte(pg_catalog.uuid_send(run_id), 15) % 64 % $1 = $2
    ORDER BY requested_at, control_id LIMIT $3)",
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
