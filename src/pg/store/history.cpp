// SQL of the store of history. See history.hpp.
#include "pg/store/history.hpp"

#include <deque>

#include "core/json.hpp"

namespace flowctl::pg::store {

namespace {

using Texts = std::vector<std::optional<std::string_view>>;

std::optional<std::string_view> view(const std::optional<std::string>& value) {
    return value ? std::optional<std::string_view>(*value) : std::nullopt;
}

}  // namespace

static Statement append_history_sql(R"(
    INSERT INTO flowctl.history_event (run_id, event_id, previous_event_id, at, type, details, payload_key, payload,
                                       payload_ref, path, state, visit, attempt)
    SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13))",
                                    {UUIDARRAYOID, INT4ARRAYOID, INT4ARRAYOID, TIMESTAMPTZARRAYOID,
                                     TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, INT4ARRAYOID,
                                     TEXTARRAYOID, TEXTARRAYOID, INT4ARRAYOID, INT4ARRAYOID});

void append_history(Spi& spi, const std::vector<HistoryRow>& rows) {
    if (rows.empty()) return;
    std::deque<std::string> dumped;  // holds the texts that the views below point to
    std::vector<Uuid> ids;
    std::vector<std::int32_t> event_ids, previous_ids;
    std::vector<std::optional<std::int64_t>> at;
    Texts types, details, keys, payloads, paths, states;
    std::vector<std::optional<std::int32_t>> refs, visits, attempts;
    for (const HistoryRow& row : rows) {
        const machine::HistoryEvent& event = row.event;
        ids.push_back(row.run_id);
        event_ids.push_back(static_cast<std::int32_t>(event.id));
        previous_ids.push_back(static_cast<std::int32_t>(event.previous_id));
        at.emplace_back(event.at);
        types.emplace_back(event.type);
        if (event.details.is_null())
            details.emplace_back();
        else
            details.emplace_back(dumped.emplace_back(json::dump(event.details)));
        if (event.payload_key != nullptr)
            keys.emplace_back(event.payload_key);
        else
            keys.emplace_back();
        if (event.payload)
            payloads.emplace_back(dumped.emplace_back(json::dump(*event.payload)));
        else
            payloads.emplace_back();
        if (event.payload_ref)
            refs.emplace_back(static_cast<std::int32_t>(*event.payload_ref));
        else
            refs.emplace_back();
        const bool of_state = !event.state.empty();
        paths.push_back(of_state ? std::optional<std::string_view>(event.path) : std::nullopt);
        states.push_back(of_state ? std::optional<std::string_view>(event.state) : std::nullopt);
        visits.push_back(of_state ? std::optional<std::int32_t>(event.visit) : std::nullopt);
        attempts.push_back(event.attempt > 0 ? std::optional<std::int32_t>(event.attempt) : std::nullopt);
    }
    Params params;
    params.uuids(ids)
        .int4s(event_ids)
        .int4s(previous_ids)
        .timestamps(at)
        .texts(types)
        .texts(details)
        .texts(keys);
    params.texts(payloads).optional_int4s(refs).texts(paths).texts(states).optional_int4s(visits);
    params.optional_int4s(attempts);
    spi.run(append_history_sql, std::move(params));
}

static Statement append_calls_sql(R"(
    INSERT INTO flowctl.call (run_id, call_id, sending, path, state, visit, attempt, endpoint, options_hash, method, host,
                              url_path, issuer, client_id, subject, audience, scope, idempotency_key, request_hash,
                              started_at)
    SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
                                    $19, $20))",
                                  {UUIDARRAYOID, INT4ARRAYOID, INT4ARRAYOID, TEXTARRAYOID,
                                   TEXTARRAYOID, INT4ARRAYOID, INT4ARRAYOID, TEXTARRAYOID,
                                   TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
                                   TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
                                   TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TIMESTAMPTZARRAYOID});

void append_calls(Spi& spi, const std::vector<CallIntent>& calls) {
    if (calls.empty()) return;
    std::vector<Uuid> ids;
    std::vector<std::int32_t> call_ids, sendings, visits, attempts;
    Texts paths, states, endpoints, hashes, methods, hosts, url_paths, issuers, clients, subjects, audiences,
        scopes, keys, request_hashes;
    std::vector<std::optional<std::int64_t>> at;
    for (const CallIntent& call : calls) {
        ids.push_back(call.run_id);
        call_ids.push_back(call.call_id);
        sendings.push_back(call.sending);
        paths.emplace_back(call.path);
        states.emplace_back(call.state);
        visits.push_back(call.visit);
        attempts.push_back(call.attempt);
        endpoints.emplace_back(call.endpoint);
        hashes.push_back(view(call.options_hash));
        methods.push_back(view(call.method));
        hosts.push_back(view(call.host));
        url_paths.push_back(view(call.url_path));
        issuers.push_back(view(call.issuer));
        clients.push_back(view(call.client_id));
        subjects.push_back(view(call.subject));
        audiences.push_back(view(call.audience));
        scopes.push_back(view(call.scope));
        keys.push_back(view(call.idempotency_key));
        request_hashes.push_back(view(call.request_hash));
        at.emplace_back(call.started_at);
    }
    Params params;
    params.uuids(ids).int4s(call_ids).int4s(sendings).texts(paths).texts(states).int4s(visits).int4s(
        attempts);
    params.texts(endpoints).texts(hashes).texts(methods).texts(hosts).texts(url_paths).texts(issuers).texts(
        clients);
    params.texts(subjects).texts(audiences).texts(scopes).texts(keys).texts(request_hashes).timestamps(at);
    spi.run(append_calls_sql, std::move(params));
}

static Statement next_sending_sql(R"(
    SELECT coalesce(max(sending), 0) + 1 FROM flowctl.call WHERE run_id = $1 AND call_id = $2)",
                                  {UUIDOID, INT4OID});

std::int32_t next_sending(Spi& spi, const Uuid& run_id, std::int32_t call_id) {
    return spi.run(next_sending_sql, std::move(Params().uuid(run_id).int4(call_id))).int4(0, 0);
}

static Statement append_outcomes_sql(R"(
    INSERT INTO flowctl.call_outcome (run_id, call_id, sending, ended_at, duration, sends, http_status, error, address,
                                      token_id, token_expires_at, request_bytes, response_bytes, response_hash)
    SELECT u.run_id, u.call_id, u.sending, u.ended_at, pg_catalog.make_interval(secs => u.micros / 1000000.0), u.sends,
           u.http_status, u.error, u.address, u.token_id, u.token_expires_at, u.request_bytes, u.response_bytes,
           u.response_hash
    FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
         AS u(run_id, call_id, sending, ended_at, micros, sends, http_status, error, address, token_id, token_expires_at,
              request_bytes, response_bytes, response_hash))",
                                     {UUIDARRAYOID, INT4ARRAYOID, INT4ARRAYOID, TIMESTAMPTZARRAYOID,
                                      INT8ARRAYOID, INT4ARRAYOID, INT4ARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
                                      TEXTARRAYOID, TIMESTAMPTZARRAYOID, INT8ARRAYOID, INT8ARRAYOID,
                                      TEXTARRAYOID});

void append_outcomes(Spi& spi, const std::vector<CallOutcome>& outcomes) {
    if (outcomes.empty()) return;
    std::vector<Uuid> ids;
    std::vector<std::int32_t> call_ids, sendings, sends;
    std::vector<std::int64_t> micros, request_bytes, response_bytes;
    std::vector<std::optional<std::int64_t>> at, expires;
    std::vector<std::optional<std::int32_t>> statuses;
    Texts errors, addresses, tokens, hashes;
    for (const CallOutcome& outcome : outcomes) {
        ids.push_back(outcome.run_id);
        call_ids.push_back(outcome.call_id);
        sendings.push_back(outcome.sending);
        at.emplace_back(outcome.ended_at);
        micros.push_back(outcome.duration_micros);
        sends.push_back(outcome.sends);
        statuses.push_back(outcome.http_status);
        errors.push_back(view(outcome.error));
        addresses.push_back(view(outcome.address));
        tokens.push_back(view(outcome.token_id));
        expires.push_back(outcome.token_expires_at);
        request_bytes.push_back(outcome.request_bytes);
        response_bytes.push_back(outcome.response_bytes);
        hashes.push_back(view(outcome.response_hash));
    }
    Params params;
    params.uuids(ids).int4s(call_ids).int4s(sendings).timestamps(at).int8s(micros).int4s(sends);
    params.optional_int4s(statuses).texts(errors).texts(addresses).texts(tokens).timestamps(expires);
    params.int8s(request_bytes).int8s(response_bytes).texts(hashes);
    spi.run(append_outcomes_sql, std::move(params));
}

static Statement append_revocation_sql("INSERT INTO flowctl.token_revocation VALUES ($1, $2, $3, $4, $5)",
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
