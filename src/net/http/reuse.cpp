// Implementation of reuse.hpp.
#include "net/http/reuse.hpp"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstddef>

namespace flowctl::net {
namespace {

std::uint32_t ports_of(const Ends& ends) noexcept {
    return static_cast<std::uint32_t>(ends.local_port & 0xffff) << 16 |
           static_cast<std::uint32_t>(ends.peer_port & 0xffff);
}

int local_port(int fd) noexcept {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return -1;
    if (address.ss_family == AF_INET) return ntohs(reinterpret_cast<sockaddr_in*>(&address)->sin_port);
    if (address.ss_family == AF_INET6) return ntohs(reinterpret_cast<sockaddr_in6*>(&address)->sin6_port);
    return -1;
}

enum class Arrived { Nothing, Bytes, Close };

Arrived look_at(int fd) noexcept {
    pollfd seen{fd, POLLIN | POLLPRI | POLLRDHUP, 0};
    const int count = ::poll(&seen, 1, 0);
    if (count == 0) return Arrived::Nothing;
    if (count < 0 || (seen.revents & ~POLLIN) != 0) return Arrived::Close;
    return Arrived::Bytes;
}

// Curl 7.88 reads and writes for OpenSSL by a BIO of its own, which works only while curl itself is calling. For
// as long as this lives, OpenSSL has the socket instead, and curl is not told of session tickets.
class DirectSocket {
  public:
    DirectSocket(ssl_st* tls, int fd) noexcept
        : tls_(tls), context_(SSL_get_SSL_CTX(tls)), ours_(BIO_new_socket(fd, BIO_NOCLOSE)) {
        if (ours_ == nullptr) return;
        reads_ = SSL_get_rbio(tls);
        writes_ = SSL_get_wbio(tls);
        BIO_up_ref(reads_);
        BIO_up_ref(writes_);
        BIO_up_ref(ours_);
        SSL_set0_rbio(tls, ours_);
        SSL_set0_wbio(tls, ours_);
        on_session_ = SSL_CTX_sess_get_new_cb(context_);
        SSL_CTX_sess_set_new_cb(context_, nullptr);
    }
    ~DirectSocket() {
        if (ours_ == nullptr) return;
        SSL_CTX_sess_set_new_cb(context_, on_session_);
        SSL_set0_rbio(tls_, reads_);
        SSL_set0_wbio(tls_, writes_);
    }
    DirectSocket(const DirectSocket&) = delete;
    DirectSocket& operator=(const DirectSocket&) = delete;
    bool ok() const noexcept { return ours_ != nullptr; }

  private:
    ssl_st* tls_;
    SSL_CTX* context_;
    BIO* ours_;
    BIO* reads_ = nullptr;
    BIO* writes_ = nullptr;
    int (*on_session_)(SSL*, SSL_SESSION*) = nullptr;
};

// HTTP/2 numbers its streams, and its peer may speak at any time.
bool speaks_http2(const ssl_st* tls) noexcept {
    const unsigned char* name = nullptr;
    unsigned length = 0;
    SSL_get0_alpn_selected(tls, &name, &length);
    return std::string_view(reinterpret_cast<const char*>(name), length) == "h2";
}

bool is_tls_clean(int fd, ssl_st* tls) {
    if (speaks_http2(tls)) return true;
    const Arrived arrived = look_at(fd);
    if (arrived == Arrived::Close || SSL_get_shutdown(tls) != 0) return false;
    if (arrived == Arrived::Nothing && SSL_has_pending(tls) == 0) return true;
    const DirectSocket direct(tls, fd);
    if (!direct.ok()) return false;
    ERR_clear_error();
    char byte = 0;
    const int got = SSL_peek(tls, &byte, 1);
    // A handshake that the peer has begun anew, or half a ticket, is not worth waiting for.
    const bool clean =
        got <= 0 && SSL_get_error(tls, got) == SSL_ERROR_WANT_READ && SSL_is_init_finished(tls) == 1;
    ERR_clear_error();
    return clean;
}

}  // namespace

void OpenSockets::forget(std::uint32_t ports, int fd) noexcept {
    const auto found = by_ports_.find(ports);
    if (found == by_ports_.end()) return;
    std::erase_if(found->second, [fd](const Connection& one) { return one.fd == fd; });
    if (found->second.empty()) by_ports_.erase(found);
}

void OpenSockets::closed(int fd) noexcept {
    const auto found = open_.find(fd);
    if (found == open_.end()) return;
    if (found->second) forget(*found->second, fd);
    open_.erase(found);
}

void OpenSockets::connected(const std::vector<int>& opened, const Ends& ends) {
    const auto fd = std::find_if(opened.begin(), opened.end(), [&](int one) {
        return open_.contains(one) && local_port(one) == ends.local_port;
    });
    if (fd == opened.end()) return;
    const std::uint32_t ports = ports_of(ends);
    std::vector<Connection>& same = by_ports_[ports];
    // A connection that curl closed without saying so has left its ends to this one.
    std::erase_if(same, [&](const Connection& one) { return one.has(ends); });
    same.push_back({*fd, std::string(ends.peer), std::string(ends.local)});
    open_[*fd] = ports;
}

std::optional<int> OpenSockets::find(const Ends& ends) const {
    const auto found = by_ports_.find(ports_of(ends));
    if (found == by_ports_.end()) return std::nullopt;
    for (const Connection& one : found->second)
        if (one.has(ends)) return one.fd;
    return std::nullopt;
}

std::optional<std::uint64_t> bytes_received(int fd) noexcept {
    tcp_info info{};
    socklen_t length = sizeof info;
    constexpr std::size_t kNeeded = offsetof(tcp_info, tcpi_bytes_received) + sizeof info.tcpi_bytes_received;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0 || length < kNeeded) return std::nullopt;
    return info.tcpi_bytes_received;
}

bool is_clean(int fd, ssl_st* tls) {
    return tls == nullptr ? look_at(fd) == Arrived::Nothing : is_tls_clean(fd, tls);
}

}  // namespace flowctl::net
