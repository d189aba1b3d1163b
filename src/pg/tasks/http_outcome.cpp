// HTTP Tasks: what an answer is to the run, and what flowctl_catalog.call records of it. See http_task.hpp.
#include <algorithm>
#include <chrono>

#include "calls/http_answer.hpp"
#include "core/machine/task_token.hpp"
#include "net/crypto/crypto.hpp"
#include "net/crypto/encoding.hpp"
#include "net/http/redact.hpp"
#include "pg/tasks/http_task.hpp"

namespace flowctl::pg::http_task {

namespace {

constexpr const char* kDataLimitExceeded = "States.DataLimitExceeded";
constexpr std::int64_t kLongestRetryAfterMicros = 86'400'000'000;  // an endpoint parks no run for longer

std::int64_t micros(net::Seconds seconds) {
    return static_cast<std::int64_t>(seconds.count() * 1e6);
}

store::CallOutcome outcome_of(const Pending& pending, const net::Response& response, std::int64_t now) {
    using calls::storable;
    store::CallOutcome outcome;
    outcome.run_id = pending.run_id;
    outcome.call_id = static_cast<std::int32_t>(pending.call_id);
    outcome.sending = pending.sending;
    outcome.ended_at = now;
    outcome.duration_micros = micros(response.duration);
    outcome.sends = response.sends;
    if (response.status != 0) outcome.http_status = response.status;
    if (!response.address.empty()) outcome.address = storable(response.address);
    if (response.token) {
        outcome.token_id = storable(response.token->fingerprint);
        if (pending.for_subject && !response.token->subject.empty())
            outcome.subject = storable(response.token->subject);
        if (pending.for_subject && !response.token->actor.empty())
            outcome.actor = storable(response.token->actor);
        outcome.token_expires_at = std::chrono::duration_cast<std::chrono::microseconds>(
                                       response.token->expires_at.time_since_epoch())
                                       .count();
    }
    outcome.request_bytes = static_cast<std::int64_t>(response.request_bytes);
    outcome.response_bytes = static_cast<std::int64_t>(response.body.size());
    if (response.failure == net::Failure::None)
        outcome.response_hash = net::hex_encode(net::sha256(response.body));
    return outcome;
}

// The time before which the endpoint, or the issuer of its credential, does not want to be asked again.
std::optional<std::int64_t> not_before(const net::Response& response, std::int64_t now) {
    if (!response.retry_after) return std::nullopt;
    return now + std::min(micros(*response.retry_after), kLongestRetryAfterMicros);
}

}  // namespace

DocumentAnswer interpret_document(const Pending& pending, net::Response&& response, std::int64_t now) {
    DocumentAnswer answer{{}, outcome_of(pending, response, now)};
    answer.body = calls::successful_text(std::move(response), pending.endpoint);
    if (const auto* refusal = std::get_if<Refusal>(&answer.body)) answer.outcome.error = refusal->error;
    return answer;
}

// The answer may hold the token, plainly or in some encoding.
static void hide_token(const std::string& token, net::Response& response) {
    if (token.empty()) return;
    net::Redactor encoded;
    encoded.add(token);
    const auto hide = [&](std::string& text) {
        text = machine::mask_token(std::move(text), token);
        encoded.apply(text);
    };
    hide(response.body);
    hide(response.message);
    hide(response.status_text);
    for (net::Header& header : response.headers)
        hide(header.second);
}

Interpreted interpret(const Pending& pending, net::Response&& response, std::int64_t now) {
    hide_token(pending.token, response);
    Interpreted interpreted;
    interpreted.outcome = outcome_of(pending, response, now);
    if (response.failure == net::Failure::TooLarge && pending.bounded_by_payload) {
        interpreted.outcome.error = kDataLimitExceeded;
        machine::TaskFailed event;
        event.call = pending.call_id;
        event.error = kDataLimitExceeded;
        event.cause = calls::storable(response.message) + ", 4 times flowctl.max_payload_bytes";
        interpreted.event = std::move(event);
        return interpreted;
    }
    calls::Meaning meaning = calls::meaning_of(*pending.protocol, pending.follow, response, pending.endpoint);
    if (!meaning.error.empty()) interpreted.outcome.error = std::move(meaning.error);
    const auto wait_until = not_before(response, now);
    if (auto* value = std::get_if<json::Value>(&meaning.what)) {
        if (pending.place.empty())
            interpreted.event = machine::TaskSucceeded{pending.call_id, std::move(*value)};
        else
            interpreted.event =
                machine::TaskContinues{pending.call_id, std::nullopt, json::Value(), std::move(*value)};
    } else if (auto* continues = std::get_if<calls::Continues>(&meaning.what)) {
        machine::TaskContinues event;
        event.call = pending.call_id;
        event.next_at = std::max(now + micros(pending.poll_interval), wait_until.value_or(0));
        event.follow = std::move(continues->follow);
        event.output = std::move(continues->output);
        interpreted.event = std::move(event);
    } else {
        auto& refusal = std::get<Refusal>(meaning.what);
        machine::TaskFailed event;
        event.call = pending.call_id;
        event.error = std::move(refusal.error);
        event.cause = std::move(refusal.cause);
        event.retry_not_before = wait_until;
        interpreted.event = std::move(event);
    }
    return interpreted;
}

}  // namespace flowctl::pg::http_task
