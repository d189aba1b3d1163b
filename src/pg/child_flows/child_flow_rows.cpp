// SQL of child_flow_rows.hpp.
#include "pg/child_flows/child_flow_rows.hpp"

#include <map>

#include "pg/server/index_scans.hpp"
#include "pg/store/append.hpp"
#include "pg/store/by_key.hpp"
#include "pg/store/by_leaf.hpp"
#include "pg/store/runs.hpp"

namespace flowctl::pg::store {

void append_waiting(const std::vector<Waiting>& waiting) {
    if (waiting.empty()) return;
    Append append("child_flow",
                  {"parent_run_id", "call_id", "child_run_id", "path", "state", "attempt", "resource",
                   "due_at", "as_json", "adopted", "since"},
                  waiting.size());
    const std::int64_t now = unix_micros_now();
    for (const Waiting& one : waiting)
        append.uuid(one.parent)
            .int8(one.call)
            .uuid(one.child)
            .text(one.path)
            .text(one.state)
            .int4(one.attempt)
            .text(one.resource)
            .timestamp(one.due_at)
            .ready(BoolGetDatum(one.as_json))
            .ready(BoolGetDatum(one.adopted))
            .timestamp(now);
    append.write();
}

#define WAITING_COLUMNS "c.parent_run_id, c.call_id, c.child_run_id, c.as_json, c.adopted"

static std::vector<Waiting> read_waiting(const Rows& rows) {
    std::vector<Waiting> waiting(rows.size());
    for (std::size_t i = 0; i < rows.size(); i++) {
        waiting[i].parent = rows.uuid(i, 0);
        waiting[i].call = rows.int8(i, 1);
        waiting[i].child = rows.uuid(i, 2);
        waiting[i].as_json = rows.boolean(i, 3);
        waiting[i].adopted = rows.boolean(i, 4);
    }
    return waiting;
}

static Params params_of(const std::vector<CallKey>& keys) {
    std::vector<Uuid> runs;
    std::vector<std::int64_t> calls;
    for (const auto& [run, call] : keys) {
        runs.push_back(run);
        calls.push_back(call);
    }
    Params params;
    params.uuids(runs).int8s(calls);
    return params;
}

static Statement delete_waiting_sql(
    "DELETE FROM flowctl_catalog.child_flow c USING unnest($1, $2) AS k(run_id, call_id) "
    "WHERE c.parent_run_id = k.run_id AND c.call_id = k.call_id RETURNING " WAITING_COLUMNS,
    {UUIDARRAYOID, INT8ARRAYOID});

std::vector<Waiting> delete_waiting(Spi& spi, const std::vector<CallKey>& calls) {
    if (calls.empty()) return {};
    return read_waiting(spi.run(delete_waiting_sql, params_of(calls)));
}

static Statement delete_waiting_of_sql(
    "DELETE FROM flowctl_catalog.child_flow c WHERE c.parent_run_id = ANY ($1) "
    "RETURNING " WAITING_COLUMNS,
    {UUIDARRAYOID});

std::vector<Waiting> delete_waiting_of(Spi& spi, const std::vector<Uuid>& parents) {
    if (parents.empty()) return {};
    return read_waiting(spi.run(delete_waiting_of_sql, std::move(Params().uuids(parents))));
}

static Statement find_waiting_for_sql("SELECT " WAITING_COLUMNS
                                      " FROM flowctl_catalog.child_flow c WHERE c.child_run_id = ANY ($1)",
                                      {UUIDARRAYOID});

std::vector<Waiting> find_waiting_for(Spi& spi, const std::vector<Uuid>& children) {
    if (children.empty() || !has_rows("child_flow")) return {};
    return read_waiting(spi.run(find_waiting_for_sql, std::move(Params().uuids(children))));
}

static Statement find_untold_sql("SELECT " WAITING_COLUMNS R"( FROM flowctl_catalog.child_flow c
    WHERE (c.adopted OR NOT $3) AND pg_catalog.get_byte(pg_catalog.uuid_send(c.parent_run_id), 15) % 64 % $1 = $2
      AND NOT EXISTS (SELECT FROM flowctl_catalog.run r WHERE r.run_id = c.child_run_id AND r.status = 'RUNNING')
      AND NOT EXISTS (SELECT FROM flowctl_catalog.run_message m
                      WHERE m.run_id = c.parent_run_id AND m.call_id = c.call_id))",
                                 {INT4OID, INT4OID, BOOLOID});

std::vector<Waiting> find_untold(Spi& spi, int shard, int shards, bool adopted_only) {
    return read_waiting(
        spi.run(find_untold_sql, std::move(Params().int4(shards).int4(shard).boolean(adopted_only))));
}

static Statement count_waiting_sql(R"(
    SELECT count(*) FROM flowctl_catalog.child_flow c
    WHERE pg_catalog.get_byte(pg_catalog.uuid_send(c.parent_run_id), 15) % 64 % $1 = $2)",
                                   {INT4OID, INT4OID});

std::int64_t count_waiting(Spi& spi, int shard, int shards) {
    return spi.run(count_waiting_sql, std::move(Params().int4(shards).int4(shard))).int8(0, 0);
}

// ---------------------------------------------------------------------------------------------- messages

void append_messages(const std::vector<Message>& messages) {
    if (messages.empty()) return;
    Append append("run_message", {"run_id", "call_id", "sender", "as_json", "content"}, messages.size());
    for (const Message& message : messages)
        append.uuid(message.to.first)
            .int8(message.to.second)
            .uuid(message.sender)
            .ready(BoolGetDatum(message.as_json))
            .text(message.content);
    append.write();
}

static Statement find_messages_sql(R"(
    SELECT m.run_id, m.call_id, m.sender, m.as_json, m.content FROM flowctl_catalog.run_message m
    WHERE pg_catalog.get_byte(pg_catalog.uuid_send(m.run_id), 15) % 64 % $1 = $2
    ORDER BY m.run_id, m.call_id LIMIT $3)",
                                   {INT4OID, INT4OID, INT8OID});

std::vector<Message> find_messages(Spi& spi, int shard, int shards, std::size_t limit) {
    if (!has_rows("run_message")) return {};
    const Rows rows =
        spi.run(find_messages_sql,
                std::move(Params().int4(shards).int4(shard).int8(static_cast<std::int64_t>(limit))));
    std::vector<Message> messages;
    messages.reserve(rows.size());
    for (std::size_t i = 0; i < rows.size(); i++)
        messages.push_back(
            {{rows.uuid(i, 0), rows.int8(i, 1)}, rows.uuid(i, 2), rows.boolean(i, 3), rows.text(i, 4)});
    return messages;
}

static Statement delete_messages_sql(
    "DELETE FROM flowctl_catalog.run_message m USING unnest($1, $2) AS k(run_id, call_id) "
    "WHERE m.run_id = k.run_id AND m.call_id = k.call_id",
    {UUIDARRAYOID, INT8ARRAYOID});

void delete_messages(Spi& spi, const std::vector<CallKey>& keys) {
    if (!keys.empty()) spi.run(delete_messages_sql, params_of(keys));
}

// ------------------------------------------------------------------------------------------------ ends

static LeafStatement objections_sql(R"(
    SELECT r.run_id, flowctl_catalog.objection_to_redrive(r.status, r.type, r.map_run_id, f.flow_id, e.run_id, e.ended_at, e.events)
    FROM {leaf} r LEFT JOIN flowctl_catalog.flow f ON f.flow_id = r.flow_id
         LEFT JOIN flowctl_catalog.ended_frame e ON e.run_id = r.run_id
    WHERE r.run_id = ANY ($1))",
                                    {UUIDARRAYOID});

// A run that has succeeded needs no look.
static void find_objections(Spi& spi, std::vector<EndedRun>& ended) {
    std::map<Uuid, EndedRun*> by_id;
    std::vector<Uuid> ids;
    for (EndedRun& run : ended)
        if (run.status != machine::Status::Succeeded) {
            by_id.emplace(run.id, &run);
            ids.push_back(run.id);
        }
    if (ids.empty()) return;
    const IndexScans by_index;
    for (const LeafGroup& group : by_leaf("run", ids)) {
        const Rows rows = objections_sql.run(spi, group.leaf, std::move(Params().uuids(pick(ids, group))));
        for (std::size_t i = 0; i < rows.size(); i++)
            by_id.at(rows.uuid(i, 0))->not_redrivable = rows.optional_text(i, 1);
    }
}

std::vector<EndedRun> find_ended_runs(Spi& spi, const std::vector<Uuid>& ids) {
    std::vector<EndedRun> ended;
    for (const LeafGroup& group : by_leaf("run", ids)) {
        const Rows rows = find_by_key(group.leaf,
                                      {"run_id", "flow", "version", "type", "name", "status", "input",
                                       "error", "cause", "started_at", "ended_at", "redrive_count", "alias"},
                                      pick(ids, group));
        for (std::size_t i = 0; i < rows.size(); i++) {
            EndedRun& run = ended.emplace_back();
            run.id = rows.uuid(i, 0);
            run.flow = rows.text(i, 1);
            run.version = rows.int4(i, 2);
            run.express = rows.text(i, 3) == "EXPRESS";
            run.name = rows.optional_text(i, 4);
            run.status = read_status(rows, i, 5);
            run.input = rows.text(i, 6);
            run.error = rows.optional_text(i, 7);
            run.cause = rows.optional_text(i, 8);
            run.started_at = rows.timestamp(i, 9);
            run.ended_at = rows.timestamp(i, 10);
            run.redrive_count = rows.int4(i, 11);
            run.alias = rows.optional_text(i, 12);
        }
    }
    find_objections(spi, ended);
    return ended;
}

}  // namespace flowctl::pg::store
