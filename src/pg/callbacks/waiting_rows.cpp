// SQL of the store of waits. See waiting_rows.hpp.
#include "pg/callbacks/waiting_rows.hpp"

#include <algorithm>

#include "net/crypto/crypto.hpp"
#include "pg/server/index_scans.hpp"
#include "pg/store/append.hpp"
#include "pg/store/by_key.hpp"
#include "pg/store/run_id.hpp"

namespace flowctl::pg::store {

namespace {

// The owners are found by one look into the index for each.
Statement find_news_sql(R"(
    WITH RECURSIVE owners (role) AS (
        (SELECT owner::oid FROM flowctl_catalog.waiting_task WHERE news IS NOT NULL ORDER BY owner LIMIT 1)
        UNION ALL
        SELECT (SELECT w.owner::oid FROM flowctl_catalog.waiting_task w
                WHERE w.news IS NOT NULL AND w.owner > o.role ORDER BY w.owner LIMIT 1)
        FROM owners o WHERE o.role IS NOT NULL)
    SELECT f.wait_id, f.run_id, f.call_id, o.role, f.taken_at IS NOT NULL AND NOT f.told, f.worker,
           f.answered_at IS NOT NULL, f.output, f.error, f.cause
    FROM owners o CROSS JOIN LATERAL (
        SELECT w.*, pg_catalog.row_number() OVER (ORDER BY w.news) AS turn
        FROM flowctl_catalog.waiting_task w
        WHERE w.owner = o.role AND w.news IS NOT NULL AND w.bucket % $1 = $2
        ORDER BY w.news LIMIT $3) f
    ORDER BY f.turn, f.news LIMIT $3)",
                        {INT4OID, INT4OID, INT8OID});

Statement insert_again_sql(R"(
    INSERT INTO flowctl_catalog.waiting_task
        (wait_id, run_id, call_id, bucket, owner, kind, path, state, visit, attempt, resource, activity, input, token_hash, since,
         timeout_seconds, heartbeat_seconds, place)
    VALUES ($1, $2, $3, $4, $5::regrole, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
    ON CONFLICT (wait_id) DO NOTHING)",
                           {UUIDOID, UUIDOID, INT4OID, INT4OID, OIDOID, TEXTOID, TEXTOID, TEXTOID, INT4OID, INT4OID,
                            TEXTOID, TEXTOID, TEXTOID, BYTEAOID, TIMESTAMPTZOID, INT4OID, INT4OID,
                            UUIDOID});

Statement lock_sql(R"(
    SELECT wait_id, run_id, call_id, heartbeat_at + pg_catalog.make_interval(secs => heartbeat_seconds),
           answered_at IS NOT NULL, output, error, cause
    FROM flowctl_catalog.waiting_task WHERE wait_id = ANY ($1) FOR UPDATE SKIP LOCKED)",
                   {UUIDARRAYOID});
Statement existing_sql("SELECT wait_id FROM flowctl_catalog.waiting_task WHERE wait_id = ANY ($1)", {UUIDARRAYOID});
Statement delete_sql(R"(
    DELETE FROM flowctl_catalog.waiting_task WHERE wait_id = ANY (ARRAY(
        SELECT wait_id FROM flowctl_catalog.waiting_task WHERE wait_id = ANY ($1) FOR UPDATE SKIP LOCKED)))",
                     {UUIDARRAYOID});
Statement set_told_sql(R"(
    UPDATE flowctl_catalog.waiting_task SET told = true, news = NULL WHERE wait_id = ANY (ARRAY(
        SELECT wait_id FROM flowctl_catalog.waiting_task
        WHERE wait_id = ANY ($1) AND answered_at IS NULL FOR UPDATE SKIP LOCKED)))",
                       {UUIDARRAYOID});
// The keys of a run's waits begin as its id does.
Statement delete_of_run_sql(R"(
    DELETE FROM flowctl_catalog.waiting_task WHERE wait_id = ANY (ARRAY(
        SELECT wait_id FROM flowctl_catalog.waiting_task
        WHERE wait_id BETWEEN $2 AND $3 AND run_id = $1 FOR UPDATE SKIP LOCKED)))",
                            {UUIDOID, UUIDOID, UUIDOID});

Statement delete_orphans_sql(R"(
    DELETE FROM flowctl_catalog.waiting_task WHERE wait_id = ANY (ARRAY(
        SELECT w.wait_id FROM flowctl_catalog.waiting_task w
        WHERE w.bucket % $1 = $2 AND NOT EXISTS (SELECT FROM flowctl_catalog.frame f WHERE f.run_id = w.run_id)
        FOR UPDATE SKIP LOCKED)))",
                             {INT4OID, INT4OID});
Statement delete_late_sql(R"(
    DELETE FROM flowctl_catalog.early_answer e
    WHERE NOT EXISTS (SELECT FROM flowctl_catalog.run r WHERE r.run_id = e.run_id AND r.status = 'RUNNING'))",
                          {});

// A session may have locked the row, and keep it so for as long as it likes. Its answer is taken later.
#define TAKE_EARLY(WHICH)                                                                                      \
    "WITH free AS (SELECT w.wait_id FROM flowctl_catalog.early_answer e JOIN flowctl_catalog.waiting_task w "  \
    "  ON w.wait_id = e.wait_id WHERE " WHICH " FOR UPDATE OF w SKIP LOCKED), "                                \
    "gone AS (DELETE FROM flowctl_catalog.early_answer e USING free f WHERE f.wait_id = e.wait_id RETURNING e.*) " \
    "UPDATE flowctl_catalog.waiting_task w SET news = pg_catalog.clock_timestamp(), answered_at = "            \
    "g.answered_at, answered_by = g.answered_by, output = g.output, error = g.error, cause = g.cause "         \
    "FROM gone g WHERE w.wait_id = g.wait_id AND w.answered_at IS NULL"
Statement take_early_sql(TAKE_EARLY("e.wait_id = ANY ($1)"), {UUIDARRAYOID});
Statement take_all_early_sql(TAKE_EARLY("w.answered_at IS NULL"), {});
#undef TAKE_EARLY

Datum bytea_of(const std::string& bytes) {
    const char* const from = bytes.data();
    const std::size_t size = bytes.size();
    return guarded([&] {
        auto* made = static_cast<bytea*>(palloc(VARHDRSZ + size));
        SET_VARSIZE(made, VARHDRSZ + size);
        memcpy(VARDATA(made), from, size);
        return PointerGetDatum(made);
    });
}

void insert_again(Spi& spi, const NewWait& wait) {
    Params params;
    params.uuid(wait.wait_id).uuid(wait.run_id).int4(wait.call_id).int4(bucket_of(wait.run_id)).oid(wait.owner);
    params.text(wait.kind).text(wait.path).text(wait.state).int4(wait.visit).int4(wait.attempt);
    params.text(wait.resource).text(wait.activity).text(wait.input);
    wait.token_hash ? params.datum(bytea_of(*wait.token_hash)) : params.null();
    params.timestamp(wait.since);
    wait.timeout_seconds ? params.int4(*wait.timeout_seconds) : params.null();
    wait.heartbeat_seconds ? params.int4(*wait.heartbeat_seconds) : params.null();
    params.uuid(wait.place);
    spi.run(insert_again_sql, std::move(params));
}

std::optional<Answer> answer_of(const Rows& rows, std::size_t row, int column) {
    if (!rows.boolean(row, column)) return std::nullopt;
    return Answer{rows.optional_text(row, column + 1), rows.optional_text(row, column + 2).value_or(""),
                  rows.optional_text(row, column + 3).value_or("")};
}

Uuid end_of_range(const Uuid& run, std::uint8_t filled) {
    Uuid id = run;
    std::fill(id.begin() + 8, id.end(), filled);
    return id;
}

}  // namespace

Uuid wait_id_of(const Uuid& run, const Uuid& place) {
    std::string both(reinterpret_cast<const char*>(run.data()), run.size());
    both.append(reinterpret_cast<const char*>(place.data()), place.size());
    const std::string hash = net::sha256(both);
    Uuid id = run;
    std::copy_n(hash.begin(), 8, id.begin() + 8);
    return id;
}

void insert_waits(Spi& spi, const std::vector<NewWait>& waits) {
    Append append("waiting_task",
                  {"wait_id", "run_id", "place", "call_id", "bucket", "owner", "kind", "path", "state", "visit", "attempt",
                   "resource", "activity", "input", "token_hash", "since", "timeout_seconds", "heartbeat_seconds",
                   "told"},
                  waits.size());
    for (const NewWait& wait : waits) {
        if (wait.again) {
            insert_again(spi, wait);
            continue;
        }
        append.uuid(wait.wait_id).uuid(wait.run_id).uuid(wait.place).int4(wait.call_id);
        append.int2(static_cast<std::int16_t>(bucket_of(wait.run_id))).oid(wait.owner).text(wait.kind);
        append.text(wait.path).text(wait.state).int4(wait.visit).int4(wait.attempt).text(wait.resource);
        append.text_or_null(wait.activity).text_or_null(wait.input);
        wait.token_hash ? append.ready(bytea_of(*wait.token_hash)) : append.null();
        append.timestamp(wait.since).int4(wait.timeout_seconds).int4(wait.heartbeat_seconds);
        append.ready(BoolGetDatum(false));
    }
    append.write();
}

FoundNews find_news(Spi& spi, int shard, int shards, std::size_t limit, std::size_t max_bytes) {
    if (!has_rows("waiting_task")) return {};
    const IndexScans by_index;
    Rows rows = spi.run(find_news_sql,
                        std::move(Params().int4(shards).int4(shard).int8(static_cast<std::int64_t>(limit))));
    FoundNews found;
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < rows.size() && bytes < max_bytes; i++) {
        News& news = found.news.emplace_back(
            News{rows.uuid(i, 0), rows.uuid(i, 1), rows.int4(i, 2), rows.oid(i, 3), rows.boolean(i, 4),
                 rows.optional_text(i, 5), answer_of(rows, i, 6)});
        if (news.answer && news.answer->output) bytes += news.answer->output->size();
    }
    found.more = rows.size() == limit || found.news.size() < rows.size();
    return found;
}

std::vector<LockedWait> lock_waits(Spi& spi, const std::vector<Uuid>& ids) {
    const IndexScans by_index;
    Rows rows = spi.run(lock_sql, std::move(Params().uuids(ids)));
    std::vector<LockedWait> locked;
    for (std::size_t i = 0; i < rows.size(); i++)
        locked.push_back({rows.uuid(i, 0), rows.uuid(i, 1), rows.int4(i, 2), rows.optional_timestamp(i, 3),
                          answer_of(rows, i, 4)});
    return locked;
}

std::vector<Uuid> existing_waits(Spi& spi, const std::vector<Uuid>& ids) {
    const IndexScans by_index;
    Rows rows = spi.run(existing_sql, std::move(Params().uuids(ids)));
    std::vector<Uuid> existing;
    for (std::size_t i = 0; i < rows.size(); i++)
        existing.push_back(rows.uuid(i, 0));
    return existing;
}

void delete_waits(Spi& spi, const std::vector<Uuid>& ids) {
    if (ids.empty()) return;
    const IndexScans by_index;
    spi.run(delete_sql, std::move(Params().uuids(ids)));
}

void delete_waits_of(Spi& spi, const std::vector<Uuid>& runs) {
    const IndexScans by_index;
    for (const Uuid& run : runs)
        spi.run(delete_of_run_sql,
                std::move(Params().uuid(run).uuid(end_of_range(run, 0x00)).uuid(end_of_range(run, 0xff))));
}

void set_told(Spi& spi, const std::vector<Uuid>& ids) {
    if (ids.empty()) return;
    const IndexScans by_index;
    spi.run(set_told_sql, std::move(Params().uuids(ids)));
}

void delete_orphans(Spi& spi, int shard, int shards) {
    spi.run(delete_orphans_sql, std::move(Params().int4(shards).int4(shard)));
}

void delete_late_answers(Spi& spi) {
    const IndexScans by_index;
    spi.run(delete_late_sql);
}

std::int64_t take_early_answers(Spi& spi, const std::vector<Uuid>* ids) {
    if (!has_rows("early_answer")) return 0;
    const IndexScans by_index;
    Params params;
    if (ids != nullptr) params.uuids(*ids);
    return static_cast<std::int64_t>(
        spi.run(ids != nullptr ? take_early_sql : take_all_early_sql, std::move(params)).processed());
}

}  // namespace flowctl::pg::store
