// Implementation of oidc.hpp.
//
// A wait is one get(); a flight is one attempt to get a token for a key, with every wait that wants that
// token. A flight is in one of three places, each of which ends in a callback by the flight's number: in
// discovery, in an exchange, or in a pause (its timer). When its last wait goes it is abandoned, unless an
// exchange is under way: that may mint a token, which must then be kept for its run, or revoked if the run
// has ended (an orphan). A callback of the caller can change every map here, so maps are put in order first
// and callers are answered last.
#include "net/oidc.hpp"

#include <algorithm>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "net/crypto.hpp"
#include "net/discovery.hpp"
#include "net/dispatcher.hpp"
#include "net/issuer_backoff.hpp"
#include "net/revocation.hpp"
#include "net/token_cache.hpp"
#include "net/token_endpoint.hpp"

namespace flowctl::net {
namespace {

using std::chrono::milliseconds;
using SteadyDuration = std::chrono::steady_clock::duration;

constexpr int kMaxRetries = 3;
constexpr Seconds kFirstRetry{0.25};
constexpr Seconds kRefusalMemory{10};
constexpr Seconds kDefaultPause{1};
constexpr Seconds kMaxPauseJitter{5};
constexpr milliseconds kLongestTimer{3600 * 1000};  // longer ones are set again when they go off
constexpr milliseconds kShortestSweep{1000};

SteadyDuration steady(Seconds length) {
    return std::chrono::duration_cast<SteadyDuration>(length);
}

milliseconds timer_length(SteadyDuration length) {
    return std::clamp(std::chrono::ceil<milliseconds>(length), milliseconds(0), kLongestTimer);
}

TokenResult failed(std::string message, bool permanent, std::optional<Seconds> retry_after = std::nullopt) {
    TokenResult result;
    result.message = std::move(message);
    result.permanent = permanent;
    result.retry_after = retry_after;
    return result;
}

}  // namespace

struct TokenSource::Impl {
    struct Wait {
        std::string run;
        std::uint64_t flight = 0;  // 0: its answer is on the way
        SteadyTime deadline;
        std::uint64_t timer = 0;
        Done done;
    };
    struct Flight {
        TokenKey key;
        std::shared_ptr<const Grant> grant;
        std::set<std::uint64_t> waits;
        int retries = 0;
        std::uint64_t exchange = 0;
        std::uint64_t timer = 0;
        std::string backoff_key;
        SteadyTime paused_until;
        std::string last_trouble;
        SteadyTime request_start;
        std::chrono::system_clock::time_point request_time;
        bool orphan = false;
        Revoked revoked;  // of an orphan
    };
    struct Run {
        std::set<std::uint64_t> waits;
        std::set<std::uint64_t> flights;
    };

    Impl(Dispatcher& d, TokenClock c)
        : dispatcher(d), clock(std::move(c)), discovery(d, clock), revoker(d, discovery, clock) {}
    ~Impl();

    std::uint64_t get(const Credential& credential, const std::string& run, const std::string& egress_role,
                      SteadyTime deadline, Done done);
    void cancel(std::uint64_t wait_id);
    void end_run(const std::string& run, const Revoked& revoked);

    std::uint64_t join(const TokenKey& key, const Credential& credential, const std::string& run,
                       const std::string& egress_role);
    void answer_soon(std::uint64_t wait_id, TokenResult result);
    void answer(std::uint64_t wait_id, TokenResult result);
    void watch_deadline(std::uint64_t wait_id);
    void deadline_reached(std::uint64_t wait_id);
    Wait remove_wait(std::uint64_t wait_id);

    void begin(std::uint64_t flight_id);
    void resolved(std::uint64_t flight_id, const DiscoveryCache::Result& result);
    void send(std::uint64_t flight_id, const std::string& endpoint);
    void answered(std::uint64_t flight_id, Answer&& answer);
    LiveToken live_token(const Flight& flight, IssuedToken&& issued);
    void in_trouble(std::uint64_t flight_id, const Trouble& trouble);
    void pause(std::uint64_t flight_id, SteadyTime until, const std::string& message, bool tell_retry_after);
    void finish(std::uint64_t flight_id, const TokenResult& result);
    Flight remove_flight(std::uint64_t flight_id);
    void abandon_if_unwanted(std::uint64_t flight_id);
    void forget_in_run(const std::string& run, std::uint64_t wait_id, std::uint64_t flight_id);
    void arm_sweep();

    Dispatcher& dispatcher;
    TokenClock clock;
    DiscoveryCache discovery;
    Revoker revoker;
    TokenCache cache;
    IssuerBackoff backoff;
    std::unordered_map<std::uint64_t, Wait> waits;
    std::unordered_map<std::uint64_t, Flight> flights;
    std::unordered_map<std::string, std::uint64_t> flight_by_key;
    std::unordered_map<std::string, Run> runs;
    std::uint64_t next_id = 1;
    std::uint64_t next_generation = 1;
    std::uint64_t sweep_timer = 0;
    SteadyTime sweep_at;
};

TokenSource::Impl::~Impl() {
    for (const auto& [id, wait] : waits)
        dispatcher.cancel_timer(wait.timer);
    for (const auto& [id, flight] : flights) {
        dispatcher.cancel(flight.exchange);
        dispatcher.cancel_timer(flight.timer);
    }
    dispatcher.cancel_timer(sweep_timer);
}

// --- waits

std::uint64_t TokenSource::Impl::get(const Credential& credential, const std::string& run,
                                     const std::string& egress_role, SteadyTime deadline, Done done) {
    const auto now = clock.steady();
    const std::uint64_t id = next_id++;
    waits[id] = Wait{run, 0, deadline, 0, std::move(done)};
    runs[run].waits.insert(id);

    const TokenKey key = token_key(credential, run, egress_role);
    if (auto token = cache.find(key.token, now)) {
        TokenResult result;
        result.token = std::move(*token);
        answer_soon(id, std::move(result));
    } else if (auto refusal = cache.refusal(key.registration, now)) {
        answer_soon(id, std::move(*refusal));
    } else if (deadline <= now) {
        answer_soon(id, failed(issuer_name(credential.issuer) + ": no time left for a token", false));
    } else {
        const std::uint64_t flight_id = join(key, credential, run, egress_role);
        const Flight& flight = flights.at(flight_id);
        if (flight.timer != 0 && flight.paused_until >= deadline) {
            answer_soon(id, failed(flight.last_trouble, false, flight.paused_until - now));
        } else {
            flights.at(flight_id).waits.insert(id);
            waits.at(id).flight = flight_id;
            watch_deadline(id);
        }
    }
    return id;
}

// The flight under way for the key, or a new one.
std::uint64_t TokenSource::Impl::join(const TokenKey& key, const Credential& credential,
                                      const std::string& run, const std::string& egress_role) {
    const auto [at, added] = flight_by_key.try_emplace(key.token, next_id);
    if (!added) return at->second;
    const std::uint64_t id = next_id++;
    Flight& flight = flights[id];
    flight.key = key;
    flight.grant = make_grant(credential, run, egress_role);
    flight.timer = dispatcher.after(milliseconds(0), [this, id] { begin(id); });
    runs[run].flights.insert(id);
    return id;
}

void TokenSource::Impl::answer_soon(std::uint64_t wait_id, TokenResult result) {
    auto shared = std::make_shared<TokenResult>(std::move(result));
    waits.at(wait_id).timer = dispatcher.after(milliseconds(0), [this, wait_id, shared] {
        waits.at(wait_id).timer = 0;
        answer(wait_id, std::move(*shared));
    });
}

void TokenSource::Impl::answer(std::uint64_t wait_id, TokenResult result) {
    if (!waits.contains(wait_id)) return;  // cancelled by the answer to another wait
    const Wait wait = remove_wait(wait_id);
    wait.done(std::move(result));
}

void TokenSource::Impl::watch_deadline(std::uint64_t wait_id) {
    Wait& wait = waits.at(wait_id);
    wait.timer = dispatcher.after(timer_length(wait.deadline - clock.steady()),
                                  [this, wait_id] { deadline_reached(wait_id); });
}

void TokenSource::Impl::deadline_reached(std::uint64_t wait_id) {
    Wait& wait = waits.at(wait_id);
    wait.timer = 0;
    const auto now = clock.steady();
    if (now < wait.deadline) return watch_deadline(wait_id);

    const std::uint64_t flight_id = wait.flight;
    const Flight& flight = flights.at(flight_id);
    std::string message = issuer_name(flight.grant->credential.issuer) + ": no token in time";
    if (!flight.last_trouble.empty()) message += " (" + flight.last_trouble + ")";
    const Wait ended = remove_wait(wait_id);
    abandon_if_unwanted(flight_id);
    ended.done(failed(std::move(message), false));
}

// Takes the wait out of every map and stops its timer.
TokenSource::Impl::Wait TokenSource::Impl::remove_wait(std::uint64_t wait_id) {
    Wait wait = std::move(waits.extract(wait_id).mapped());
    if (wait.timer != 0) dispatcher.cancel_timer(wait.timer);
    if (const auto flight = flights.find(wait.flight); flight != flights.end())
        flight->second.waits.erase(wait_id);
    forget_in_run(wait.run, wait_id, 0);
    return wait;
}

void TokenSource::Impl::cancel(std::uint64_t wait_id) {
    if (!waits.contains(wait_id)) return;
    const Wait wait = remove_wait(wait_id);
    abandon_if_unwanted(wait.flight);
}

// --- flights

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
            return finish(flight_id, failed(trouble.message, true));
        case Remedy::Later:
            return finish(flight_id, failed(trouble.message, false));
        case Remedy::Retry: {
            const Seconds own = kFirstRetry * (1 << flight.retries) * (1 + random_fraction()) / 2;
            const Seconds length = std::max(own, trouble.retry_after.value_or(Seconds(0)));
            if (++flight.retries > kMaxRetries) return finish(flight_id, failed(trouble.message, false));
            return pause(flight_id, now + steady(length), trouble.message, false);
        }
        case Remedy::BackOff: {
            const bool at_token_endpoint = !flight.backoff_key.empty();
            const SteadyTime until = at_token_endpoint
                                         ? backoff.pause(flight.backoff_key, trouble.retry_after, now)
                                         : now + steady(trouble.retry_after.value_or(kDefaultPause));
            if (++flight.retries > kMaxRetries) {
                return finish(flight_id, failed(trouble.message, false, until - now));
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
        failed(message, false, tell_retry_after ? std::optional<Seconds>(length) : std::nullopt);
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

void TokenSource::Impl::forget_in_run(const std::string& run, std::uint64_t wait_id,
                                      std::uint64_t flight_id) {
    const auto found = runs.find(run);
    if (found == runs.end()) return;
    found->second.waits.erase(wait_id);
    found->second.flights.erase(flight_id);
    if (found->second.waits.empty() && found->second.flights.empty()) runs.erase(found);
}

// --- runs

void TokenSource::Impl::end_run(const std::string& run, const Revoked& revoked) {
    if (const auto found = runs.find(run); found != runs.end()) {
        const Run ended = found->second;
        for (const std::uint64_t wait_id : ended.waits)
            remove_wait(wait_id);
        for (const std::uint64_t flight_id : ended.flights) {
            Flight& flight = flights.at(flight_id);
            if (flight.exchange == 0) {
                remove_flight(flight_id);
                continue;
            }
            flight_by_key.erase(flight.key.token);
            forget_in_run(run, 0, flight_id);
            flight.orphan = true;
            flight.revoked = revoked;
        }
    }
    for (LiveToken& live : cache.take_run(run, clock.steady()))
        revoker.revoke(std::move(live), revoked);
}

// Tokens that ended leave memory also when nobody asks for another one.
void TokenSource::Impl::arm_sweep() {
    const auto end = cache.next_end();
    if (!end || (sweep_timer != 0 && sweep_at <= *end)) return;
    dispatcher.cancel_timer(sweep_timer);
    sweep_at = *end;
    sweep_timer = dispatcher.after(std::max(timer_length(*end - clock.steady()), kShortestSweep), [this] {
        sweep_timer = 0;
        cache.sweep(clock.steady());
        arm_sweep();
    });
}

// --- the face

TokenSource::TokenSource(Dispatcher& dispatcher, TokenClock clock)
    : impl_(std::make_unique<Impl>(dispatcher, std::move(clock))) {}

TokenSource::~TokenSource() = default;

std::uint64_t TokenSource::get(const Credential& credential, const std::string& run,
                               const std::string& egress_role, std::chrono::steady_clock::time_point deadline,
                               Done done) {
    return impl_->get(credential, run, egress_role, deadline, std::move(done));
}

void TokenSource::cancel(std::uint64_t wait) {
    impl_->cancel(wait);
}

void TokenSource::drop(const Credential&, const std::string& run, std::uint64_t generation) {
    impl_->cache.drop(run, generation);
}

void TokenSource::end_run(const std::string& run, Revoked revoked) {
    impl_->end_run(run, revoked);
}

}  // namespace flowctl::net
