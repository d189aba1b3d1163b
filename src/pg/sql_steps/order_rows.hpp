// The rows of flowctl_catalog.sql_order, and the lock that decides who may do something about one.
//
// An order is executed, and its row deleted, only by a process that holds the order's lock, and the lock is kept to
// the end of the transaction. The lock is none of the row: so a function that only reads needs no transaction id
// of its own until its result is stored. Whoever gets the lock must read the row afterwards.
//
// Every function runs inside the caller's transaction and raises PgError.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/machine/machine.hpp"
#include "pg/server/spi.hpp"

namespace flowctl::pg::store {

// The key of the order of an attempt. The same attempt always has the same key, also where an EXPRESS run begins
// again after a crash.
Uuid order_id_of(const Uuid& run, const machine::Call& call, std::int32_t redrive_count);

// Without waiting. False: another process has it.
bool lock_order(const Uuid& order);

struct NewOrder {
    Uuid order_id{};
    Uuid run_id{};
    std::int64_t call_id = 0;
    Oid flow_owner = InvalidOid;
    Oid role = InvalidOid;
    std::string function, input, flow;
    std::int32_t version = 0;
    std::string state, path;
    std::int32_t depth = 0;
    std::optional<std::string> subject, subject_issuer, subject_claims, handed_token;
    std::optional<std::int64_t> due_at;
};
void append_orders(const std::vector<NewOrder>& orders);

struct OrderResult {
    std::optional<std::string> output;  // JSON; nullopt: it has failed
    std::string error, cause;
};
// What the worker needs of an order.
struct OrderState {
    Uuid order_id{};
    Uuid run_id{};
    std::int64_t call_id = 0;
    std::optional<OrderResult> result;
};
std::vector<OrderState> find_order_states(const std::vector<Uuid>& ids);
// What the executor needs; nullopt: there is none.
struct StoredOrder : NewOrder {
    bool done = false;
};
std::optional<StoredOrder> find_order(const Uuid& id);

void store_result(Spi& spi, const Uuid& order, const OrderResult& result);
void delete_orders(Spi& spi, const std::vector<Uuid>& ids);

// The order of a call that is not in memory.
std::optional<Uuid> find_order_of_call(Spi& spi, const Uuid& run, std::int64_t call);
std::vector<Uuid> find_orders_of_run(Spi& spi, const Uuid& run);
// Orders of a role without a result, behind that one.
struct WaitingOrder {
    Uuid order_id{};
    Uuid run_id{};
    std::int64_t call_id = 0;
    Oid flow_owner = InvalidOid;
};
std::vector<WaitingOrder> find_waiting_orders(Spi& spi, Oid role, int shard, int shards, const Uuid& behind, int limit);
// Orders of runs that have ended, of which this is the rest.
void delete_orphaned_orders(Spi& spi, int shard, int shards);

}  // namespace flowctl::pg::store
