// SQL of order_rows.hpp.
#include "pg/sql_steps/order_rows.hpp"

#include <algorithm>
#include <cstring>

#include "net/crypto/crypto.hpp"
#include "pg/server/process.hpp"
#include "pg/store/append.hpp"
#include "pg/store/by_key.hpp"

namespace flowctl::pg::store {

namespace {

// As much of a run's id as its orders begin with.
constexpr std::size_t kSharedBytes = 8;

}  // namespace

Uuid order_id_of(const Uuid& run, const machine::Call& call, std::int32_t redrive_count) {
    std::string place(reinterpret_cast<const char*>(run.data()), run.size());
    place += std::to_string(call.visit) + "/" + std::to_string(call.attempt) + "/" + std::to_string(redrive_count) +
             "/" + std::to_string(call.path.size()) + "/" + call.path + "/" + call.state;
    const std::string hash = net::sha256(place);
    Uuid id = run;
    std::copy_n(hash.begin(), id.size() - kSharedBytes - 1, id.begin() + kSharedBytes);
    return id;
}

bool lock_order(const Uuid& order) {
    std::uint32_t words[2];
    memcpy(words, order.data() + kSharedBytes, sizeof words);
    return lock_for_transaction(ProcessLock::SqlOrder, words[0], words[1]);
}

void append_orders(const std::vector<NewOrder>& orders) {
    if (orders.empty()) return;
    Append append("sql_order",
                  {"order_id", "run_id", "call_id", "flow_owner", "role", "function", "input", "flow", "version",
                   "state", "path", "depth", "subject", "subject_issuer", "subject_claims", "handed_token", "due_at", "since"},
                  orders.size());
    const std::int64_t now = unix_micros_now();
    for (const NewOrder& order : orders)
        append.uuid(order.order_id)
            .uuid(order.run_id)
            .int8(order.call_id)
            .oid(order.flow_owner)
            .oid(order.role)
            .text(order.function)
            .text(order.input)
            .text(order.flow)
            .int4(order.version)
            .text(order.state)
            .text(order.path)
            .int4(order.depth)
            .text_or_null(order.subject)
            .text_or_null(order.subject_issuer)
            .text_or_null(order.subject_claims)
            .text_or_null(order.handed_token)
            .timestamp(order.due_at)
            .timestamp(now);
    append.write();
}

std::vector<OrderState> find_order_states(const std::vector<Uuid>& ids) {
    std::vector<OrderState> states;
    if (ids.empty()) return states;
    const Rows rows = find_by_key(table_named("sql_order"),
                                  {"order_id", "run_id", "call_id", "done_at", "output", "error", "cause"}, ids);
    for (std::size_t i = 0; i < rows.size(); i++) {
        OrderState& state = states.emplace_back();
        state.order_id = rows.uuid(i, 0);
        state.run_id = rows.uuid(i, 1);
        state.call_id = rows.int8(i, 2);
        if (rows.is_null(i, 3)) continue;
        state.result = OrderResult{rows.optional_text(i, 4), rows.text(i, 5), rows.text(i, 6)};
    }
    return states;
}

std::optional<StoredOrder> find_order(const Uuid& id) {
    const Rows rows = find_by_key(table_named("sql_order"),
                                  {"order_id", "run_id", "call_id", "flow_owner", "role", "function", "input", "flow",
                                   "version", "state", "path", "depth", "subject", "subject_issuer", "subject_claims",
                                   "handed_token", "due_at", "done_at"},
                                  {id});
    if (rows.size() == 0) return std::nullopt;
    StoredOrder order;
    order.order_id = rows.uuid(0, 0);
    order.run_id = rows.uuid(0, 1);
    order.call_id = rows.int8(0, 2);
    order.flow_owner = rows.oid(0, 3);
    order.role = rows.oid(0, 4);
    order.function = rows.text(0, 5);
    order.input = rows.text(0, 6);
    order.flow = rows.text(0, 7);
    order.version = rows.int4(0, 8);
    order.state = rows.text(0, 9);
    order.path = rows.text(0, 10);
    order.depth = rows.int4(0, 11);
    order.subject = rows.optional_text(0, 12);
    order.subject_issuer = rows.optional_text(0, 13);
    order.subject_claims = rows.optional_text(0, 14);
    order.handed_token = rows.optional_text(0, 15);
    order.due_at = rows.optional_timestamp(0, 16);
    order.done = !rows.is_null(0, 17);
    return order;
}

static Statement store_result_sql(
    "UPDATE flowctl_catalog.sql_order SET done_at = $2, output = $3, error = $4, cause = $5 WHERE order_id = $1",
    {UUIDOID, TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID});

void store_result(Spi& spi, const Uuid& order, const OrderResult& result) {
    const std::int64_t now = unix_micros_now();
    RowFields row;
    row.uuid(order).timestamp(now).text_or_null(result.output);
    if (result.output)
        row.null().null();
    else
        row.text(result.error).text(result.cause);
    if (update_by_key(table_named("sql_order"), {"order_id", "done_at", "output", "error", "cause"}, row).empty())
        return;
    Params params;
    params.uuid(order).timestamp(now);
    if (result.output)
        params.text(*result.output).null().null();
    else
        params.null().text(result.error).text(result.cause);
    spi.run(store_result_sql, std::move(params));
}

static Statement delete_sql("DELETE FROM flowctl_catalog.sql_order WHERE order_id = ANY ($1)", {UUIDARRAYOID});

void delete_orders(Spi& spi, const std::vector<Uuid>& ids) {
    if (ids.empty()) return;
    const std::vector<Uuid> left = delete_by_key(table_named("sql_order"), ids);
    if (!left.empty()) spi.run(delete_sql, std::move(Params().uuids(left)));
}

// Orders of one run stand together.
static Statement find_of_run_sql("SELECT order_id, call_id FROM flowctl_catalog.sql_order "
                                 "WHERE order_id BETWEEN $1 AND $2 AND run_id = $3",
                                 {UUIDOID, UUIDOID, UUIDOID});

static Rows find_of_run(Spi& spi, const Uuid& run) {
    Uuid first = run, last = run;
    std::fill(first.begin() + kSharedBytes, first.end(), std::uint8_t{0});
    std::fill(last.begin() + kSharedBytes, last.end(), std::uint8_t{255});
    return spi.run(find_of_run_sql, std::move(Params().uuid(first).uuid(last).uuid(run)));
}

std::optional<Uuid> find_order_of_call(Spi& spi, const Uuid& run, std::int64_t call) {
    const Rows rows = find_of_run(spi, run);
    for (std::size_t i = 0; i < rows.size(); i++)
        if (rows.int8(i, 1) == call) return rows.uuid(i, 0);
    return std::nullopt;
}

std::vector<Uuid> find_orders_of_run(Spi& spi, const Uuid& run) {
    const Rows rows = find_of_run(spi, run);
    std::vector<Uuid> ids;
    for (std::size_t i = 0; i < rows.size(); i++)
        ids.push_back(rows.uuid(i, 0));
    return ids;
}

static Statement find_waiting_sql(R"(
    SELECT order_id, run_id, call_id, flow_owner::oid FROM flowctl_catalog.sql_order
    WHERE order_id > $1 AND role = $2 AND done_at IS NULL
      AND pg_catalog.get_byte(pg_catalog.uuid_send(run_id), 15) % 64 % $3 = $4
    ORDER BY order_id LIMIT $5)",
                                  {UUIDOID, OIDOID, INT4OID, INT4OID, INT4OID});

std::vector<WaitingOrder> find_waiting_orders(Spi& spi, Oid role, int shard, int shards, const Uuid& behind, int limit) {
    const Rows rows = spi.run(find_waiting_sql,
                              std::move(Params().uuid(behind).oid(role).int4(shards).int4(shard).int4(limit)));
    std::vector<WaitingOrder> orders;
    for (std::size_t i = 0; i < rows.size(); i++)
        orders.push_back({rows.uuid(i, 0), rows.uuid(i, 1), rows.int8(i, 2), rows.oid(i, 3)});
    return orders;
}

static Statement delete_orphaned_sql(R"(
    DELETE FROM flowctl_catalog.sql_order o
    WHERE pg_catalog.get_byte(pg_catalog.uuid_send(o.run_id), 15) % 64 % $1 = $2
      AND NOT EXISTS (SELECT FROM flowctl_catalog.run r WHERE r.run_id = o.run_id AND r.status = 'RUNNING'))",
                                     {INT4OID, INT4OID});

void delete_orphaned_orders(Spi& spi, int shard, int shards) {
    spi.run(delete_orphaned_sql, std::move(Params().int4(shards).int4(shard)));
}

}  // namespace flowctl::pg::store
