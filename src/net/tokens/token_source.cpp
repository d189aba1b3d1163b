// TokenSource: waits and runs. token_flight.cpp has the flights, and token_source_impl.hpp says how the three
// belong together.
#include "net/tokens/token_source.hpp"

#include <algorithm>
#include <utility>

#include "net/tokens/token_source_impl.hpp"

namespace flowctl::net {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLongestTimer{3600 * 1000};
constexpr milliseconds kShortestSweep{1000};
constexpr const char* kDpop = "DPoP";  // token type and header

}  // namespace

milliseconds timer_length(std::chrono::steady_clock::duration length) {
    return std::clamp(std::chrono::ceil<milliseconds>(length), milliseconds(0), kLongestTimer);
}

TokenResult failed_token(std::string message, bool permanent, std::optional<Seconds> retry_after) {
    TokenResult result;
    result.message = std::move(message);
    result.permanent = permanent;
    result.retry_after = retry_after;
    return result;
}

TokenResult failed_token(const Trouble& trouble) {
    TokenResult result = failed_token(trouble.message, trouble.remedy == Remedy::None);
    result.fault = trouble.fault;
    return result;
}

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

    const CachedTokenKey key = token_key(credential, run, egress_role);
    if (auto token = cache.find(key.token, now)) {
        TokenResult result;
        result.token = std::move(*token);
        answer_soon(id, std::move(result));
    } else if (auto refusal = cache.refusal(key.registration, now)) {
        answer_soon(id, std::move(*refusal));
    } else if (deadline <= now) {
        answer_soon(id, failed_token(issuer_name(credential.issuer) + ": no time left for a token", false));
    } else {
        const std::uint64_t flight_id = join(key, credential, run, egress_role);
        const Flight& flight = flights.at(flight_id);
        if (flight.timer != 0 && flight.paused_until >= deadline) {
            answer_soon(id, failed_token(flight.last_trouble, false, flight.paused_until - now));
        } else {
            flights.at(flight_id).waits.insert(id);
            waits.at(id).flight = flight_id;
            watch_deadline(id);
        }
    }
    return id;
}

// The flight under way for the key, or a new one.
std::uint64_t TokenSource::Impl::join(const CachedTokenKey& key, const Credential& credential,
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
    ended.done(failed_token(std::move(message), false));
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
    dpop_keys.forget(run);
    for (LiveToken& live : cache.take_run(run, clock.steady())) {
        if (live.grant->credential.grant != GrantType::Direct) revoker.revoke(std::move(live), revoked);
    }
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

std::vector<Token> TokenSource::newest_of(const std::string& run, std::size_t most) const {
    return impl_->cache.newest_of(run, most);
}

std::optional<std::vector<Header>> TokenSource::present(const Token& token, const std::string& run,
                                                        const std::string& egress_role,
                                                        const std::string& method, const std::string& url) {
    const std::string_view text = token.access_token->reveal();
    std::vector<Header> headers;
    std::string value;
    value.reserve(token.token_type.size() + 1 + text.size());
    value.append(token.token_type).append(" ").append(text);
    headers.emplace_back("Authorization", std::move(value));
    if (token.token_type != kDpop) return headers;
    auto proof = impl_->dpop_keys.of(run).proof(method, url, impl_->dpop_nonces.find(url, egress_role),
                                                impl_->clock.system(), text);
    if (!proof) return std::nullopt;
    headers.emplace_back(kDpop, std::move(*proof));
    return headers;
}

bool TokenSource::learn_nonce(const Token& token, const std::string& egress_role, const std::string& url,
                              const Answer& answer) {
    if (token.token_type != kDpop) return false;
    return impl_->dpop_nonces.learn(url, egress_role, answer) && asks_for_nonce(answer);
}

std::uint64_t TokenSource::figure_changes() const noexcept {
    return impl_->figure_changes + impl_->cache.changes();
}

std::vector<IssuerFigures> TokenSource::figures() const {
    const auto now = impl_->clock.steady();
    std::vector<IssuerFigures> all;
    for (const auto& [name, counted] : impl_->figures) {
        IssuerFigures& figures = all.emplace_back(counted.figures);
        figures.cached_tokens = impl_->cache.count_of(name);
        if (counted.circuit_key.empty()) continue;
        const IssuerCircuit::Gate gate = impl_->circuit.look(counted.circuit_key, now);
        figures.circuit = gate.state;
        if (gate.until > now) {
            figures.circuit_until =
                impl_->clock.system() +
                std::chrono::duration_cast<std::chrono::system_clock::duration>(gate.until - now);
        }
    }
    return all;
}

void TokenSource::end_run(const std::string& run, Revoked revoked) {
    impl_->end_run(run, revoked);
}

}  // namespace flowctl::net
