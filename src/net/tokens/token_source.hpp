// TokenSource: tokens for calls, by whatever grant, for one event loop.
//
// get() answers from the cache or joins the one request under way for the same credential and run; a request
// finds the issuer's endpoints (discovery), authenticates the client (client_auth), reads the answer
// (token_endpoint) and keeps the token until shortly before it ends (token_cache). A transient failure is
// tried again until the waiters' deadlines; a permanent one is remembered shortly. end_run() forgets a run's
// tokens, destroys its DPoP key and revokes the tokens still alive (revocation). A token that needs no
// request is handed on as it is. Invariants: a token serves one credential, one egress role and one run; done
// is called once, from Dispatcher::run_ready(), never from get(), and not after cancel(); no message contains
// a secret, assertion or token.
//
// The Dispatcher outlives the TokenSource. done may call back into the TokenSource.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/call/request.hpp"
#include "net/crypto/secret.hpp"
#include "net/tokens/issuer_figures.hpp"

namespace flowctl::net {

class Dispatcher;
struct Answer;

struct Token {
    std::shared_ptr<const Secret> access_token;
    std::uint64_t generation = 0;  // for drop()
    TokenInfo info;
    std::string token_type;  // "Bearer" or "DPoP": how it is presented
};

// A token, or why there is none.
struct TokenResult {
    std::optional<Token> token;
    std::string message;
    bool permanent = false;  // a retry cannot mend it (invalid_client, a key that does not fit, ...)
    std::optional<Seconds> retry_after;
    CredentialFault fault = CredentialFault::Failed;
};

// The two clocks; tests put their own.
struct TokenClock {
    std::function<std::chrono::steady_clock::time_point()> steady = std::chrono::steady_clock::now;
    std::function<std::chrono::system_clock::time_point()> system = std::chrono::system_clock::now;
};

class TokenSource {
  public:
    using Done = std::function<void(TokenResult&&)>;
    using Revoked = std::function<void(Revocation&&)>;

    explicit TokenSource(Dispatcher& dispatcher, TokenClock clock = {});
    ~TokenSource();
    TokenSource(const TokenSource&) = delete;
    TokenSource& operator=(const TokenSource&) = delete;

    // Returns the number of this wait, for cancel(). The credential is copied where it must live on.
    std::uint64_t get(const Credential& credential, const std::string& run, const std::string& egress_role,
                      std::chrono::steady_clock::time_point deadline, Done done);
    void cancel(std::uint64_t wait);

    // The resource refused this token (401): it is not given out again. A newer one stays.
    void drop(const Credential& credential, const std::string& run, std::uint64_t generation);

    // The headers that present the token to a resource in one request; nothing where a proof cannot be made.
    std::optional<std::vector<Header>> present(const Token& token, const std::string& run,
                                               const std::string& egress_role, const std::string& method,
                                               const std::string& url);
    // Keeps the nonce that a resource's answer brings. True: the resource refused the request for want of it,
    // so the same one may be sent again, once.
    bool learn_nonce(const Token& token, const std::string& egress_role, const std::string& url,
                     const Answer& answer);

    // What has been asked of each issuer; the number changes with them.
    std::vector<IssuerFigures> figures() const;
    std::uint64_t figure_changes() const noexcept;

    // Tokens of the run that are still alive, the newest ones: what an answer to any of its calls may echo.
    std::vector<Token> newest_of(const std::string& run, std::size_t most) const;

    // Ends every wait of the run without an answer. `revoked` is called once for each token that was still
    // alive, also for one that arrives later, from Dispatcher::run_ready().
    void end_run(const std::string& run, Revoked revoked);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace flowctl::net
