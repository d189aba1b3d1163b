// The inside of TokenSource: waits, flights and runs, and what each may do to the others.
//
// A wait is one get(); a flight is one attempt to get a token for a key, with every wait that wants that
// token. A flight is in one of three places, each of which ends in a callback by the flight's number: in
// discovery, in an exchange, or in a pause (its timer). A flight whose token needs no request is answered from its
// first timer. When the last wait of a flight goes, the flight is abandoned, unless an exchange is under way: that
// may mint a token, which must then be kept for its run, or revoked if the run has ended (an orphan). A callback
// of the caller can change every map here, so maps are put in order first and callers are answered last.
//
// token_source.cpp has the waits and runs, token_flight.cpp the flights; nothing else includes this file.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "net/http/dispatcher.hpp"
#include "net/tokens/discovery.hpp"
#include "net/tokens/dpop.hpp"
#include "net/tokens/issuer_circuit.hpp"
#include "net/tokens/issuer_figures.hpp"
#include "net/tokens/refresh_file.hpp"
#include "net/tokens/revocation.hpp"
#include "net/tokens/token_cache.hpp"
#include "net/tokens/token_endpoint.hpp"
#include "net/tokens/token_source.hpp"

namespace flowctl::net {

// How long a timer runs at most; a longer one is set again when it goes off.
std::chrono::milliseconds timer_length(std::chrono::steady_clock::duration length);

TokenResult failed_token(std::string message, bool permanent,
                         std::optional<Seconds> retry_after = std::nullopt);
TokenResult failed_token(const Trouble& trouble);

struct TokenSource::Impl {
    struct Wait {
        std::string run;
        std::uint64_t flight = 0;  // 0: its answer is on the way
        SteadyTime deadline;
        std::uint64_t timer = 0;
        Done done;
    };
    struct Flight {
        CachedTokenKey key;
        std::shared_ptr<const Grant> grant;
        std::set<std::uint64_t> waits;
        int retries = 0;
        std::uint64_t exchange = 0;
        std::uint64_t timer = 0;
        std::string circuit_key;
        SteadyTime begun;  // this attempt
        std::string dpop_thumbprint;
        bool nonce_given = false;            // an answer brought the nonce that was asked for
        std::optional<RefreshFile> refresh;  // taken for as long as the request is under way
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

    std::uint64_t join(const CachedTokenKey& key, const Credential& credential, const std::string& run,
                       const std::string& egress_role);
    void answer_soon(std::uint64_t wait_id, TokenResult result);
    void answer(std::uint64_t wait_id, TokenResult result);
    void watch_deadline(std::uint64_t wait_id);
    void deadline_reached(std::uint64_t wait_id);
    Wait remove_wait(std::uint64_t wait_id);

    void begin(std::uint64_t flight_id);
    void serve_directly(std::uint64_t flight_id);
    void resolved(std::uint64_t flight_id, const DiscoveryCache::Result& result);
    bool take_refresh_file(std::uint64_t flight_id);
    std::optional<Trouble> keep_refresh_token(Flight& flight, IssuedToken& issued);
    void send(std::uint64_t flight_id, const std::string& endpoint);
    void answered(std::uint64_t flight_id, const std::string& endpoint, Answer&& answer);
    void succeed(std::uint64_t flight_id, LiveToken&& live);
    LiveToken live_token(const Flight& flight, IssuedToken&& issued);
    void in_trouble(std::uint64_t flight_id, const Trouble& trouble);
    void pause(std::uint64_t flight_id, SteadyTime until, const std::string& message, bool tell_retry_after);
    void finish(std::uint64_t flight_id, const TokenResult& result);
    Flight remove_flight(std::uint64_t flight_id);
    void abandon_if_unwanted(std::uint64_t flight_id);
    void forget_in_run(const std::string& run, std::uint64_t wait_id, std::uint64_t flight_id);
    void arm_sweep();
    void forget_figures();
    IssuerFigures& figures_of(const Issuer& issuer);
    void note_failure(const Flight& flight, const Trouble& trouble);

    Dispatcher& dispatcher;
    TokenClock clock;
    DiscoveryCache discovery;
    Revoker revoker;
    TokenCache cache;
    IssuerCircuit circuit;
    DpopKeys dpop_keys;
    DpopNonces dpop_nonces;
    std::map<std::string, Secret> unsaved_refresh_tokens;  // by path: the file could not be written
    std::unordered_map<std::uint64_t, Wait> waits;
    std::unordered_map<std::uint64_t, Flight> flights;
    std::unordered_map<std::string, std::uint64_t> flight_by_key;
    std::unordered_map<std::string, Run> runs;
    struct Counted {
        IssuerFigures figures;
        std::string circuit_key;  // the one used last
    };
    std::map<std::string, Counted> figures;
    std::uint64_t figure_changes = 0;
    std::uint64_t next_id = 1;
    std::uint64_t next_generation = 1;
    std::uint64_t sweep_timer = 0;
    SteadyTime sweep_at;
};

}  // namespace flowctl::net
