// Client: HTTP calls with credentials, for one event loop. This is the face that src/net shows to the program.
//
// A call is begun with start() and comes back once through next_completed(). In between the client gets a token
// if the call wants one (tokens/token_source), or a session (proofs/session_source), and sends the request
// (http/dispatcher). When the answer is a 401, it drops that token, gets one fresh token and sends once more.
// Nothing blocks: the owner waits on epoll_fd() and for timeout_ms(), then calls run_ready().
//
// Invariants: every address is checked by the egress policy after name resolution, on every connection; the
// headers Authorization and DPoP are set here and nowhere else; a token belongs to one run and is forgotten and
// revoked by end_run(); an answer that contains the token is redacted before it leaves. One thread; not for use
// after fork. Nothing here needs a server.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/call/request.hpp"

namespace flowctl::net {

struct IssuerFigures;

class Client {
  public:
    explicit Client(const Settings& settings);  // throws std::invalid_argument if egress_allow does not parse
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    void configure(
        const Settings& settings);  // at SIGHUP; for what is sent from now on; throws as the constructor

    void start(Request request);    // std::logic_error if a call with this id is under way
    void cancel(std::uint64_t id);  // no response comes any more

    // Drops the run's tokens and revokes them where the issuer can. Its calls still under way end with
    // Failure::Protocol, "the run has ended".
    void end_run(const std::string& run);

    int epoll_fd() const noexcept;    // readable: call run_ready()
    int timeout_ms() const noexcept;  // at most this long without run_ready(); -1: no limit
    void run_ready();
    std::optional<Response> next_completed();
    std::optional<Revocation> next_revocation();
    std::size_t calls_under_way() const noexcept;
    std::vector<IssuerFigures> issuers() const;     // what has been asked of each
    std::uint64_t issuer_changes() const noexcept;  // another number whenever issuers() is another

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace flowctl::net
