// Dispatcher: plain HTTP exchanges for one event loop, by curl and with one epoll fd.
//
// It knows nothing of tokens: it sends token requests in the same way as the calls themselves. Nothing blocks. The owner waits on epoll_fd() and for timeout_ms(), then calls run_ready(), the only place
// where callbacks run; between two run_ready() calls add, cancel, after and cancel_timer may be called
// freely, also from callbacks. Invariants: every connection's address passes the egress policy for the
// exchange's role after name resolution, also when an open connection is used again; each added exchange that
// is not cancelled is answered exactly once, at the latest after its timeout; an answer is bounded in headers
// and body; a connection serves one role and partition, and nothing that arrived on it unasked for becomes an
// answer (reuse.hpp); name resolution never blocks, and the number of resolver threads is bounded; bytes of a request
// (headers, body) are wiped when it is over; no callback runs after cancel(). One thread; not for use after
// fork. SIGPIPE need not be ignored: it is swallowed here.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/call/request.hpp"

namespace flowctl::net {

// One request. Headers and body may hold secrets. Framing headers (Host, Content-Length, ...) are refused.
struct Exchange {
    std::uint64_t id = 0;  // from Dispatcher::next_id()
    std::string method = "POST";
    std::string url;
    std::vector<Header> headers;
    std::string body;
    bool return_body = false;  // give the body back in the answer, unwiped, for sending it again
    std::string ca_file;       // PEM; empty: the system's store
    std::shared_ptr<const ClientCertificate> certificate;  // null: the connection shows none
    std::string egress_role;
    // What it may share connections with: other exchanges of the same role and the same partition, and no others.
    std::string partition;
    Seconds connect_timeout{10};
    Seconds timeout{60};
    std::size_t max_response_bytes = 1 << 20;
    bool follow_redirects = false;  // within scheme, host and port only
};

// Its answer: either a failure with a message, or an HTTP status of whatever kind.
struct Answer {
    std::uint64_t id = 0;
    Failure failure = Failure::None;
    std::string message;
    int status = 0;
    std::string status_text;
    std::vector<Header> headers;  // names in lower case
    std::string body;
    std::string address;  // the peer's, as text
    Seconds duration{0};
    std::size_t request_bytes = 0;  // of the body
    int sends = 0;  // how often the request left: 0 if no connection came about, more after redirects
    std::string request_body;  // if return_body

    // The first header of this lower-case name, or null.
    const std::string* header(std::string_view name) const noexcept;
    // Retry-After as a duration from now, if there is a readable one.
    std::optional<Seconds> retry_after() const;
};

// How the exchanges are spread over curl's handles (see curl_pools.hpp).
struct PoolSizes {
    std::size_t exchanges = 500;                 // under way in one of them
    std::chrono::milliseconds empty_for{30000};  // until one more than the first is closed
};

class Dispatcher {
  public:
    using Done = std::function<void(Answer&&)>;

    // Throws std::invalid_argument if egress_allow does not parse.
    explicit Dispatcher(const Settings& settings, PoolSizes sizes = {});
    ~Dispatcher();
    Dispatcher(const Dispatcher&) = delete;
    Dispatcher& operator=(const Dispatcher&) = delete;

    void configure(const Settings& settings);

    std::uint64_t next_id() noexcept;
    // Why this exchange would be refused, as far as can be told without resolving its name. add() makes the same
    // check.
    std::optional<std::string> objection(const Exchange& exchange) const;
    void add(Exchange exchange, Done done);  // done is called from run_ready(), never from here
    void cancel(std::uint64_t id);           // no effect on an unknown id

    // One-shot timers, for back-off and deadlines; their callbacks too run in run_ready().
    std::uint64_t after(std::chrono::milliseconds delay, std::function<void()> action);
    void cancel_timer(std::uint64_t id);

    int epoll_fd() const noexcept;
    int timeout_ms() const noexcept;
    void run_ready();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace flowctl::net
