// A small HTTP/1.1 server inside the test process, over plain TCP or TLS, that can also misbehave.
//
// Each connection has a thread. A handler either returns a Reply, or takes the Connection and writes bytes
// itself: halves of answers, garbage, nothing at all. Destroying the server closes everything and joins its
// threads, also those that wait in Connection::wait_for_close(). TLS identities come from a TestCa made at
// run time.
//
// No test sleeps: tests wait for conditions with pump_until().
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <poll.h>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace flowctl::net::test {

struct Seen {  // a request as it arrived
    std::string method;
    std::string target;
    std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
    std::string body;
    int connection = 0;       // the number of the connection it came over, from 1
    std::string certificate;  // x5t#S256 of what the client showed, empty if it showed none

    std::string header(std::string_view name) const;  // empty if absent
    int count(std::string_view name) const;
    std::string path() const { return target.substr(0, target.find('?')); }
};

struct Reply {
    int status = 200;
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string reason = "OK";
};

// A certificate and key, PEM.
struct TlsIdentity {
    std::string certificate;
    std::string key;
};

// A certificate authority of its own; its certificate is in a file for ca_file.
class TestCa {
  public:
    TestCa();
    ~TestCa();
    TestCa(const TestCa&) = delete;
    TestCa& operator=(const TestCa&) = delete;

    // alternative_names as in openssl.cnf: "DNS:localhost,IP:127.0.0.1".
    TlsIdentity issue(const std::string& alternative_names, bool expired = false) const;
    const std::string& file() const { return file_; }

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
    std::string file_;
};

class Connection {
  public:
    virtual ~Connection() = default;
    virtual void send(std::string_view bytes) = 0;
    virtual void send_session_ticket() = 0;  // over TLS 1.3: one more than the handshake brought
    virtual void wait_for_close() = 0;  // until the client closes or the server is destroyed
    virtual void close() = 0;           // the client sees the end of the stream
    void reply(const Reply& reply);
};

class TestServer {
  public:
    using Handler = std::function<Reply(const Seen&)>;
    using RawHandler = std::function<void(const Seen&, Connection&)>;

    explicit TestServer(Handler handler, std::optional<TlsIdentity> tls = std::nullopt);
    explicit TestServer(RawHandler handler, std::optional<TlsIdentity> tls = std::nullopt);
    ~TestServer();
    TestServer(const TestServer&) = delete;
    TestServer& operator=(const TestServer&) = delete;

    std::uint16_t port() const;
    // "http://127.0.0.1:port" or, with TLS, "https://localhost:port".
    std::string origin() const;
    std::string url(std::string_view path) const { return origin() + std::string(path); }

    std::vector<Seen> requests() const;
    std::size_t request_count() const;
    std::size_t request_count(std::string_view path) const;
    int connections() const;  // accepted so far
    int open_connections() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// A port on loopback that accepts connections (into its backlog) and never says a word.
class SilentPort {
  public:
    SilentPort();
    ~SilentPort();
    SilentPort(const SilentPort&) = delete;
    SilentPort& operator=(const SilentPort&) = delete;
    std::uint16_t port() const { return port_; }

  private:
    int fd_;
    std::uint16_t port_;
};

std::uint16_t closed_port();  // one that refuses connections

// Runs the loop of a Dispatcher or Client until the condition holds; false if it does not within the limit.
template <class Loop, class Condition>
bool pump_until(Loop& loop, Condition condition, std::chrono::milliseconds limit = std::chrono::seconds(20)) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        pollfd ready{loop.epoll_fd(), POLLIN, 0};
        const int timeout = loop.timeout_ms();
        // At most 10 ms: the condition may be about the server's threads, which do not wake the loop.
        poll(&ready, 1, timeout < 0 || timeout > 10 ? 10 : timeout);
        loop.run_ready();
    }
    return true;
}

}  // namespace flowctl::net::test
