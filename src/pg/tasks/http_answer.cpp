// HTTP Tasks: what an answer is to the machine. See http_task.hpp.
#include <algorithm>

#include "calls/sync.hpp"
#include "core/json.hpp"
#include "net/crypto/crypto.hpp"
#include "net/crypto/encoding.hpp"
#include "pg/tasks/http_task.hpp"

namespace flowctl::pg::http_task {

namespace {

using Kind = asl::Resource::Kind;

std::string hash(std::string_view bytes) {
    return net::hex_encode(net::sha256(bytes));
}

constexpr std::int64_t kLongestRetryAfterMicros =
    86'400'000'000;                             // an endpoint parks no run for longer than a day
constexpr std::size_t kMaxCauseBytes = 32'768;  // AWS's limit of a cause

bool is_utf8(std::string_view text) {
    return pg_encoding_verifymbstr(PG_UTF8, text.data(), static_cast<int>(text.size())) ==
           static_cast<int>(text.size());
}

// Text that came over the network, as it can be stored: bytes that are no UTF-8 become '?'.
std::string storable(std::string_view text) {
    if (is_utf8(text)) return std::string(text);
    std::string result(text);
    for (char& c : result)
        if (static_cast<unsigned char>(c) >= 0x80 || c == '\0') c = '?';
    return result;
}

std::string shortened(std::string text, std::size_t limit) {
    if (text.size() <= limit) return text;
    std::size_t end = limit;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80)
        end--;
    text.resize(end);
    return text + "...";
}

const std::string* header(const net::Response& response, std::string_view name) {
    for (const net::Header& field : response.headers)
        if (field.first == name) return &field.second;
    return nullptr;
}

bool says_json(const net::Response& response) {
    const std::string* type = header(response, "content-type");
    return type == nullptr || type->find("json") != std::string::npos;
}

struct Body {
    json::Value value;
    std::string problem;  // not empty: the answer cannot be used
};

Body read_body(const net::Response& response) {
    const std::string& text = response.body;
    if (text.empty()) return {};
    if (!is_utf8(text)) return {{}, "the answer is not valid UTF-8"};
    if (says_json(response)) {
        json::ParseLimits limits;
        limits.max_bytes = text.size() + 1;
        auto parsed = json::parse(text, limits);
        if (parsed) return {std::move(parsed).value(), {}};
        return {{},
                "the answer is not usable JSON: " + parsed.error().message + " at byte " +
                    std::to_string(parsed.error().offset + 1) + " of " + std::to_string(text.size())};
    }
    return {json::Value::string(text), {}};
}

json::Value status_object(const net::Response& response, json::Value body) {
    // Header names repeat; AWS gives an array a name.
    std::vector<json::Member> headers;
    for (const net::Header& field : response.headers) {
        const auto same = std::find_if(headers.begin(), headers.end(),
                                       [&](const json::Member& member) { return member.key == field.first; });
        json::Value value = json::Value::string(storable(field.second));
        if (same == headers.end()) {
            headers.push_back({storable(field.first), json::Value::array({std::move(value)})});
        } else {
            std::vector<json::Value> values = same->value.items();
            values.push_back(std::move(value));
            same->value = json::Value::array(std::move(values));
        }
    }
    return json::ObjectBuilder()
        .add("Headers", json::Value::object(std::move(headers)))
        .add("ResponseBody", std::move(body))
        .add("StatusCode", json::Value::integer(response.status))
        .add("StatusText", storable(response.status_text))
        .build();
}

const char* credential_error(net::CredentialFault fault) {
    switch (fault) {
        case net::CredentialFault::SubjectTokenLost:
            return kSubjectTokenLost;
        case net::CredentialFault::InteractionRequired:
            return kInteractionRequired;
        case net::CredentialFault::Failed:
            break;
    }
    return kCredentialFailed;
}

const char* failure_name(net::Failure failure, net::CredentialFault fault) {
    switch (failure) {
        case net::Failure::Refused:
            return "States.Permissions";
        case net::Failure::TooLarge:
            return kInvalidResponse;
        case net::Failure::Credential:
            return credential_error(fault);
        default:
            return "States.Http.Socket";
    }
}

// Lambda's convention: an answer {errorType, errorMessage, stackTrace} with the header x-amz-function-error
// is a failure.
std::optional<Refusal> lambda_error(const net::Response& response, const json::Value& body) {
    if (header(response, "x-amz-function-error") == nullptr) return std::nullopt;
    const json::Value* type = body.find("errorType");
    return Refusal{type != nullptr && type->is_string() ? std::string(type->as_string()) : "Error",
                   json::dump(body)};
}

// AWS's SDK has a name of its own for what keeps a request from its service.
bool is_of_the_network(net::Failure failure) {
    using net::Failure;
    return failure == Failure::Resolve || failure == Failure::Connect || failure == Failure::Tls ||
           failure == Failure::Timeout || failure == Failure::Protocol;
}

std::variant<json::Value, Refusal> result_of(const Pending& pending, const net::Response& response) {
    if (pending.aws && (response.failure == net::Failure::None || is_of_the_network(response.failure))) {
        auto result = aws_task::result(*pending.aws, response);
        if (auto* refusal = std::get_if<Refusal>(&result))
            refusal->cause = shortened(storable(refusal->cause), kMaxCauseBytes);
        return result;
    }
    if (response.failure != net::Failure::None)
        return Refusal{failure_name(response.failure, response.credential_fault), storable(response.message)};
    Body body = read_body(response);
    if (response.status < 200 || response.status > 299) {
        json::Value shown =
            body.problem.empty() ? body.value : json::Value::string(shortened(storable(response.body), 4096));
        std::string cause = json::dump(json::ObjectBuilder()
                                           .add("StatusCode", json::Value::integer(response.status))
                                           .add("StatusText", storable(response.status_text))
                                           .add("ResponseBody", std::move(shown))
                                           .build());
        return Refusal{"States.Http.StatusCode." + std::to_string(response.status),
                       shortened(std::move(cause), kMaxCauseBytes)};
    }
    if (!body.problem.empty())
        return Refusal{kInvalidResponse, "endpoint \"" + pending.endpoint + "\": " + body.problem};
    switch (pending.kind) {
        case Kind::HttpInvoke:
        case Kind::AwsHttp:
            return status_object(response, std::move(body.value));
        case Kind::Lambda:
            if (auto error = lambda_error(response, body.value)) return *error;
            return std::move(body.value);
        default:
            return std::move(body.value);
    }
}

std::int64_t micros(net::Seconds seconds) {
    return static_cast<std::int64_t>(seconds.count() * 1e6);
}

store::CallOutcome outcome_of(const Pending& pending, const net::Response& response, std::int64_t now) {
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
    if (response.failure == net::Failure::None) outcome.response_hash = hash(response.body);
    return outcome;
}

}  // namespace

DocumentAnswer interpret_document(const Pending& pending, net::Response&& response, std::int64_t now) {
    DocumentAnswer answer{{}, outcome_of(pending, response, now)};
    if (response.failure != net::Failure::None) {
        answer.body =
            Refusal{failure_name(response.failure, response.credential_fault), storable(response.message)};
    } else if (response.status < 200 || response.status > 299) {
        answer.body = Refusal{"States.Http.StatusCode." + std::to_string(response.status),
                              "endpoint \"" + pending.endpoint + "\" answered " +
                                  std::to_string(response.status) + " " + storable(response.status_text)};
    } else if (!is_utf8(response.body)) {
        answer.body =
            Refusal{kInvalidResponse, "endpoint \"" + pending.endpoint + "\": the answer is not valid UTF-8"};
    } else {
        answer.body = std::move(response.body);
    }
    if (const auto* refusal = std::get_if<Refusal>(&answer.body)) answer.outcome.error = refusal->error;
    return answer;
}

namespace {

// Work with .sync: what the answer says of it, if it says so.
std::optional<followed_task::Progress> progress_of(const Pending& pending, const net::Response& response,
                                                   const std::variant<json::Value, Refusal>& result) {
    if (!pending.sync) return std::nullopt;
    const bool asks = !pending.follow.is_null();
    if (const auto* value = std::get_if<json::Value>(&result)) {
        if (pending.prefect)
            return asks ? followed_task::prefect_state(*value) : followed_task::prefect_begun(*value);
        return asks ? followed_task::execution_state(*value, pending.sync_json)
                    : followed_task::execution_begun(*value);
    }
    if (!asks) return std::nullopt;
    auto follow = followed_task::after_failure(pending.follow, response);
    if (!follow) return std::nullopt;
    return followed_task::Continues{*std::move(follow), {}};
}

}  // namespace

Interpreted interpret(const Pending& pending, net::Response&& response, std::int64_t now) {
    Interpreted interpreted;
    interpreted.outcome = outcome_of(pending, response, now);
    auto result = result_of(pending, response);
    if (auto* refused = std::get_if<Refusal>(&result)) interpreted.outcome.error = refused->error;
    if (auto progress = progress_of(pending, response, result)) {
        if (auto* continues = std::get_if<followed_task::Continues>(&*progress)) {
            machine::TaskContinues event;
            event.call = pending.call_id;
            event.next_at = now + micros(pending.poll_interval);
            if (response.retry_after)
                event.next_at = std::max(
                    event.next_at, now + std::min(micros(*response.retry_after), kLongestRetryAfterMicros));
            event.follow = std::move(continues->follow);
            event.output = std::move(continues->output);
            interpreted.event = std::move(event);
            return interpreted;
        }
        if (auto* done = std::get_if<followed_task::Done>(&*progress)) result = std::move(done->output);
        if (auto* failed = std::get_if<Refusal>(&*progress)) {
            failed->cause = shortened(std::move(failed->cause), kMaxCauseBytes);
            result = std::move(*failed);
        }
    }
    if (auto* value = std::get_if<json::Value>(&result)) {
        interpreted.event = machine::TaskSucceeded{pending.call_id, std::move(*value)};
        return interpreted;
    }
    Refusal& refusal = std::get<Refusal>(result);
    interpreted.outcome.error = refusal.error;
    machine::TaskFailed failed;
    failed.call = pending.call_id;
    failed.error = std::move(refusal.error);
    failed.cause = std::move(refusal.cause);
    if (response.retry_after)
        failed.retry_not_before = now + std::min(micros(*response.retry_after), kLongestRetryAfterMicros);
    interpreted.event = std::move(failed);
    return interpreted;
}

}  // namespace flowctl::pg::http_task
