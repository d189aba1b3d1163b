// Getting sessions. See session_source.hpp.
#include "net/proofs/session_source.hpp"

#include <algorithm>
#include <utility>

#include "net/crypto/crypto.hpp"
#include "net/crypto/encoding.hpp"
#include "net/http/dispatcher.hpp"
#include "net/tokens/token_cache.hpp"

namespace flowctl::net {
namespace {

using namespace std::chrono_literals;

constexpr int kMostFailures = 4;  // of one flight; then its waits are told
constexpr std::chrono::milliseconds kFirstPause = 500ms;
constexpr Seconds kLongestPause{30};
constexpr std::size_t kMostSessions = 10'000;
constexpr std::size_t kMostBytes = 64 << 20;  // of their keys and tokens

std::string key_of(const SessionRequest& request, const std::string& run, const std::string& egress_role) {
    std::string text;
    if (const auto* role = std::get_if<AwsRole>(&request.what)) {
        append_part(text, "aws");
        append_part(text, role->sts_endpoint);
        append_part(text, role->role_arn);
        append_part(text, std::to_string(role->duration_seconds));
        append_part(text, std::to_string(role->session_lifetime ? role->session_lifetime->count() : 0));
        append_part(text, role->run_ends_at ? utc_time(*role->run_ends_at) : "");
        append_part(text, role->ca_file);
    } else {
        const auto& account = std::get<GcpAccount>(request.what);
        append_part(text, "gcp");
        append_part(text, account.iam_endpoint);
        append_part(text, account.email);
        append_part(text, account.scope);
        append_part(text, std::to_string(account.lifetime_seconds));
        append_part(text, account.ca_file);
    }
    if (request.credential) append_part(text, token_key(*request.credential, run, egress_role).token);
    append_part(text, request.token.identity());
    append_part(text, request.audience);
    append_part(text, egress_role);
    append_part(text, run);
    return sha256(text);
}

std::size_t bytes_of(const Session& session) {
    std::size_t bytes = session.info.fingerprint.size();
    if (session.bearer) bytes += session.bearer->reveal().size();
    if (session.keys)
        bytes +=
            session.keys->secret_access_key.reveal().size() + session.keys->session_token.reveal().size();
    return bytes;
}

// A session that seems to last longer than it was asked for says that our clock is slow.
Seconds asked_lifetime(const SessionRequest& request) {
    const auto* role = std::get_if<AwsRole>(&request.what);
    return Seconds(role != nullptr ? role->duration_seconds
                                   : std::get<GcpAccount>(request.what).lifetime_seconds);
}

SessionResult failure(std::string message, bool permanent, CredentialFault fault = CredentialFault::Failed,
                      std::optional<Seconds> retry_after = std::nullopt) {
    SessionResult result;
    result.message = std::move(message);
    result.permanent = permanent;
    result.fault = fault;
    result.retry_after = retry_after;
    return result;
}

std::chrono::milliseconds until(std::chrono::steady_clock::time_point at,
                                std::chrono::steady_clock::time_point now) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(at - now);
    return std::clamp<std::chrono::milliseconds>(left, 0ms, 24h);
}

}  // namespace

SessionSource::~SessionSource() {
    for (auto& [key, flight] : flights_)
        stop(flight);
    for (auto& [id, wait] : waits_)
        dispatcher_.cancel_timer(wait.timer);
}

std::uint64_t SessionSource::get(std::shared_ptr<const SessionRequest> request, const std::string& run,
                                 const std::string& egress_role, SteadyPoint deadline, Done done) {
    const SteadyPoint now = clock_.steady();
    const std::uint64_t id = next_wait_++;
    const std::string key = key_of(*request, run, egress_role);
    waits_[id] = Wait{run, key, 0, std::move(done)};
    waits_of_run_.emplace(run, id);
    if (const auto live = live_.find({run, key}); live != live_.end() && now < live->second.usable_until) {
        SessionResult result;
        result.session = live->second.session;
        waits_[id].timer = dispatcher_.after(0ms, [this, id, result] { answer(id, result); });
        return id;
    }
    waits_[id].timer = dispatcher_.after(
        until(deadline, now), [this, id] { answer(id, failure("the session did not come in time", false)); });
    const auto [flight, is_new] = flights_.try_emplace(key);
    flight->second.waits.insert(id);
    flight->second.deadline = std::max(flight->second.deadline, deadline);
    if (is_new) {
        flight->second.request = std::move(request);
        flight->second.run = run;
        flight->second.egress_role = egress_role;
        flight->second.timer = dispatcher_.after(0ms, [this, key] { begin(key); });
    }
    return id;
}

void SessionSource::cancel(std::uint64_t wait_id) {
    const auto wait = take(wait_id);
    if (!wait) return;
    const auto flight = flights_.find(wait->key);
    if (flight == flights_.end()) return;
    flight->second.waits.erase(wait_id);
    if (!flight->second.waits.empty()) return;
    stop(flight->second);
    flights_.erase(flight);
}

void SessionSource::drop(const std::string& run, std::uint64_t generation) {
    const auto [first, last] = of_run(run);
    for (auto live = first; live != last;)
        live = live->second.session.generation == generation ? live_.erase(live) : std::next(live);
}

std::vector<Session> SessionSource::sessions_of(const std::string& run) const {
    std::vector<Session> sessions;
    for (auto live = live_.lower_bound({run, ""}); live != live_.end() && live->first.first == run; ++live)
        sessions.push_back(live->second.session);
    return sessions;
}

void SessionSource::end_run(const std::string& run) {
    for (auto wait = waits_of_run_.lower_bound({run, 0}); wait != waits_of_run_.end() && wait->first == run;)
        cancel((wait++)->second);
    const auto [first, last] = of_run(run);
    live_.erase(first, last);
}

std::pair<SessionSource::Lives::iterator, SessionSource::Lives::iterator> SessionSource::of_run(
    const std::string& run) {
    const auto first = live_.lower_bound({run, ""});
    auto last = first;
    while (last != live_.end() && last->first.first == run)
        ++last;
    return {first, last};
}

// First the token that is handed in.
void SessionSource::begin(const std::string& key) {
    Flight& flight = flights_.at(key);
    flight.timer = 0;
    const SessionRequest& request = *flight.request;
    if (request.credential) {
        flight.token_wait = tokens_.get(*request.credential, flight.run, flight.egress_role, flight.deadline,
                                        [this, key](TokenResult&& result) {
                                            flights_.at(key).token_wait = 0;
                                            if (result.token)
                                                return send(key, result.token->access_token->reveal());
                                            finish(key, failure(std::move(result.message), result.permanent,
                                                                result.fault, result.retry_after));
                                        });
        return;
    }
    TokenUse use;
    use.purpose = TokenUse::Purpose::Subject;
    use.audience = request.audience;
    use.now = clock_.system();
    TokenInputResult token = request.token.get(use);
    if (auto* fault = std::get_if<TokenInputFault>(&token))
        return finish(key, failure("web identity token: " + fault->message, fault->permanent, fault->fault));
    send(key, std::get<Secret>(token).reveal());
}

void SessionSource::send(const std::string& key, std::string_view token) {
    Flight& flight = flights_.at(key);
    flight.token = Secret(token);
    flight.request_start = clock_.steady();
    Exchange exchange =
        session_request(*flight.request, token, flight.run, flight.egress_role, clock_.system());
    exchange.id = flight.exchange = dispatcher_.next_id();
    dispatcher_.add(std::move(exchange), [this, key](Answer&& answer) { answered(key, std::move(answer)); });
}

void SessionSource::answered(const std::string& key, Answer&& answer) {
    Flight& flight = flights_.at(key);
    flight.exchange = 0;
    const auto now = clock_.system();
    SessionAnswer read = read_session_answer(*flight.request, flight.token.reveal(), answer, now);
    flight.token = Secret();
    if (!read.session) return failed(key, *read.trouble);
    Session session = *std::move(read.session);
    session.generation = next_generation_++;
    forget_ended(clock_.steady());
    const Seconds lifetime =
        std::min(Seconds(session.info.expires_at - now), asked_lifetime(*flight.request));
    live_[{flight.run, key}] = Live{session, usable_until(flight.request_start, lifetime)};
    SessionResult result;
    result.session = std::move(session);
    finish(key, result);
}

void SessionSource::failed(const std::string& key, const Trouble& trouble) {
    Flight& flight = flights_.at(key);
    const bool again = trouble.remedy == Remedy::Retry || trouble.remedy == Remedy::BackOff;
    auto pause = std::chrono::duration_cast<std::chrono::milliseconds>(kFirstPause * (1 << flight.failures) *
                                                                       (0.5 + random_fraction()));
    if (trouble.retry_after)
        pause = std::max(pause, std::chrono::duration_cast<std::chrono::milliseconds>(
                                    std::min(*trouble.retry_after, kLongestPause)));
    flight.failures++;
    if (!again || flight.failures == kMostFailures || clock_.steady() + pause >= flight.deadline)
        return finish(key, failure(trouble.message, trouble.remedy == Remedy::None, CredentialFault::Failed,
                                   trouble.retry_after));
    flight.timer = dispatcher_.after(pause, [this, key] { begin(key); });
}

void SessionSource::finish(const std::string& key, const SessionResult& result) {
    const auto flight = flights_.extract(key);
    for (const std::uint64_t id : flight.mapped().waits)
        answer(id, result);
}

void SessionSource::answer(std::uint64_t wait_id, SessionResult result) {
    auto wait = take(wait_id);
    if (!wait) return;
    // A wait that ends by its own deadline leaves its flight.
    if (const auto flight = flights_.find(wait->key); flight != flights_.end()) {
        flight->second.waits.erase(wait_id);
        if (flight->second.waits.empty()) {
            stop(flight->second);
            flights_.erase(flight);
        }
    }
    wait->done(std::move(result));
}

std::optional<SessionSource::Wait> SessionSource::take(std::uint64_t wait_id) {
    auto wait = waits_.extract(wait_id);
    if (wait.empty()) return std::nullopt;
    waits_of_run_.erase({wait.mapped().run, wait_id});
    dispatcher_.cancel_timer(wait.mapped().timer);
    return std::move(wait.mapped());
}

void SessionSource::stop(Flight& flight) {
    if (flight.token_wait != 0) tokens_.cancel(std::exchange(flight.token_wait, 0));
    if (flight.exchange != 0) dispatcher_.cancel(std::exchange(flight.exchange, 0));
    if (flight.timer != 0) dispatcher_.cancel_timer(std::exchange(flight.timer, 0));
}

void SessionSource::forget_ended(SteadyPoint now) {
    std::erase_if(live_, [&](const auto& entry) { return entry.second.usable_until <= now; });
    std::size_t bytes = 0;
    for (const auto& [key, live] : live_)
        bytes += bytes_of(live.session);
    while (live_.size() >= kMostSessions || bytes > kMostBytes) {
        const auto first = std::min_element(live_.begin(), live_.end(), [](const auto& a, const auto& b) {
            return a.second.usable_until < b.second.usable_until;
        });
        bytes -= bytes_of(first->second.session);
        live_.erase(first);
    }
}

}  // namespace flowctl::net
