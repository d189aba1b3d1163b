// HTTP Tasks: preparing a call and interpreting its answer. See http_task.hpp.
#include "pg/http_task.hpp"

#include <algorithm>

#include "core/json.hpp"
#include "net/crypto.hpp"
#include "net/encoding.hpp"
#include "net/url.hpp"
#include "pg/audit.hpp"
#include "pg/endpoint.hpp"
#include "pg/policy.hpp"

namespace flowctl::pg::http_task {

namespace {

using Kind = asl::Resource::Kind;

std::string hash(std::string_view bytes) {
    return net::hex_encode(net::sha256(bytes));
}

// ---------------------------------------------------------------------------------------------- preparing

// AWS's HTTP Task names its endpoint in the input.
const json::Value* connection_of(const machine::Call& call) {
    const json::Value* connection = call.input.find("Authentication");
    if (connection == nullptr) connection = call.input.find("InvocationConfig");
    return connection != nullptr ? connection->find("ConnectionArn") : nullptr;
}

// The server that a Task names, directly, by an ARN that its option `arn` covers, or as AWS's ConnectionArn.
std::variant<std::string, Refusal> server_of(const machine::Call& call) {
    std::string arn;
    switch (call.resource.kind) {
        case Kind::Http:
        case Kind::HttpInvoke:
            return call.resource.name;
        case Kind::AwsHttp: {
            const json::Value* name = connection_of(call);
            if (name == nullptr || !name->is_string())
                return Refusal{"States.Runtime", "Authentication.ConnectionArn must name an endpoint"};
            if (!name->as_string().starts_with("arn:")) return std::string(name->as_string());
            arn = name->as_string();
            break;
        }
        default:
            arn = call.resource.text;
            break;
    }
    auto server = endpoint_for_arn(arn);
    if (!server) return Refusal{server.error().error, server.error().cause};
    return std::move(server).value();
}

RequestResult request_parts(const machine::Call& call, const std::string& url) {
    switch (call.resource.kind) {
        case Kind::HttpInvoke:
            return invoke_request(url, call.input);
        case Kind::AwsHttp:
            return aws_request(url, call.input);
        default:
            return post_request(url, call.input);
    }
}

// W3C Trace Context: the run's trace, or one of its own; the span is the attempt.
std::string traceparent(const LiveRun& run, const std::string& call_hash) {
    std::string trace;
    if (run.traceparent && run.traceparent->size() >= 35)
        trace = run.traceparent->substr(3, 32);
    else
        for (char c : run.id_text)
            if (c != '-') trace += c;
    return "00-" + trace + "-" + call_hash.substr(0, 16) + "-01";
}

// Why a policy does not permit the call; what permits it goes to `decision`.
std::optional<Refusal> check_policies(const LiveRun& run, const machine::Call& call, const Endpoint& endpoint,
                                      std::int64_t now, std::optional<std::string>& decision) {
    policy::Facts facts;
    facts.endpoint = endpoint.server;
    facts.role = role_name(run.role);
    facts.owner = role_name(run.flow_owner);
    facts.flow = run.flow;
    facts.state = call.state;
    facts.scope = endpoint.scope.value_or("");
    facts.user_known = true;
    facts.subject = run.subject;
    facts.issuer = run.subject_issuer;
    if (run.subject_claims)
        if (auto claims = json::parse(*run.subject_claims)) facts.claims = std::move(claims).value();
    facts.at = now;
    Spi spi;
    const policy::Decision decided = policy::decide(spi, facts);
    if (decided.allowed) {
        if (!decided.reason.empty()) decision = decided.reason;
        return std::nullopt;
    }
    audit::record(spi, {run.id, run.role, endpoint.server, run.subject, decided.reason});
    return Refusal{"States.Permissions",
                   "the call of endpoint \"" + endpoint.server + "\" is denied: " + decided.reason};
}

// Whether the token that is sent says for whom it stands. One of our own says which flow it is, and the run
// knows the user.
bool stands_for_somebody(const Endpoint& endpoint) {
    return endpoint.credential && !endpoint.credential->subject.empty() &&
           endpoint.credential->grant != net::GrantType::Direct;
}

}  // namespace

std::string lane_of(const machine::Call& call) {
    if (call.resource.kind == Kind::AwsHttp) {
        const json::Value* name = connection_of(call);
        return name != nullptr && name->is_string() ? std::string(name->as_string()) : std::string();
    }
    return call.resource.name.empty() ? call.resource.text : call.resource.name;
}

std::string idempotency_key(const std::string& run_id, const machine::Call& call, int redrive_count,
                            bool per_attempt) {
    std::string material = run_id;
    material += '\n' + call.path + '\n' + call.state + '\n' + std::to_string(call.visit) + '\n' +
                std::to_string(redrive_count);
    if (per_attempt) material += '\n' + std::to_string(call.attempt);
    return hash(material).substr(0, 32);
}

namespace {
Prepared prepare_parts(Prepared prepared, const LiveRun& run, const machine::Call& call, Endpoint endpoint,
                       RequestParts parts, std::int64_t now, std::int32_t sending);
}

std::variant<Prepared, Refusal> prepare(const LiveRun& run, const machine::Call& call, std::int64_t now,
                                        std::int32_t sending) {
    auto server = server_of(call);
    if (auto* refusal = std::get_if<Refusal>(&server)) return *refusal;
    const StepTokens step(run, call, now);
    const RunTokens tokens{[&](const OwnTokenTerms& terms) { return step.own(terms); }, step.user()};
    auto resolved = resolve_endpoint(std::get<std::string>(server), run.role, tokens);
    if (!resolved) return Refusal{resolved.error().error, resolved.error().cause};
    Endpoint endpoint = std::move(resolved).value();
    Prepared prepared;
    if (auto refusal = check_policies(run, call, endpoint, now, prepared.intent.decision)) return *refusal;
    auto built = request_parts(call, endpoint.url);
    if (auto* refusal = std::get_if<Refusal>(&built)) return *refusal;
    return prepare_parts(std::move(prepared), run, call, std::move(endpoint),
                         std::get<RequestParts>(std::move(built)), now, sending);
}

std::variant<Prepared, Refusal> prepare_document(const LiveRun& run, const machine::Call& call,
                                                 const Document& document, std::int64_t now,
                                                 std::int32_t sending) {
    const StepTokens step(run, call, now);
    const RunTokens tokens{[&](const OwnTokenTerms& terms) { return step.own(terms); }, step.user()};
    auto resolved = resolve_endpoint(call.resource.name, run.role, tokens);
    if (!resolved) return Refusal{resolved.error().error, resolved.error().cause};
    Endpoint endpoint = std::move(resolved).value();
    Prepared prepared;
    if (auto refusal = check_policies(run, call, endpoint, now, prepared.intent.decision)) return *refusal;
    auto built = invoke_request(endpoint.url, document.input);
    if (auto* refusal = std::get_if<Refusal>(&built)) return *refusal;
    RequestParts parts = std::get<RequestParts>(std::move(built));
    if (document.body) {
        parts.body = *document.body;
        parts.headers.emplace_back("Content-Type", document.content_type);
    }
    return prepare_parts(std::move(prepared), run, call, std::move(endpoint), std::move(parts), now, sending);
}

namespace {

Prepared prepare_parts(Prepared prepared, const LiveRun& run, const machine::Call& call, Endpoint endpoint,
                       RequestParts parts, std::int64_t now, std::int32_t sending) {
    const std::string key = idempotency_key(run.id_text, call, run.context.redrive_count,
                                            endpoint.idempotency == Idempotency::Attempt);
    parts.headers.emplace_back("Idempotency-Key", key);
    parts.headers.emplace_back("traceparent", traceparent(run, hash(key + '\n' + std::to_string(call.id) +
                                                                    '\n' + std::to_string(sending))));

    store::CallIntent& intent = prepared.intent;
    intent.run_id = run.id;
    intent.call_id = static_cast<std::int32_t>(call.id);
    intent.sending = sending;
    intent.path = call.path;
    intent.state = call.state;
    intent.visit = call.visit;
    intent.attempt = call.attempt;
    intent.endpoint = endpoint.server;
    intent.options_hash = endpoint.options_hash;
    intent.method = parts.method;
    auto url = net::split_url(parts.url);
    if (auto* split = std::get_if<net::Url>(&url)) {
        intent.host = split->origin().substr(split->scheme.size() + 3);
        intent.url_path = split->path;
    }
    intent.issuer = endpoint.issuer;
    intent.client_id = endpoint.client_id;
    if (endpoint.for_user) intent.subject = run.subject;
    if (intent.subject || !endpoint.for_user) intent.actor = endpoint.actor;
    intent.audience = endpoint.audience;
    intent.scope = endpoint.scope;
    intent.idempotency_key = key;
    intent.request_hash = hash(parts.body);
    intent.started_at = now;

    prepared.pending = {run.id,
                        call.id,
                        sending,
                        call.resource.kind,
                        endpoint.server,
                        lane_of(call),
                        stands_for_somebody(endpoint)};

    net::Request& request = prepared.request;
    request.run = run.id_text;
    request.egress_role = endpoint.egress_role;
    request.method = std::move(parts.method);
    request.url = std::move(parts.url);
    request.headers = std::move(parts.headers);
    request.body = std::move(parts.body);
    request.credential = std::move(endpoint.credential);
    request.ca_file = endpoint.ca_file;
    request.connect_timeout = endpoint.connect_timeout;
    request.timeout = endpoint.timeout;
    request.max_response_bytes = endpoint.max_response_bytes;
    request.follow_redirects = endpoint.follow_redirects;
    return prepared;
}

}  // namespace

// ---------------------------------------------------------------------------------------------- interpreting

namespace {

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

std::variant<json::Value, Refusal> result_of(const Pending& pending, const net::Response& response) {
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
        answer.body = Refusal{failure_name(response.failure, response.credential_fault), storable(response.message)};
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

Interpreted interpret(const Pending& pending, net::Response&& response, std::int64_t now) {
    Interpreted interpreted;
    interpreted.outcome = outcome_of(pending, response, now);
    auto result = result_of(pending, response);
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
