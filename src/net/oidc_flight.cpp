// Flights of oidc.hpp: from the issuer's endpoints to a token, and what is done about each kind of trouble.
#include <algorithm>
#include <utility>
#include <vector>

#include "net/crypto.hpp"
#include "net/oidc_impl.hpp"

namespace flowctl::net {
namespace {

using std::chrono::milliseconds;
using SteadyDuration = std::chrono::steady_clock::duration;

constexpr int kMaxRetries = 3;
constexpr Seconds kFirstRetry{0.25};
constexpr Seconds kRefusalMemory{10};
constexpr Seconds kDefaultPause{1};
constexpr Seconds kMaxPauseJitter{5};

SteadyDuration steady(Seconds length) {
    return std::chrono::duration_cast<SteadyDuration>(length);
}

}  // namespace

void TokenSource::Impl::begin(std::uint64_t flight_id) {
    Flight& flight = flights.at(flight_id);
    flight.timer = 0;
    const auto grant = flight.grant;
    discovery.endpoints(
        grant->credential.issuer, grant->egress_role, DiscoveryCache::Need::Token,
        [this, flight_id](const DiscoveryCache::Result& result) { resolved(flight_id, result); });
}

void TokenSource::Impl::resolved(std::uint64_t flight_id, const DiscoveryCache::Result& result) {
    const auto found = flights.find(flight_id);
    if (found == flights.end()) return;  // abandoned meanwhile
    if (const auto* trouble = std::get_if<Trouble>(&result)) return in_trouble(flight_id, *trouble);

    Flight& flight = found->second;
    const std::string& endpoint = std::get<Endpoints>(result).token;
    const Issuer& issuer = flight.grant->credential.issuer;
    flight.backoff_key = IssuerBackoff::key(endpoint, issuer.ca_file, flight.grant->egress_role);
    if (const auto until = backoff.paused_until(flight.backoff_key, clock.steady())) {
        const std::string& last = flight.last_trouble;
        return pause(flight_id, *until, last.empty() ? issuer_name(issuer) + " asked for a pause" : last,
                     true);
    }
    send(flight_id, endpoint);
}

void TokenSource::Impl::send(std::uint64_t flight_id, const std::string& endpoint) {
    Flight& flight = flights.at(flight_id);
    flight.request_start = clock.steady();
    flight.request_time = clock.system();
    auto request =
        token_request(flight.grant->credential, endpoint, flight.grant->egress_role, flight.request_time);
    if (auto* fault = std::get_if<std::string>(&request)) {
        return in_trouble(flight_id, {std::move(*fault), Remedy::None, std::nullopt});
    }
    auto& exchange = std::get<Exchange>(request);
    exchange.id = flight.exchange = dispatcher.next_id();
    dispatcher.add(std::move(exchange),
                   [this, flight_id](Answer&& answer) { answered(flight_id, std::move(answer)); });
}

void TokenSource::Impl::answered(std::uint64_t flight_id, Answer&& http_answer) {
    Flight& flight = flights.at(flight_id);
    flight.exchange = 0;
    TokenAnswer answer = read_token_answer(flight.grant->credential, http_answer);
    const auto now = clock.steady();

    std::optional<LiveToken> live;
    if (answer.token) live = live_token(flight, std::move(*answer.token));
    if (flight.orphan) {
        Flight orphan = remove_flight(flight_id);
        if (live && now < live->ends_at) revoker.revoke(std::move(*live), std::move(orphan.revoked));
        return;
    }
    if (live && !answer.trouble && now >= live->ends_at) {
        answer.trouble =
            Trouble{issuer_name(flight.grant->credential.issuer) + ": its token ended before it arrived",
                    Remedy::Later, std::nullopt};
    }
    if (answer.trouble) {
        if (live) cache.keep_for_revocation(std::move(*live), now);
        arm_sweep();
        return in_trouble(flight_id, *answer.trouble);
    }
    backoff.succeeded(flight.backoff_key);
    TokenResult result;
    result.token = live->token;
    cache.put(flight.key.token, std::move(*live), now);
    arm_sweep();
    finish(flight_id, result);
}

LiveToken TokenSource::Impl::live_token(const Flight& flight, IssuedToken&& issued) {
    LiveToken live;
    live.token.access_token = std::make_shared<const Secret>(std::move(issued.access_token));
    live.token.generation = next_generation++;
    live.token.token_type = "Bearer";
    live.token.info.fingerprint = std::move(issued.fingerprint);
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
    switch (trouble.remedy) {
        case Remedy::None:
            cache.remember_refusal(flight.key.registration, trouble.message, now + steady(kRefusalMemory),
                                   now);
            return finish(flight_id, failed_token(trouble.message, true));
        case Remedy::Later:
            return finish(flight_id, failed_token(trouble.message, false));
        case Remedy::Retry: {
            const Seconds own = kFirstRetry * (1 << flight.retries) * (1 + random_fraction()) / 2;
            const Seconds length = std::max(own, trouble.retry_after.value_or(Seconds(0)));
            if (++flight.retries > kMaxRetries)
                return finish(flight_id, failed_token(trouble.message, false));
            return pause(flight_id, now + steady(length), trouble.message, false);
        }
        case Remedy::BackOff: {
            const bool at_token_endpoint = !flight.backoff_key.empty();
            const SteadyTime until = at_token_endpoint
                                         ? backoff.pause(flight.backoff_key, trouble.retry_after, now)
                                         : now + steady(trouble.retry_after.value_or(kDefaultPause));
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
