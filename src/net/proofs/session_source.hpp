// SessionSource: sessions for one event loop, one for each run and purpose.
//
// get() answers from memory or joins the one flight under way for the same session and run. A flight gets the
// token that is handed in (TokenSource, or a TokenInput that is read afresh), sends the request and reads the
// answer (session), a transient failure a few times again. A session is given out until shortly before it
// ends (usable_until) and forgotten, its keys wiped, when its run ends: clouds cannot take one back.
// Invariants: a session serves one request, one egress role and one run; done is called once, from
// Dispatcher::run_ready(), never from get(), and not after cancel().
//
// The Dispatcher and the TokenSource outlive it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "net/proofs/session.hpp"
#include "net/tokens/token_source.hpp"

namespace flowctl::net {

struct SessionResult {
    std::optional<Session> session;
    std::string message;
    bool permanent = false;
    CredentialFault fault = CredentialFault::Failed;
    std::optional<Seconds> retry_after;
};

class SessionSource {
  public:
    using Done = std::function<void(SessionResult&&)>;
    using SteadyPoint = std::chrono::steady_clock::time_point;

    SessionSource(Dispatcher& dispatcher, TokenSource& tokens, TokenClock clock = {})
        : dispatcher_(dispatcher), tokens_(tokens), clock_(std::move(clock)) {}
    ~SessionSource();
    SessionSource(const SessionSource&) = delete;
    SessionSource& operator=(const SessionSource&) = delete;

    std::uint64_t get(std::shared_ptr<const SessionRequest> request, const std::string& run,
                      const std::string& egress_role, SteadyPoint deadline, Done done);
    void cancel(std::uint64_t wait);
    void drop(const std::string& run, std::uint64_t generation);  // the endpoint refused it
    std::vector<Session> sessions_of(const std::string& run) const;
    void end_run(const std::string& run);  // its waits end without an answer

  private:
    struct Wait {
        std::string run;
        std::string key;
        std::uint64_t timer = 0;
        Done done;
    };
    struct Flight {
        std::shared_ptr<const SessionRequest> request;
        std::string run;
        std::string egress_role;
        SteadyPoint deadline;
        std::set<std::uint64_t> waits;
        std::uint64_t token_wait = 0;
        std::uint64_t exchange = 0;
        std::uint64_t timer = 0;
        int failures = 0;
        Secret token;
        SteadyPoint request_start;
    };
    struct Live {
        Session session;
        SteadyPoint usable_until;
    };
    using Lives = std::map<std::pair<std::string, std::string>, Live>;  // by run and key

    void begin(const std::string& key);
    void send(const std::string& key, std::string_view token);
    void answered(const std::string& key, Answer&& answer);
    void failed(const std::string& key, const Trouble& trouble);
    void finish(const std::string& key, const SessionResult& result);
    void answer(std::uint64_t wait_id, SessionResult result);
    std::optional<Wait> take(std::uint64_t wait_id);
    void stop(Flight& flight);
    void forget_ended(SteadyPoint now);
    std::pair<Lives::iterator, Lives::iterator> of_run(const std::string& run);

    Dispatcher& dispatcher_;
    TokenSource& tokens_;
    TokenClock clock_;
    std::unordered_map<std::uint64_t, Wait> waits_;
    std::set<std::pair<std::string, std::uint64_t>> waits_of_run_;
    std::unordered_map<std::string, Flight> flights_;  // by key
    Lives live_;
    std::uint64_t next_wait_ = 1;
    std::uint64_t next_generation_ = 1;
};

}  // namespace flowctl::net
