// HTTP Tasks: preparing a call. See http_task.hpp; http_outcome.cpp reads the answer.
#include "pg/tasks/http_task.hpp"

#include <algorithm>

#include "calls/http_answer.hpp"
#include "calls/protocols.hpp"
#include "core/json.hpp"
#include "core/machine/task_token.hpp"
#include "net/crypto/crypto.hpp"
#include "net/crypto/encoding.hpp"
#include "net/http/url.hpp"
#include "pg/endpoints/endpoint.hpp"
#include "pg/policies/policy.hpp"
#include "pg/rights/denials.hpp"
#include "pg/server/guc.hpp"
#include "pg/tasks/step_identity.hpp"

namespace flowctl::pg::http_task {

namespace {

using Kind = asl::Resource::Kind;

std::string hash(std::string_view bytes) {
    return net::hex_encode(net::sha256(bytes));
}

// AWS's HTTP Task names its endpoint in the input.
const json::Value* connection_of(const machine::Call& call) {
    const json::Value* connection = call.input.find("Authentication");
    if (connection == nullptr) connection = call.input.find("InvocationConfig");
    return connection != nullptr ? connection->find("ConnectionArn") : nullptr;
}

// The server that a Task names, directly, by an ARN that its option `arn` covers, or as AWS's ConnectionArn.
std::variant<std::string, Refusal> server_of(const machine::Call& call) {
    std::vector<std::string> arns;
    switch (call.resource.kind) {
        case Kind::Http:
        case Kind::HttpInvoke:
            return call.resource.name;
        case Kind::AwsHttp: {
            const json::Value* name = connection_of(call);
            if (name == nullptr || !name->is_string())
                return Refusal{"States.Runtime", "Authentication.ConnectionArn must name an endpoint"};
            if (!name->as_string().starts_with("arn:")) return std::string(name->as_string());
            arns.emplace_back(name->as_string());
            break;
        }
        default:
            arns = calls::targets_of(call.resource, call.input);
            break;
    }
    auto found = endpoint_for_arns(arns);
    if (!found) return Refusal{found.error().error, found.error().cause};
    return std::move(found).value();
}

// A session ends with the run at the latest, where the flow says when that is (TimeoutSeconds).
void end_with_run(net::SessionRequest& session, const RunFacts& run) {
    auto* role = std::get_if<net::AwsRole>(&session.what);
    if (role == nullptr || !run.ends_at) return;
    role->run_ends_at = std::chrono::system_clock::time_point(std::chrono::microseconds(*run.ends_at));
}

// An endpoint whose owner said which resources it is for (AWS), or which deployment (Prefect), is for these
// alone: its credential would let a flow that chooses the path do anything else there.
std::optional<Refusal> beyond_what_is_declared(const machine::Call& call, const Endpoint& endpoint) {
    const Kind kind = call.resource.kind;
    const json::Value* connection = kind == Kind::AwsHttp ? connection_of(call) : nullptr;
    const bool names_server =
        (kind == Kind::Http || kind == Kind::HttpInvoke) && !call.resource.text.starts_with("arn:");
    const bool by_name =
        names_server ||
        (connection != nullptr && connection->as_string().find(":connection/") == std::string_view::npos);
    if (endpoint.options().speech == calls::Speech::Aws && !endpoint.options().arn.empty() && by_name)
        return Refusal{"States.Permissions",
                       "endpoint \"" + endpoint.name() +
                           "\" is for the resources that its option \"arn\" covers: name one"};
    if (!endpoint.options().deployment.empty() && kind != Kind::Http)
        return Refusal{
            "States.Permissions",
            "endpoint \"" + endpoint.name() + "\" starts flow runs of its deployment and does nothing else"};
    return std::nullopt;
}

// W3C Trace Context: the run's trace, or one of its own; the span is the attempt.
std::string traceparent(const RunFacts& run, const std::string& call_hash) {
    std::string trace;
    if (run.traceparent && run.traceparent->size() >= 35)
        trace = run.traceparent->substr(3, 32);
    else
        for (char c : run.id_text)
            if (c != '-') trace += c;
    return "00-" + trace + "-" + call_hash.substr(0, 16) + "-01";
}

policy::Facts facts_of(const RunFacts& run, const machine::Call& call, const Endpoint& endpoint,
                       std::int64_t now) {
    policy::Facts facts;
    facts.endpoint = endpoint.name();
    facts.role = role_name(run.role);
    facts.owner = role_name(run.flow_owner);
    facts.flow = run.context.state_machine_name;
    facts.state = call.state;
    facts.scope = endpoint.scope.value_or("");
    facts.user_known = true;
    facts.subject = run.subject;
    facts.issuer = run.subject_issuer;
    if (run.subject_claims)
        if (auto claims = json::parse(*run.subject_claims)) facts.claims = std::move(claims).value();
    facts.at = now;
    return facts;
}

// Why a policy does not permit the call. Otherwise `decision` says what permits it.
std::optional<Refusal> check_policies(const RunFacts& run, const Endpoint& endpoint,
                                      const policy::Rules& rules, const policy::Facts& facts,
                                      std::optional<std::string>& decision) {
    const policy::Decision decided = policy::decide(rules, facts);
    if (decided.allowed) {
        if (!decided.reason.empty()) decision = decided.reason;
        return std::nullopt;
    }
    Spi spi;
    denials::record(spi, {run.id, run.role, endpoint.name(), run.subject, decided.reason});
    return Refusal{"States.Permissions",
                   "the call of endpoint \"" + endpoint.name() + "\" is denied: " + decided.reason};
}

// The database lease that the call carries, where the endpoint's calls do.
std::optional<Refusal> plan_lease(const RunFacts& run, const machine::Call& call, const Endpoint& endpoint,
                                  const policy::Facts& facts, std::int32_t sending, Prepared& prepared) {
    if (endpoint.options().url_text.starts_with("http:") && guc::proxy != nullptr && *guc::proxy != '\0')
        return Refusal{kEndpointConfiguration,
                       "endpoint \"" + endpoint.name() +
                           "\" has a database lease, which is not sent by plain http through flowctl.proxy"};
    lease::Ends ends;
    ends.now = *facts.at;
    ends.call = ends.now + static_cast<std::int64_t>(endpoint.options().timeout.count() * 1e6);
    if (call.deadline) ends.call = std::min(ends.call, *call.deadline);
    ends.run = run.ends_at;
    Spi spi;
    auto planned = lease::plan(spi, run.id, *endpoint.options().lease,
                               {run.role, endpoint.server->owner, endpoint.name()}, facts, ends);
    if (auto* reason = std::get_if<std::string>(&planned)) {
        denials::record(spi, {run.id, run.role, endpoint.name(), run.subject, "lease: " + *reason});
        return Refusal{"States.Permissions",
                       "the call of endpoint \"" + endpoint.name() + "\" can have no lease: " + *reason};
    }
    prepared.lease = std::get<lease::Plan>(std::move(planned));
    prepared.lease->call_id = call.id;
    prepared.lease->sending = sending;
    return std::nullopt;
}

// Whether the token that is sent says for whom it stands. A token of our own does not: it names the flow, and
// the run knows the user.
bool stands_for_somebody(const Endpoint& endpoint) {
    return endpoint.credential && !endpoint.credential->subject.empty() &&
           endpoint.credential->grant != net::GrantType::Direct;
}

// An answer that is too large for a result is refused while it arrives, whatever the endpoint allows. JSON
// may be written with blanks and escapes, so its text may be longer than the result is.
std::size_t longest_result() {
    constexpr std::size_t kLongestText = 4;  // times the result
    return kLongestText * static_cast<std::size_t>(guc::max_payload_bytes);
}

}  // namespace

Lanes lanes_of_endpoint(const machine::Call& call) {
    const auto named = server_of(call);
    const std::string* server = std::get_if<std::string>(&named);
    Lanes lanes;
    lanes.reserve(4);  // with those of the owner
    lanes.emplace_back(LaneKind::Endpoint, server != nullptr ? *server : call.resource.text);
    if (server != nullptr)
        if (const auto known = find_http_server(*server); known && known->options.url_problem.empty()) {
            lanes.emplace_back(LaneKind::Host, known->options.url.host);
            lanes.answer_bytes = known->options.max_response_bytes;
            lanes.limits.max_concurrency = known->options.max_concurrency;
            lanes.limits.rate = known->options.rate;
        }
    return lanes;
}

Lanes lanes_of(const RunFacts& run, const machine::Call& call) {
    Lanes lanes = lanes_of_endpoint(call);
    const std::string owner = std::to_string(run.flow_owner);
    if (lanes.size() > 1) lanes.emplace_back(LaneKind::OwnerAtHost, owner + "@" + lanes[1].second);
    lanes.emplace_back(LaneKind::Owner, owner);
    return lanes;
}

Lanes lanes_of_task(const RunFacts& run, const machine::Call& call) {
    Lanes lanes = lanes_of(run, call);
    lanes.answer_bytes = std::min(lanes.answer_bytes, longest_result());
    return lanes;
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

Result<const Endpoint*, EndpointFailure> find_endpoint(std::string_view server, const RunFacts& run,
                                                       const machine::Call& call, std::int64_t now,
                                                       Lookups& lookups) {
    auto key = std::make_pair(std::string(server), run.role);
    if (const auto known = lookups.endpoints.find(key); known != lookups.endpoints.end())
        return &known->second;
    bool of_this_step = false;
    const StepTokens step(run, call, now);
    const RunTokens tokens{[&](const OwnTokenTerms& terms) {
                               of_this_step = true;
                               return step.own(terms);
                           },
                           step.user()};
    auto endpoint = resolve_endpoint(server, run.role, tokens);
    if (!endpoint) return Err{endpoint.error()};
    if (!of_this_step && !endpoint->for_user && !endpoint->session)
        return &lookups.endpoints.emplace(std::move(key), std::move(endpoint).value()).first->second;
    return &lookups.other.emplace(std::move(endpoint).value());
}

// The endpoint that a call names, if its run may use it for this.
std::variant<const Endpoint*, Refusal> endpoint_for(std::string_view server, const RunFacts& run,
                                                    const machine::Call& call, std::int64_t now,
                                                    std::int32_t sending, Prepared& prepared,
                                                    Lookups& lookups) {
    auto found = find_endpoint(server, run, call, now, lookups);
    if (!found) return Refusal{found.error().error, found.error().cause};
    const Endpoint& endpoint = **found;
    const policy::Rules& rules = policy::kept_rules_of(endpoint.name());
    std::optional<policy::Facts> facts;
    if (endpoint.options().lease || policy::have_a_say(rules)) facts = facts_of(run, call, endpoint, now);
    if (facts)
        if (auto refusal = check_policies(run, endpoint, rules, *facts, prepared.intent.decision))
            return *refusal;
    if (auto refusal = beyond_what_is_declared(call, endpoint)) return *refusal;
    if (endpoint.options().lease)
        if (auto refusal = plan_lease(run, call, endpoint, *facts, sending, prepared)) return *refusal;
    return &endpoint;
}

std::string key_of(const RunFacts& run, const machine::Call& call, const Endpoint& endpoint) {
    return idempotency_key(run.id_text, call, run.context.redrive_count,
                           endpoint.options().idempotency == Idempotency::Attempt);
}

Prepared prepare_parts(Prepared prepared, const RunFacts& run, const machine::Call& call,
                       const Endpoint& endpoint, const std::string& key, calls::RequestParts parts,
                       std::int64_t now, std::int32_t sending) {
    Pending& pending = prepared.pending;
    pending.run_id = run.id;
    pending.call_id = call.id;
    pending.sending = sending;
    pending.endpoint = endpoint.name();
    pending.for_subject = stands_for_somebody(endpoint);

    parts.headers.emplace_back("Idempotency-Key", key);
    parts.headers.emplace_back("traceparent", traceparent(run, hash(key + '\n' + std::to_string(call.id) +
                                                                    '\n' + std::to_string(sending))));

    if (prepared.lease)
        for (net::Header& header : prepared.lease->headers())
            parts.headers.push_back(std::move(header));

    store::CallIntent& intent = prepared.intent;
    intent.run_id = run.id;
    intent.call_id = static_cast<std::int32_t>(call.id);
    intent.sending = sending;
    intent.path = call.path;
    intent.state = call.state;
    intent.visit = call.visit;
    intent.attempt = call.attempt;
    intent.endpoint = endpoint.name();
    intent.auth = endpoint.auth;
    intent.options_hash = endpoint.options_hash;
    intent.method = parts.method;
    const auto name_address = [&intent](const net::Url& url) {
        intent.host = url.origin().substr(url.scheme.size() + 3);
        intent.url_path = url.path;
    };
    if (parts.url == endpoint.options().url_text) {
        name_address(endpoint.options().url);
    } else {
        const auto url = net::split_url(parts.url);
        if (const auto* split = std::get_if<net::Url>(&url)) name_address(*split);
    }
    intent.issuer = endpoint.issuer;
    intent.client_id = endpoint.client_id;
    if (endpoint.for_user) intent.subject = run.subject;
    if (intent.subject || !endpoint.for_user) intent.actor = endpoint.actor;
    intent.audience = endpoint.audience;
    intent.scope = endpoint.scope;
    if (prepared.lease) intent.lease = prepared.lease->role_name;
    intent.idempotency_key = key;
    intent.request_hash = hash(parts.body);
    intent.started_at = now;

    net::Request& request = prepared.request;
    request.run = run.id_text;
    request.egress_role = endpoint.egress_role;
    request.endpoint = endpoint.name();
    request.method = std::move(parts.method);
    request.url = std::move(parts.url);
    request.headers = std::move(parts.headers);
    request.body = std::move(parts.body);
    request.credential = endpoint.credential;
    if (endpoint.session) end_with_run(*endpoint.session, run);
    request.session = endpoint.session;
    request.auth = endpoint.proof;
    request.message_id = key;
    request.certificate = endpoint.certificate;
    request.ca_file = endpoint.ca_file;
    request.connect_timeout = endpoint.options().connect_timeout;
    request.timeout = endpoint.options().timeout;
    request.max_response_bytes = endpoint.options().max_response_bytes;
    request.follow_redirects = endpoint.options().follow_redirects;
    return prepared;
}

void bound_by_payload(Prepared& prepared) {
    if (prepared.request.max_response_bytes <= longest_result()) return;
    prepared.request.max_response_bytes = longest_result();
    prepared.pending.bounded_by_payload = true;
}

}  // namespace

std::variant<Prepared, Refusal> prepare(const RunFacts& run, const machine::Call& call, const Lanes& lanes,
                                        std::int64_t now, std::int32_t sending, Lookups& lookups) {
    auto server = server_of(call);
    if (auto* refusal = std::get_if<Refusal>(&server)) return *refusal;
    Prepared prepared;
    auto found = endpoint_for(std::get<std::string>(server), run, call, now, sending, prepared, lookups);
    if (auto* refusal = std::get_if<Refusal>(&found)) return *refusal;
    const Endpoint& endpoint = *std::get<const Endpoint*>(found);
    const std::string key = key_of(run, call, endpoint);
    Pending& pending = prepared.pending;
    pending.protocol = calls::protocol_for(call.resource, endpoint.options().speech);
    pending.follow = call.follow;
    pending.poll_interval = endpoint.options().poll_interval;
    if (pending.protocol == nullptr)
        return Refusal{kEndpointConfiguration,
                       "endpoint \"" + endpoint.name() + "\" cannot " +
                           (call.resource.sync ? "follow work to its end (.sync)"
                                               : "be asked for " + call.resource.text +
                                                     ": this version of pg_flowctl does not know how AWS "
                                                     "wants to be asked for it")};
    auto built = pending.protocol->request({.resource = call.resource,
                                            .input = call.input,
                                            .follow = call.follow,
                                            .base_url = endpoint.options().url_text,
                                            .deployment = endpoint.options().deployment,
                                            .execution_id = run.context.execution_id,
                                            .state_machine_id = run.context.state_machine_id,
                                            .idempotency_key = key});
    if (auto* refusal = std::get_if<Refusal>(&built)) return *refusal;
    prepared = prepare_parts(std::move(prepared), run, call, endpoint, key,
                             std::get<calls::RequestParts>(std::move(built)), now, sending);
    bound_by_payload(prepared);
    if (!call.place.empty() && run.context.tokens != nullptr) {
        pending.place = call.place;
        pending.token = run.context.tokens->token(call.place);
        if (auto& path = prepared.intent.url_path) path = machine::mask_token(*std::move(path), pending.token);
    }
    pending.lanes = lanes;
    pending.lanes.answer_bytes = prepared.request.max_response_bytes;
    return prepared;
}

std::variant<Prepared, Refusal> prepare_document(const RunFacts& run, const machine::Call& call,
                                                 const Document& document, std::int64_t now,
                                                 std::int32_t sending, Lookups& lookups) {
    Prepared prepared;
    auto found = endpoint_for(call.resource.name, run, call, now, sending, prepared, lookups);
    if (auto* refusal = std::get_if<Refusal>(&found)) return *refusal;
    const Endpoint& endpoint = *std::get<const Endpoint*>(found);
    if (endpoint.options().lease) return Refusal{kEndpointConfiguration, lease_is_for_tasks(endpoint.name())};
    const json::Value begins;
    auto built = calls::invoke().request({.resource = call.resource,
                                          .input = document.input,
                                          .follow = begins,
                                          .base_url = endpoint.options().url_text,
                                          .deployment = {},
                                          .execution_id = {},
                                          .state_machine_id = {},
                                          .idempotency_key = {}});
    if (auto* refusal = std::get_if<Refusal>(&built)) return *refusal;
    auto parts = std::get<calls::RequestParts>(std::move(built));
    if (document.body) {
        parts.body = *document.body;
        parts.headers.emplace_back("Content-Type", document.content_type);
    }
    const std::string key = key_of(run, call, endpoint);
    prepared.pending.lanes = lanes_of(run, call);
    return prepare_parts(std::move(prepared), run, call, endpoint, key, std::move(parts), now, sending);
}

}  // namespace flowctl::pg::http_task
