// The store of events: rows of flowctl_catalog.event, and of the tables that belong to it.
//
// Every function runs inside the caller's transaction, as the extension's owner, and raises PgError.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/json.hpp"
#include "pg/server/spi.hpp"

namespace flowctl::pg::store {

// An event with the session that has caused it.
struct EventRow {
    Uuid event_id{};
    std::string type, source, id;
    bool is_named = false;
    std::optional<std::string> subject;
    std::optional<std::string> data, attributes;  // JSON text
    std::int64_t at = 0;
    std::int32_t depth = 0;
    std::optional<Uuid> caused_by;
    Oid emitter = InvalidOid;
    Oid reader = InvalidOid;
    std::string session_user;
    std::optional<std::string> system_user, subject_name, subject_issuer, subject_claims, asserted_subject;
    std::optional<std::string> application_name, traceparent;
    Datum client_addr = 0;  // inet; lasts as long as the transaction
};

// The event as a CloudEvent 1.0.
json::Value cloud_event(const EventRow& event, bool with_data);

void insert_events(const std::vector<EventRow>& events);
// An event whose id was given. The id of the one that there is already; nullopt: the row is new. Waits for a
// concurrent transaction that inserts it.
std::optional<Uuid> insert_named_event(Spi& spi, const EventRow& event);
std::optional<EventRow> find_event(Spi& spi, const Uuid& id);

struct PendingEvent {
    Uuid event_id{};
    Uuid rule_id{};
    bool cancels = false;
};
void insert_pending(Spi& spi, const PendingEvent& pending);
// The oldest of them, of the rules of this shard.
std::vector<PendingEvent> find_pending(Spi& spi, int shard, int shards, std::size_t limit);
void delete_pending(Spi& spi, const PendingEvent& pending);

struct EventFailure {
    std::string rule;
    Oid rule_owner = InvalidOid;
    std::string flow;
    Uuid event_id{};
    std::string type;
    std::int32_t depth = 0;
    std::string reason;
};
void insert_failure(Spi& spi, const EventFailure& failure);
void disable_rule(Spi& spi, const Uuid& rule_id, const std::string& reason);

// Events, failures and what belongs to them from before this time; some thousand at a time. Returns how many.
std::int64_t expire_events(Spi& spi, std::int64_t since);

}  // namespace flowctl::pg::store
