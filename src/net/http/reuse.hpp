// Reuse: whether a connection that curl has kept may carry another request.
//
// HTTP/1.1 has no numbers for requests and answers: what stands in a connection is taken for the answer to the
// next request. A server or proxy that says something unasked for (a second answer, "408 Request Timeout" before
// it closes an idle connection) would so answer somebody else's call. Curl 7.88 looks only whether an idle
// connection is closed, not whether something has arrived on it. Therefore the connection is looked at here, in
// the moment before the request leaves; one with anything in it is closed, and the request goes over a fresh one.
//
// Curl does not tell which socket a request will use, but it tells the addresses of both ends; OpenSockets finds
// the socket by them. It does so for every request, so it compares ports first and makes no text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

struct ssl_st;

namespace flowctl::net {

// Both ends of a connection, as curl names them.
struct Ends {
    std::string_view peer;
    int peer_port;
    std::string_view local;
    int local_port;
};

// The sockets that curl has open. It outlives the curl handles, since closing them closes sockets.
class OpenSockets {
  public:
    void opened(int fd) { open_.try_emplace(fd); }
    void closed(int fd) noexcept;
    // One of these sockets, which curl has opened for this connection, is the one it uses from now on.
    void connected(const std::vector<int>& opened, const Ends& ends);
    std::optional<int> find(const Ends& ends) const;
    std::size_t size() const noexcept { return open_.size(); }

  private:
    struct Connection {
        int fd;
        std::string peer, local;

        bool has(const Ends& ends) const { return peer == ends.peer && local == ends.local; }
    };
    void forget(std::uint32_t ports, int fd) noexcept;

    std::unordered_map<int, std::optional<std::uint32_t>> open_;  // with its ports, once it is connected
    std::unordered_map<std::uint32_t, std::vector<Connection>> by_ports_;
};

// How many bytes have arrived on the connection since it was made, TLS and framing included; nothing if the system
// does not say.
std::optional<std::uint64_t> bytes_received(int fd) noexcept;

// True if nothing has arrived on the idle connection and nobody has closed it. `tls` is null for a connection
// without TLS. A session ticket that comes late belongs to TLS and not to HTTP, so it is read and does not count.
bool is_clean(int fd, ssl_st* tls);

}  // namespace flowctl::net
