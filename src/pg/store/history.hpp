// The store of history: transitions, the intents and outcomes of calls, and revocations. Append-only.
//
// Everything of one turn goes into a table at once. Every function runs inside the caller's transaction and
// raises PgError.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/machine/machine.hpp"
#include "pg/server/spi.hpp"

namespace flowctl::pg::store {

struct HistoryRow {
    Uuid run_id{};
    machine::HistoryEvent event;
};
void append_history(const std::vector<HistoryRow>& rows);

struct CallIntent {
    Uuid run_id{};
    std::int32_t call_id = 0;
    std::int32_t sending = 1;
    std::string path, state;
    std::int32_t visit = 0, attempt = 0;
    std::string endpoint, auth;
    std::optional<std::string> options_hash, method, host, url_path, issuer, client_id, subject, actor,
        audience, scope;
    std::optional<std::string> idempotency_key, request_hash, decision, lease;
    std::int64_t started_at = 0;
};
void append_calls(const std::vector<const CallIntent*>& calls);
// The number for the next sending of a call: 1, or one more than the last one recorded.
std::int32_t next_sending(Spi& spi, const Uuid& run_id, std::int32_t call_id);

struct CallOutcome {
    Uuid run_id{};
    std::int32_t call_id = 0;
    std::int32_t sending = 1;
    std::int64_t ended_at = 0;
    std::int64_t duration_micros = 0;
    std::int32_t sends = 0;
    std::optional<std::int32_t> http_status;
    std::optional<std::string> error, address, token_id, subject, actor;
    std::optional<std::int64_t> token_expires_at;
    std::int64_t request_bytes = 0, response_bytes = 0;
    std::optional<std::string> response_hash;
};
void append_outcomes(const std::vector<CallOutcome>& outcomes);

struct RevocationRow {
    Uuid run_id{};
    std::string token_id;
    std::int64_t at = 0;
    bool revoked = false;
    std::optional<std::string> message;
};
void append_revocations(Spi& spi, const std::vector<RevocationRow>& rows);

}  // namespace flowctl::pg::store
