// TokenSource: flights. A flight goes from the issuer's endpoints to a token; each kind of trouble has its remedy.
#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "net/crypto/crypto.hpp"
#include "net/tokens/client_auth.hpp"
#include "net/tokens/token_source_impl.hpp"

namespace flowctl::net {
namespace {

using std::chrono::milliseconds;
using SteadyDuration = std::chrono::steady_clock::duration;

constexpr int kMaxRetries = 3;
constexpr Seconds kFirstRetry{0.25};
constexpr Seconds kRefusalMemory{10};
constexpr Seconds kMaxPauseJitter{5};

constexpr std::size_t kMaxFigures = 500;
constexpr milliseconds kProbeLook{250};
constexpr milliseconds kRefreshFileLook{50};

SteadyDuration steady(Seconds length) {
    return std::chrono::duration_cast<SteadyDuration>(length);
}

Trouble trouble_of(const TokenInputFault& fault) {
    return {fault.message, fault.permanent ? Remedy::None : Remedy::Later, std::nullopt, fault.fault};
}

std::string path_of(const SecretFile& file) {
    return file.directory + '/' + file.name;
}

// Whether the connection to the issuer must show the client's certificate. If so, the request goes to the endpoint
// where the issuer looks at certificates.
bool shows_certificate(const Credential& credential) {
    return authenticates_by_certificate(credential.client) || credential.certificate_bound;
}

}  // namespace

void TokenSource::Impl::begin(std::uint64_t flight_id) {
    Flight& flight = flights.at(flight_id);
    flight.timer = 0;
    const auto grant = flight.grant;
    const Credential& credential = grant->credential;
    if (credential.grant == GrantType::Direct) return serve_directly(flight_id);

    const auto now = flight.begun = clock.steady();
    flight.circuit_key = IssuerCircuit::key(credential.issuer, grant->egress_role);
    const IssuerCircuit::Gate gate = circuit.enter(flight.circuit_key, now);
    const std::string name = issuer_name(credential.issuer);
    switch (gate.state) {
        case CircuitState::Closed:
            break;
        case CircuitState::Paused: {
            const std::string& last = flight.last_trouble;
            return pause(flight_id, gate.until, last.empty() ? name + " asked for a pause" : last, true);
        }
        case CircuitState::HalfOpen:
            return pause(flight_id, now + std::min<SteadyDuration>(gate.until - now, kProbeLook),
                         name + " did not answer of late, and is being asked whether it does again", true);
        case CircuitState::Open: {
            const Seconds left = gate.until - now;
            return finish(flight_id,
                          failed_token(name + " did not answer of late; it is asked again in " +
                                           std::to_string(static_cast<int>(std::ceil(left.count()))) + " s",
                                       false, left));
        }
    }
    discovery.endpoints(
        credential.issuer, grant->egress_role, DiscoveryCache::Need::Token,
        [this, flight_id](const DiscoveryCache::Result& result) { resolved(flight_id, result); });
}

// No issuer is asked: the token that is handed in goes to the endpoint as it is.
void TokenSource::Impl::serve_directly(std::uint64_t flight_id) {
    Flight& flight = flights.at(flight_id);
    const Credential& credential = flight.grant->credential;
    flight.request_start = clock.steady();
    flight.request_time = clock.system();
    auto made = credential.subject.get(
        {TokenUse::Purpose::Bearer, credential.audience, credential.client.client_id, flight.request_time});
    if (auto* fault = std::get_if<TokenInputFault>(&made)) return in_trouble(flight_id, trouble_of(*fault));
    IssuedToken issued = described_token(std::get<Secret>(std::move(made)), flight.request_time);
    if (issued.lifetime <= Seconds(0)) {
        return in_trouble(flight_id,
                          {"the token has ended", Remedy::Later, std::nullopt, CredentialFault::Failed});
    }
    succeed(flight_id, live_token(flight, std::move(issued)));
}

void TokenSource::Impl::resolved(std::uint64_t flight_id, const DiscoveryCache::Result& result) {
    const auto found = flights.find(flight_id);
    if (found == flights.end()) return;  // abandoned meanwhile
    if (const auto* trouble = std::get_if<Trouble>(&result)) return in_trouble(flight_id, *trouble);
    const Credential& credential = found->second.grant->credential;
    if (credential.grant == GrantType::RefreshToken && !take_refresh_file(flight_id)) return;
    const auto& endpoints = std::get<Endpoints>(result);
    send(flight_id, shows_certificate(credential) ? endpoints.token_by_certificate() : endpoints.token);
}

// False: the flight waits for the file, or has ended.
bool TokenSource::Impl::take_refresh_file(std::uint64_t flight_id) {
    Flight& flight = flights.at(flight_id);
    const Credential& credential = flight.grant->credential;
    const std::string name = issuer_name(credential.issuer);
    auto taken = RefreshFile::take(credential.refresh_file);
    if (std::holds_alternative<RefreshFile::Busy>(taken)) {
        pause(flight_id, clock.steady() + kRefreshFileLook, name + ": its refresh token is in use", false);
        return false;
    }
    if (const auto* fault = std::get_if<std::string>(&taken)) {
        in_trouble(flight_id, {name + ": " + *fault, Remedy::Later, std::nullopt, CredentialFault::Failed});
        return false;
    }
    flight.refresh.emplace(std::get<RefreshFile>(std::move(taken)));
    const auto unsaved = unsaved_refresh_tokens.find(path_of(credential.refresh_file));
    if (unsaved == unsaved_refresh_tokens.end()) return true;
    if (const auto fault = flight.refresh->replace(unsaved->second)) {
        flight.refresh.reset();
        in_trouble(flight_id, {name + ": " + *fault, Remedy::Later, std::nullopt, CredentialFault::Failed});
        return false;
    }
    unsaved_refresh_tokens.erase(unsaved);
    return true;
}

// The next refresh token is in its file before the access token is used. If it cannot be written, it stays in
// memory for the next attempt, because the one in the file is used up.
std::optional<Trouble> TokenSource::Impl::keep_refresh_token(Flight& flight, IssuedToken& issued) {
    const Credential& credential = flight.grant->credential;
    if (!flight.refresh || issued.refresh_token.empty()) return std::nullopt;
    const auto fault = flight.refresh->replace(issued.refresh_token);
    if (!fault) return std::nullopt;
    unsaved_refresh_tokens[path_of(credential.refresh_file)] = std::move(issued.refresh_token);
    return Trouble{issuer_name(credential.issuer) + ": " + *fault, Remedy::Later, std::nullopt,
                   CredentialFault::Failed};
}

void TokenSource::Impl::send(std::uint64_t flight_id, const std::string& endpoint) {
    Flight& flight = flights.at(flight_id);
    const Credential& credential = flight.grant->credential;
    flight.request_start = clock.steady();
    flight.request_time = clock.system();
    auto request = token_request(credential, endpoint, flight.grant->egress_role, flight.request_time,
                                 flight.refresh ? &flight.refresh->token() : nullptr);
    if (auto* fault = std::get_if<TokenInputFault>(&request))
        return in_trouble(flight_id, trouble_of(*fault));
    auto& exchange = std::get<Exchange>(request);
    if (credential.dpop) {
        const DpopKey& key = dpop_keys.of(flight.grant->run);
        flight.dpop_thumbprint = key.thumbprint();
        auto proof = key.proof(exchange.method, endpoint,
                               dpop_nonces.find(endpoint, flight.grant->egress_role), flight.request_time);
        if (!proof) {
            return in_trouble(flight_id, {issuer_name(credential.issuer) + ": no DPoP proof can be made",
                                          Remedy::None, std::nullopt, CredentialFault::Failed});
        }
        exchange.headers.emplace_back("DPoP", std::move(*proof));
    }
    ++figures_of(credential.issuer).token_requests;
    exchange.id = flight.exchange = dispatcher.next_id();
    dispatcher.add(std::move(exchange), [this, flight_id, endpoint](Answer&& answer) {
        answered(flight_id, endpoint, std::move(answer));
    });
}

void TokenSource::Impl::answered(std::uint64_t flight_id, const std::string& endpoint, Answer&& http_answer) {
    Flight& flight = flights.at(flight_id);
    flight.exchange = 0;
    const Credential& credential = flight.grant->credential;
    const auto now = clock.steady();
    const bool nonce = credential.dpop && dpop_nonces.learn(endpoint, flight.grant->egress_role, http_answer);
    TokenAnswer answer = read_token_answer(credential, http_answer, flight.dpop_thumbprint);
    const bool pause_asked = answer.trouble && answer.trouble->remedy == Remedy::BackOff;
    if (http_answer.failure == Failure::None && !pause_asked) circuit.answered(flight.circuit_key);
    if (answer.token) {
        if (auto trouble = keep_refresh_token(flight, *answer.token)) answer.trouble = std::move(trouble);
    }
    const bool ask_again = nonce && answer.wants_nonce && !flight.nonce_given && !flight.orphan;
    if (!ask_again) flight.refresh.reset();

    std::optional<LiveToken> live;
    if (answer.token) live = live_token(flight, std::move(*answer.token));
    if (flight.orphan) {
        Flight orphan = remove_flight(flight_id);
        if (live && now < live->ends_at) revoker.revoke(std::move(*live), std::move(orphan.revoked));
        return;
    }
    if (ask_again) {
        flight.nonce_given = true;
        return send(flight_id, endpoint);
    }
    if (live && !answer.trouble && now >= live->ends_at) {
        answer.trouble = Trouble{issuer_name(credential.issuer) + ": its token ended before it arrived",
                                 Remedy::Later, std::nullopt, CredentialFault::Failed};
    }
    if (answer.trouble) {
        if (live) cache.keep_for_revocation(std::move(*live), now);
        arm_sweep();
        return in_trouble(flight_id, *answer.trouble);
    }
    IssuerFigures& counted = figures_of(credential.issuer);
    ++counted.tokens_issued;
    counted.last_success = clock.system();
    succeed(flight_id, std::move(*live));
}

void TokenSource::Impl::succeed(std::uint64_t flight_id, LiveToken&& live) {
    TokenResult result;
    result.token = live.token;
    cache.put(flights.at(flight_id).key.token, std::move(live), clock.steady());
    arm_sweep();
    finish(flight_id, result);
}

LiveToken TokenSource::Impl::live_token(const Flight& flight, IssuedToken&& issued) {
    LiveToken live;
    live.token.access_token = std::make_shared<const Secret>(std::move(issued.access_token));
    live.token.generation = next_generation++;
    live.token.token_type = flight.grant->credential.dpop ? "DPoP" : "Bearer";
    live.token.info = std::move(issued.info);
    live.token.info.expires_at =
        flight.request_time +
        std::chrono::duration_cast<std::chrono::system_clock::duration>(issued.lifetime);
    live.usable_until = usable_until(flight.request_start, issued.lifetime);
    live.ends_at = flight.request_start + steady(issued.lifetime);
    live.grant = flight.grant;
    return live;
}

// Decides by the remedy whether the flight goes on.
void TokenSource::Impl::in_trouble(std::uint64_t flight_id, const Trouble& trouble) {
    Flight& flight = flights.at(flight_id);
    const auto now = clock.steady();
    flight.last_trouble = trouble.message;
    flight.refresh.reset();
    note_failure(flight, trouble);
    switch (trouble.remedy) {
        case Remedy::None:
            cache.remember_refusal(flight.key.registration, failed_token(trouble),
                                   now + steady(kRefusalMemory), now);
            return finish(flight_id, failed_token(trouble));
        case Remedy::Later:
            return finish(flight_id, failed_token(trouble));
        case Remedy::Retry: {
            if (trouble.no_answer) {
                if (const auto until = circuit.failed(flight.circuit_key, flight.begun, now))
                    return finish(flight_id, failed_token(trouble.message, false, *until - now));
            }
            const Seconds own = kFirstRetry * (1 << flight.retries) * (1 + random_fraction()) / 2;
            const Seconds length = std::max(own, trouble.retry_after.value_or(Seconds(0)));
            if (++flight.retries > kMaxRetries) return finish(flight_id, failed_token(trouble));
            return pause(flight_id, now + steady(length), trouble.message, false);
        }
        case Remedy::BackOff: {
            const SteadyTime until = circuit.pause(flight.circuit_key, trouble.retry_after, now);
            if (++flight.retries > kMaxRetries) {
                return finish(flight_id, failed_token(trouble.message, false, until - now));
            }
            return pause(flight_id, until, trouble.message, true);
        }
    }
}

// Tries again at `until` for the waits that can wait so long; the others end now.
void TokenSource::Impl::pause(std::uint64_t flight_id, SteadyTime until, const std::string& message,
                              bool tell_retry_after) {
    Flight& flight = flights.at(flight_id);
    const auto now = clock.steady();
    const Seconds length = until - now;
    if (tell_retry_after) until += steady(std::min(length / 4, kMaxPauseJitter) * random_fraction());
    flight.paused_until = until;
    flight.last_trouble = message;
    std::vector<std::uint64_t> ended;
    for (const std::uint64_t wait_id : flight.waits) {
        if (waits.at(wait_id).deadline <= until) ended.push_back(wait_id);
    }
    for (const std::uint64_t wait_id : ended) {
        flight.waits.erase(wait_id);
        waits.at(wait_id).flight = 0;
        dispatcher.cancel_timer(std::exchange(waits.at(wait_id).timer, 0));
    }
    if (flight.waits.empty()) {
        remove_flight(flight_id);
    } else {
        flight.timer = dispatcher.after(timer_length(until - now), [this, flight_id] { begin(flight_id); });
    }
    const TokenResult result =
        failed_token(message, false, tell_retry_after ? std::optional<Seconds>(length) : std::nullopt);
    for (const std::uint64_t wait_id : ended)
        answer(wait_id, result);
}

void TokenSource::Impl::finish(std::uint64_t flight_id, const TokenResult& result) {
    const Flight flight = remove_flight(flight_id);
    for (const std::uint64_t wait_id : flight.waits) {
        waits.at(wait_id).flight = 0;
        dispatcher.cancel_timer(std::exchange(waits.at(wait_id).timer, 0));
    }
    for (const std::uint64_t wait_id : flight.waits)
        answer(wait_id, result);
}

// At the limit the issuer that has been quiet for the longest time is forgotten.
void TokenSource::Impl::forget_figures() {
    const auto last = [](const auto& item) {
        const IssuerFigures& one = item.second.figures;
        return std::max(one.last_success, one.last_failure);  // nothing is less than any time
    };
    while (figures.size() >= kMaxFigures)
        figures.erase(std::min_element(figures.begin(), figures.end(),
                                       [&](const auto& a, const auto& b) { return last(a) < last(b); }));
}

IssuerFigures& TokenSource::Impl::figures_of(const Issuer& issuer) {
    ++figure_changes;
    if (!figures.contains(issuer.name.empty() ? issuer.url : issuer.name)) forget_figures();
    Counted& counted = figures[issuer.name.empty() ? issuer.url : issuer.name];
    counted.figures.name = issuer.name;
    counted.figures.url = issuer.url;
    return counted.figures;
}

void TokenSource::Impl::note_failure(const Flight& flight, const Trouble& trouble) {
    if (flight.circuit_key.empty()) return;  // no issuer was asked
    const Issuer& issuer = flight.grant->credential.issuer;
    IssuerFigures& counted = figures_of(issuer);
    ++counted.failures;
    counted.last_failure = clock.system();
    counted.last_failure_message = trouble.message;
    figures.at(issuer.name.empty() ? issuer.url : issuer.name).circuit_key = flight.circuit_key;
}

// Takes the flight out of every map and stops its timer. Its exchange must be over or cancelled.
TokenSource::Impl::Flight TokenSource::Impl::remove_flight(std::uint64_t flight_id) {
    Flight flight = std::move(flights.extract(flight_id).mapped());
    if (flight.timer != 0) dispatcher.cancel_timer(flight.timer);
    if (!flight.orphan) {
        flight_by_key.erase(flight.key.token);
        forget_in_run(flight.grant->run, 0, flight_id);
    }
    return flight;
}

void TokenSource::Impl::abandon_if_unwanted(std::uint64_t flight_id) {
    const auto found = flights.find(flight_id);
    if (found == flights.end() || !found->second.waits.empty() || found->second.exchange != 0) return;
    remove_flight(flight_id);
}

}  // namespace flowctl::net
