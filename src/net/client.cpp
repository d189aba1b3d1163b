// Client: calls with tokens. See client.hpp.
//
// A call is in one of two phases: it waits for a token (wait is set) or its exchange is under way (exchange
// is set). One timer covers both. What may not be sent is refused before a token is asked for. Every token
// that was sent is kept with its call until the answer has been searched for it.
#include "net/client.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include "net/crypto/encoding.hpp"
#include "net/http/dispatcher.hpp"
#include "net/http/header_rules.hpp"
#include "net/http/redact.hpp"
#include "net/proofs/call_auth.hpp"
#include "net/proofs/session_source.hpp"
#include "net/tokens/client_auth.hpp"
#include "net/tokens/token_source.hpp"

namespace flowctl::net {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kUnauthorized = 401;
constexpr std::size_t kMostRedacted = 16;
constexpr double kLongestTimeout = 86400.0 * 365;

struct Call {
    Request request;
    Clock::time_point begun;
    Clock::time_point deadline;
    std::uint64_t wait = 0;  // at the TokenSource
    std::uint64_t session_wait = 0;
    std::uint64_t exchange = 0;  // at the Dispatcher
    std::optional<Token> token;
    std::optional<Session> session;
    Redactor sent_tokens;  // and, at the end, others of the run
    int sends = 0;
    bool token_replaced = false;
    bool nonce_given = false;  // the endpoint asked for a DPoP nonce
};

std::optional<std::string> objection_to_authorization(const std::vector<Header>& headers) {
    const bool set = std::any_of(headers.begin(), headers.end(), [](const Header& header) {
        return reads_as(header.first, "authorization") || reads_as(header.first, "dpop");
    });
    if (set) return "the headers Authorization and DPoP may not be set";
    return std::nullopt;
}

// Which calls may share a connection: those to the same endpoint that show the same client or session. The
// dispatcher adds the role.
std::string partition_of(const Request& request) {
    std::string partition;
    append_part(partition, "endpoint");
    append_part(partition, request.endpoint);
    if (request.credential) append_part(partition, partition_of(*request.credential));
    if (request.session) append_part(partition, partition_of(*request.session));
    return partition;
}

// The endpoint says that the session is over: AWS by a code, with 400 or 403; Google as OAuth has it.
bool refuses_session(const Answer& answer) {
    if (answer.status == kUnauthorized) return true;
    if (answer.status != 400 && answer.status != 403) return false;
    const std::string* type = answer.header("x-amzn-errortype");
    return (type != nullptr && type->starts_with("ExpiredToken")) ||
           answer.body.find("ExpiredToken") != answer.body.npos;
}

}  // namespace

struct Client::Impl {
    explicit Impl(const Settings& settings)
        : dispatcher(settings), tokens(dispatcher), sessions(dispatcher, tokens) {}

    void start(Request request);
    void authorize(Call& call);
    void get_token(Call& call);
    void get_session(Call& call);
    template <class Result>
    void refuse(Call& call, Result&& result);
    void send(Call& call);
    void take_answer(Call& call, Answer&& answer);
    void finish(Call& call, Response response);
    void fail(Call& call, Failure failure, std::string message);
    void detach(Call& call);
    void forget(const Call& call);
    void end_run(const std::string& run);

    Dispatcher dispatcher;  // outlives tokens, and both outlive sessions
    TokenSource tokens;
    SessionSource sessions;
    std::unordered_map<std::uint64_t, Call> calls;
    std::unordered_map<std::string, std::vector<std::uint64_t>> calls_of_run;
    std::deque<Response> completed;
    std::deque<Revocation> revocations;
};

void Client::Impl::start(Request request) {
    const std::uint64_t id = request.id;
    const auto [place, is_new] = calls.try_emplace(id);
    if (!is_new) throw std::logic_error("a call with this id is under way");
    Call& call = place->second;
    call.request = std::move(request);
    call.begun = Clock::now();
    const double seconds = call.request.timeout.count();
    call.deadline = call.begun + std::chrono::duration_cast<Clock::duration>(Seconds(
                                     std::isnan(seconds) ? 0.0 : std::clamp(seconds, 0.0, kLongestTimeout)));

    calls_of_run[call.request.run].push_back(id);

    auto objection = objection_to_authorization(call.request.headers);
    if (!objection && call.request.auth)
        objection = objection_to_headers_beside(*call.request.auth, call.request.headers);
    // Without a credential the exchange is made at once, and checked by the dispatcher.
    if (!objection && (call.request.session || call.request.credential)) {
        Exchange probe;
        probe.method = call.request.method;
        probe.url = call.request.url;
        probe.headers = call.request.headers;
        probe.egress_role = call.request.egress_role;
        objection = dispatcher.objection(probe);
    }
    if (objection) {
        fail(call, Failure::Refused, *std::move(objection));
        return;
    }
    authorize(call);
}

void Client::Impl::authorize(Call& call) {
    if (call.request.session)
        get_session(call);
    else if (call.request.credential)
        get_token(call);
    else
        send(call);
}

// No credential, by what the source of tokens or of sessions says: the call has not left.
template <class Result>
void Client::Impl::refuse(Call& call, Result&& result) {
    Response response;
    response.message = std::move(result.message);
    response.credential_permanent = result.permanent;
    response.credential_fault = result.fault;
    response.retry_after = result.retry_after;
    response.failure = Clock::now() < call.deadline ? Failure::Credential : Failure::Timeout;
    finish(call, std::move(response));
}

void Client::Impl::get_session(Call& call) {
    const std::uint64_t id = call.request.id;
    call.session_wait = sessions.get(call.request.session, call.request.run, call.request.egress_role,
                                     call.deadline, [this, id](SessionResult&& result) {
                                         Call& waiting = calls.at(id);
                                         waiting.session_wait = 0;
                                         if (!result.session) return refuse(waiting, std::move(result));
                                         waiting.session = *std::move(result.session);
                                         send(waiting);
                                     });
}

void Client::Impl::get_token(Call& call) {
    const std::uint64_t id = call.request.id;
    call.wait = tokens.get(*call.request.credential, call.request.run, call.request.egress_role,
                           call.deadline, [this, id](TokenResult&& result) {
                               Call& waiting = calls.at(id);
                               waiting.wait = 0;
                               if (!result.token) return refuse(waiting, std::move(result));
                               waiting.token = *std::move(result.token);
                               send(waiting);
                           });
}

void Client::Impl::send(Call& call) {
    const Request& request = call.request;
    Exchange exchange;
    exchange.id = dispatcher.next_id();
    exchange.method = request.method;
    exchange.url = request.url;
    exchange.headers = request.headers;
    exchange.body = std::move(call.request.body);
    exchange.return_body =
        (call.token && !(call.token_replaced && call.nonce_given)) || (call.session && !call.token_replaced);
    exchange.ca_file = request.ca_file;
    exchange.certificate = request.certificate;
    if (request.credential && request.credential->certificate_bound)
        exchange.certificate = request.credential->client.certificate;
    exchange.egress_role = request.egress_role;
    exchange.partition = partition_of(request);
    exchange.connect_timeout = request.connect_timeout;
    exchange.timeout = call.deadline - Clock::now();
    exchange.max_response_bytes = request.max_response_bytes;
    exchange.follow_redirects = request.follow_redirects;
    if (call.token) {
        call.sent_tokens.add(call.token->access_token->reveal());
        auto headers =
            tokens.present(*call.token, request.run, request.egress_role, request.method, request.url);
        if (!headers) return fail(call, Failure::Credential, "no DPoP proof can be made");
        for (Header& header : *headers)
            exchange.headers.push_back(std::move(header));
    }
    if (call.session && call.session->bearer) {
        const std::string_view token = call.session->bearer->reveal();
        call.sent_tokens.add(token);
        exchange.headers.emplace_back("Authorization", "Bearer ");
        std::string& value = exchange.headers.back().second;
        value.reserve(value.size() + token.size());
        value += token;
    }
    for (const SecretHeader& header : request.secret_headers) {
        call.sent_tokens.add(header.value->reveal());
        exchange.headers.emplace_back(header.name, header.value->reveal());
    }
    if (request.auth)
        prove(*request.auth, call.session ? call.session->keys.get() : nullptr, request.message_id,
              std::chrono::system_clock::now(), exchange, call.sent_tokens);
    call.exchange = exchange.id;
    dispatcher.add(std::move(exchange), [this, id = request.id](Answer&& answer) {
        Call& answered = calls.at(id);
        answered.exchange = 0;
        take_answer(answered, std::move(answer));
    });
}

void Client::Impl::take_answer(Call& call, Answer&& answer) {
    call.sends += answer.sends;
    const Request& request = call.request;
    if (call.token && tokens.learn_nonce(*call.token, request.egress_role, request.url, answer) &&
        !call.nonce_given) {
        call.nonce_given = true;
        call.request.body = std::move(answer.request_body);
        send(call);
        return;
    }
    if (call.session && !call.token_replaced && refuses_session(answer)) {
        call.token_replaced = true;
        call.request.body = std::move(answer.request_body);
        sessions.drop(request.run, call.session->generation);
        get_session(call);
        return;
    }
    if (answer.status == kUnauthorized && call.token && !call.token_replaced) {
        call.token_replaced = true;
        call.request.body = std::move(answer.request_body);
        tokens.drop(*call.request.credential, call.request.run, call.token->generation);
        get_token(call);
        return;
    }
    Response response;
    response.failure = answer.failure;
    response.message = std::move(answer.message);
    response.status = answer.status;
    response.retry_after = answer.retry_after();
    response.status_text = std::move(answer.status_text);
    response.headers = std::move(answer.headers);
    response.body = std::move(answer.body);
    response.address = std::move(answer.address);
    response.request_bytes = answer.request_bytes;
    finish(call, std::move(response));
}

// Ends the call: nothing of it is left but the response.
void Client::Impl::finish(Call& call, Response response) {
    detach(call);
    response.id = call.request.id;
    response.duration = Clock::now() - call.begun;
    response.sends = call.sends;
    if (call.token && call.sends > 0) response.token = call.token->info;
    if (call.session && call.sends > 0) response.token = call.session->info;

    // One endpoint may have kept what another call of the run brought it.
    for (const Token& token : tokens.newest_of(call.request.run, kMostRedacted))
        if (!call.token || token.generation != call.token->generation)
            call.sent_tokens.add(token.access_token->reveal());
    for (const Session& session : sessions.sessions_of(call.request.run)) {
        if (session.bearer) call.sent_tokens.add(session.bearer->reveal());
        if (session.keys) call.sent_tokens.add(session.keys->session_token.reveal());
    }
    for (const auto& secret : call.request.redacted)
        call.sent_tokens.add(secret->reveal());
    call.sent_tokens.apply(response.message);
    call.sent_tokens.apply(response.status_text);
    call.sent_tokens.apply(response.body);
    for (Header& header : response.headers) {
        call.sent_tokens.apply(header.first);
        call.sent_tokens.apply(header.second);
    }
    forget(call);
    completed.push_back(std::move(response));
}

void Client::Impl::fail(Call& call, Failure failure, std::string message) {
    Response response;
    response.failure = failure;
    response.message = std::move(message);
    finish(call, std::move(response));
}

void Client::Impl::detach(Call& call) {
    if (call.wait != 0) tokens.cancel(std::exchange(call.wait, 0));
    if (call.session_wait != 0) sessions.cancel(std::exchange(call.session_wait, 0));
    if (call.exchange != 0) dispatcher.cancel(std::exchange(call.exchange, 0));
}

void Client::Impl::forget(const Call& call) {
    const auto of_run = calls_of_run.find(call.request.run);
    std::erase(of_run->second, call.request.id);
    if (of_run->second.empty()) calls_of_run.erase(of_run);
    calls.erase(call.request.id);
}

// A call that the owner has not cancelled gets its response like every other.
void Client::Impl::end_run(const std::string& run) {
    while (calls_of_run.contains(run))
        fail(calls.at(calls_of_run.at(run).back()), Failure::Protocol, "the run has ended");
    sessions.end_run(run);
    tokens.end_run(run, [this](Revocation&& revocation) { revocations.push_back(std::move(revocation)); });
}

Client::Client(const Settings& settings) : impl_(std::make_unique<Impl>(settings)) {}
Client::~Client() = default;

void Client::configure(const Settings& settings) {
    impl_->dispatcher.configure(settings);
}

void Client::start(Request request) {
    impl_->start(std::move(request));
}

void Client::cancel(std::uint64_t id) {
    if (const auto found = impl_->calls.find(id); found != impl_->calls.end()) {
        impl_->detach(found->second);
        impl_->forget(found->second);
    }
    std::erase_if(impl_->completed, [id](const Response& response) { return response.id == id; });
}

void Client::end_run(const std::string& run) {
    impl_->end_run(run);
}

int Client::epoll_fd() const noexcept {
    return impl_->dispatcher.epoll_fd();
}

int Client::timeout_ms() const noexcept {
    return impl_->completed.empty() && impl_->revocations.empty() ? impl_->dispatcher.timeout_ms() : 0;
}

void Client::run_ready() {
    impl_->dispatcher.run_ready();
}

std::optional<Response> Client::next_completed() {
    if (impl_->completed.empty()) return std::nullopt;
    Response response = std::move(impl_->completed.front());
    impl_->completed.pop_front();
    return response;
}

std::optional<Revocation> Client::next_revocation() {
    if (impl_->revocations.empty()) return std::nullopt;
    Revocation revocation = std::move(impl_->revocations.front());
    impl_->revocations.pop_front();
    return revocation;
}

std::vector<IssuerFigures> Client::issuers() const {
    return impl_->tokens.figures();
}

std::uint64_t Client::issuer_changes() const noexcept {
    return impl_->tokens.figure_changes();
}

std::size_t Client::calls_under_way() const noexcept {
    return impl_->calls.size();
}

}  // namespace flowctl::net
