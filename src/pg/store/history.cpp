// The store of history. See history.hpp.
#include "pg/store/history.hpp"

#include <algorithm>
#include <deque>

#include "core/json.hpp"
#include "pg/store/append.hpp"
#include "pg/store/by_leaf.hpp"

namespace flowctl::pg::store {

namespace {

// JSON texts that rows point to until they are written, in few pieces of memory.
class DumpedTexts {
  public:
    std::string_view add(const json::Value& value) {
        text_.clear();
        json::dump(value, text_);
        if (pieces_.empty() || pieces_.back().capacity() - pieces_.back().size() < text_.size())
            pieces_.emplace_back().reserve(std::max(kPiece, text_.size()));
        std::string& piece = pieces_.back();
        piece.append(text_);
        return std::string_view(piece).substr(piece.size() - text_.size());
    }

  private:
    static constexpr std::size_t kPiece = 32 * 1024;
    std::string text_;
    std::deque<std::string> pieces_;  // none grows beyond what it has reserved
};

}  // namespace

void append_history(const std::vector<HistoryRow>& rows) {
    if (rows.empty()) return;
    DumpedTexts dumped;
    Append append("history_event",
                  {"run_id", "event_id", "previous_event_id", "at", "type", "details", "payload_key",
                   "payload", "payload_ref", "path", "state", "visit", "attempt"},
                  rows.size());
    for (const HistoryRow& row : rows) {
        const machine::HistoryEvent& event = row.event;
        append.uuid(row.run_id)
            .int4(static_cast<std::int32_t>(event.id))
            .int4(static_cast<std::int32_t>(event.previous_id));
        append.timestamp(event.at).text(event.type);
        event.details.is_null() ? append.null() : append.text(dumped.add(event.details));
        event.payload_key == nullptr ? append.null() : append.text(event.payload_key);
        event.payload ? append.text(dumped.add(*event.payload)) : append.null();
        event.payload_ref ? append.int4(static_cast<std::int32_t>(*event.payload_ref)) : append.null();
        if (event.state.empty())
            append.null().null().null();
        else
            append.text(event.path).text(event.state).int4(event.visit);
        event.attempt > 0 ? append.int4(event.attempt) : append.null();
    }
    append.write();
}

void append_calls(const std::vector<const CallIntent*>& calls) {
    if (calls.empty()) return;
    Append append("call",
                  {"run_id",          "call_id",      "sending",      "path",     "state",    "visit",
                   "attempt",         "endpoint",     "options_hash", "method",   "host",     "url_path",
                   "issuer",          "client_id",    "subject",      "actor",    "audience", "scope",
                   "idempotency_key", "request_hash", "started_at",   "decision", "auth",     "lease"},
                  calls.size());
    for (const CallIntent* one : calls) {
        const CallIntent& call = *one;
        append.uuid(call.run_id).int4(call.call_id).int4(call.sending).text(call.path).text(call.state);
        append.int4(call.visit)
            .int4(call.attempt)
            .text(call.endpoint)
            .text_or_null(call.options_hash)
            .text_or_null(call.method);
        append.text_or_null(call.host)
            .text_or_null(call.url_path)
            .text_or_null(call.issuer)
            .text_or_null(call.client_id)
            .text_or_null(call.subject)
            .text_or_null(call.actor);
        append.text_or_null(call.audience)
            .text_or_null(call.scope)
            .text_or_null(call.idempotency_key)
            .text_or_null(call.request_hash);
        append.timestamp(call.started_at)
            .text_or_null(call.decision)
            .text(call.auth)
            .text_or_null(call.lease);
    }
    append.write();
}

static LeafStatement last_sending_sql(R"(
    SELECT sending FROM {leaf} WHERE run_id = $1 AND call_id = $2 ORDER BY sending DESC LIMIT 1)",
                                      {UUIDOID, INT4OID});

std::int32_t next_sending(Spi& spi, const Uuid& run_id, std::int32_t call_id) {
    const Oid leaf = by_leaf("call", {run_id}).front().leaf;
    const Rows rows = last_sending_sql.run(spi, leaf, std::move(Params().uuid(run_id).int4(call_id)));
    return rows.size() == 0 ? 1 : rows.int4(0, 0) + 1;
}

void append_outcomes(const std::vector<CallOutcome>& outcomes) {
    if (outcomes.empty()) return;
    Append append("call_outcome",
                  {"run_id", "call_id", "sending", "ended_at", "duration", "sends", "http_status", "error",
                   "address", "token_id", "token_expires_at", "subject", "actor", "request_bytes",
                   "response_bytes", "response_hash"},
                  outcomes.size());
    for (const CallOutcome& outcome : outcomes) {
        append.uuid(outcome.run_id).int4(outcome.call_id).int4(outcome.sending).timestamp(outcome.ended_at);
        append.interval(outcome.duration_micros)
            .int4(outcome.sends)
            .int4(outcome.http_status)
            .text_or_null(outcome.error);
        append.text_or_null(outcome.address)
            .text_or_null(outcome.token_id)
            .timestamp(outcome.token_expires_at)
            .text_or_null(outcome.subject)
            .text_or_null(outcome.actor);
        append.int8(outcome.request_bytes).int8(outcome.response_bytes).text_or_null(outcome.response_hash);
    }
    append.write();
}

static Statement append_revocation_sql(
    "INSERT INTO flowctl_catalog.token_revocation VALUES ($1, $2, $3, $4, $5)",
    {UUIDOID, TEXTOID, TIMESTAMPTZOID, BOOLOID, TEXTOID});

void append_revocations(Spi& spi, const std::vector<RevocationRow>& rows) {
    for (const RevocationRow& row : rows)
        spi.run(append_revocation_sql, std::move(Params()
                                                     .uuid(row.run_id)
                                                     .text(row.token_id)
                                                     .timestamp(row.at)
                                                     .boolean(row.revoked)
                                                     .text(row.message)));
}

}  // namespace flowctl::pg::store
