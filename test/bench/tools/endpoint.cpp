// The endpoint that the benchmarks call: one thread, epoll, HTTP/1.1 with keep-alive, TLS if it is given a
// certificate.
//
//   endpoint READY_FILE [CERTIFICATE KEY]
//
// POST /ok answers {"ok":true}, POST /echo the request's body, POST /hold nothing until it is told to. Every
// POST is counted; if its body holds "id":N, the time at which the request was complete is kept for N. It
// listens on two free ports of 127.0.0.1 and writes "URL CONTROL_PORT" into READY_FILE. The control port
// takes one word a connection:
//   stats      POSTS HELD, one line
//   arrivals   a line "N MICROSECONDS" (CLOCK_REALTIME) for every id
//   reset      forgets counts and ids
//   release    answers what is held
// Bodies need a Content-Length. It is a counterpart for measurements on one machine, not a server for others.
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <memory>
#include <string_view>
#include <unordered_map>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.hpp"

namespace {

constexpr std::size_t kMaxId = 4'000'000;
constexpr std::string_view kOk = R"({"ok":true})";

struct Connection {
    int fd = -1;
    SSL* tls = nullptr;
    bool control = false;
    bool held = false;
    bool close_when_written = false;
    bool waits_for_room = false;
    std::string in;
    std::string out;

    ~Connection() {
        SSL_free(tls);
        close(fd);
    }
};

int listen_on_free_port(int& port) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (fd < 0 || bind(fd, generic, size) != 0 || listen(fd, 4096) != 0 ||
        getsockname(fd, generic, &size) != 0)
        bench::fail("endpoint: cannot listen on 127.0.0.1");
    port = ntohs(address.sin_port);
    return fd;
}

SSL_CTX* tls_context(const char* certificate, const char* key) {
    SSL_CTX* context = SSL_CTX_new(TLS_server_method());
    if (context == nullptr || SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
        bench::fail("endpoint: cannot use the certificate and its key");
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    return context;
}

// The number behind "id": in a body, or none.
std::size_t id_in(std::string_view body) {
    std::size_t at = body.find("\"id\"");
    if (at == std::string_view::npos) return kMaxId;
    at = body.find_first_not_of(": \"", at + 4);
    return at == std::string_view::npos ? kMaxId : std::strtoul(body.data() + at, nullptr, 10);
}

std::size_t content_length(std::string_view head) {
    constexpr std::string_view kName = "content-length:";
    for (std::size_t line = head.find("\r\n"); line != std::string_view::npos;
         line = head.find("\r\n", line + 2)) {
        const std::string_view rest = head.substr(line + 2);
        if (rest.size() > kName.size() && strncasecmp(rest.data(), kName.data(), kName.size()) == 0)
            return std::strtoul(rest.data() + kName.size(), nullptr, 10);
    }
    return 0;
}

class Endpoint {
  public:
    Endpoint(int data, int control, SSL_CTX* tls) : data_(data), control_(control), tls_(tls) {
        watch(data_);
        watch(control_);
    }

    [[noreturn]] void serve() {
        epoll_event events[512];
        for (;;) {
            const int count = epoll_wait(epoll_, events, 512, -1);
            for (int i = 0; i < count; i++)
                handle(events[i].data.fd, events[i].events);
        }
    }

  private:
    void watch(int fd) {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.fd = fd;
        epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
    }

    void handle(int fd, std::uint32_t what) {
        if (fd == data_ || fd == control_) return accept_all(fd);
        const auto found = connections_.find(fd);
        if (found == connections_.end()) return;
        Connection& connection = *found->second;
        bool alive = true;
        if ((what & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
            alive = receive(connection);
            answer(connection);
        }
        if (send(connection) && alive) return;
        if (connection.held) held_--;
        connections_.erase(found);
    }

    void accept_all(int listener) {
        for (;;) {
            const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd < 0) return;
            const int one = 1;
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            auto connection = std::make_unique<Connection>();
            connection->fd = fd;
            connection->control = listener == control_;
            if (tls_ != nullptr && !connection->control) {
                connection->tls = SSL_new(tls_);
                SSL_set_fd(connection->tls, fd);
                SSL_set_accept_state(connection->tls);
            }
            connections_[fd] = std::move(connection);
            watch(fd);
        }
    }

    // Takes what has come; false when the other side is gone.
    bool receive(Connection& connection) {
        static char buffer[256 * 1024];
        for (;;) {
            ssize_t got = 0;
            if (connection.tls != nullptr) {
                ERR_clear_error();
                got = SSL_read(connection.tls, buffer, sizeof buffer);
                if (got <= 0) {
                    const int error = SSL_get_error(connection.tls, static_cast<int>(got));
                    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
                }
            } else {
                got = read(connection.fd, buffer, sizeof buffer);
                if (got < 0) return errno == EAGAIN || errno == EINTR;
                if (got == 0) return false;
            }
            connection.in.append(buffer, static_cast<std::size_t>(got));
            if (connection.tls == nullptr && static_cast<std::size_t>(got) < sizeof buffer) return true;
        }
    }

    // Writes what there is to write; false when the connection is done.
    bool send(Connection& connection) {
        while (!connection.out.empty()) {
            ssize_t put = 0;
            if (connection.tls != nullptr) {
                ERR_clear_error();
                put =
                    SSL_write(connection.tls, connection.out.data(), static_cast<int>(connection.out.size()));
                if (put <= 0) {
                    const int error = SSL_get_error(connection.tls, static_cast<int>(put));
                    if (error != SSL_ERROR_WANT_WRITE && error != SSL_ERROR_WANT_READ) return false;
                    break;
                }
            } else {
                put = write(connection.fd, connection.out.data(), connection.out.size());
                if (put < 0) {
                    if (errno != EAGAIN && errno != EINTR) return false;
                    break;
                }
            }
            connection.out.erase(0, static_cast<std::size_t>(put));
        }
        const bool waits = !connection.out.empty();
        if (waits != connection.waits_for_room) {
            connection.waits_for_room = waits;
            epoll_event event{};
            event.events = waits ? EPOLLIN | EPOLLOUT : EPOLLIN;
            event.data.fd = connection.fd;
            epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event);
        }
        return waits || !connection.close_when_written;
    }

    void answer(Connection& connection) {
        if (connection.control) {
            if (connection.in.find('\n') != std::string::npos) obey(connection);
            return;
        }
        std::size_t done = 0;
        while (!connection.held) {
            const std::string_view rest = std::string_view(connection.in).substr(done);
            const std::size_t end = rest.find("\r\n\r\n");
            if (end == std::string_view::npos) break;
            const std::string_view head = rest.substr(0, end + 2);
            const std::size_t length = content_length(head);
            if (rest.size() < end + 4 + length) break;
            take_request(connection, head, rest.substr(end + 4, length));
            done += end + 4 + length;
        }
        connection.in.erase(0, done);
        if (connection.in.empty()) connection.in.shrink_to_fit();
    }

    void take_request(Connection& connection, std::string_view head, std::string_view body) {
        posts_++;
        if (const std::size_t id = id_in(body); id < kMaxId) {
            if (id >= arrivals_.size()) arrivals_.resize(std::max(id + 1, arrivals_.size() * 2));
            if (arrivals_[id] == 0) arrivals_[id] = bench::now_us();
        }
        if (head.starts_with("POST /hold")) {
            connection.held = true;
            held_++;
        } else {
            respond(connection, head.starts_with("POST /echo") ? body : kOk);
        }
    }

    static void respond(Connection& connection, std::string_view body) {
        connection.out += "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
                          std::to_string(body.size()) + "\r\n\r\n";
        connection.out += body;
    }

    void obey(Connection& connection) {
        const std::string word = connection.in.substr(0, connection.in.find_first_of("\r\n"));
        connection.in.clear();
        connection.close_when_written = true;
        if (word == "stats") {
            connection.out = std::to_string(posts_) + " " + std::to_string(held_) + "\n";
            return;
        }
        if (word == "arrivals") {
            for (std::size_t id = 0; id < arrivals_.size(); id++)
                if (arrivals_[id] != 0)
                    connection.out += std::to_string(id) + " " + std::to_string(arrivals_[id]) + "\n";
        } else if (word == "reset") {
            posts_ = 0;
            arrivals_.clear();
        } else if (word == "release") {
            release();
        }
        connection.out += "ok\n";
    }

    void release() {
        for (const auto& [fd, connection] : connections_) {
            if (!connection->held) continue;
            connection->held = false;
            held_--;
            respond(*connection, kOk);
            (void)send(*connection);  // a broken one is noticed when it is read
        }
    }

    int epoll_ = epoll_create1(EPOLL_CLOEXEC);
    int data_;
    int control_;
    SSL_CTX* tls_;
    std::unordered_map<int, std::unique_ptr<Connection>> connections_;
    std::vector<std::int64_t> arrivals_;
    std::int64_t posts_ = 0;
    std::int64_t held_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2 && argc != 4) bench::fail("usage: endpoint READY_FILE [CERTIFICATE KEY]");
    std::signal(SIGPIPE, SIG_IGN);
    bench::raise_descriptor_limit();
    const bool tls = argc == 4;
    int port = 0, control_port = 0;
    const int data = listen_on_free_port(port);
    const int control = listen_on_free_port(control_port);
    Endpoint endpoint(data, control, tls ? tls_context(argv[2], argv[3]) : nullptr);
    std::ofstream(argv[1]) << (tls ? "https" : "http") << "://127.0.0.1:" << port << " " << control_port
                           << std::endl;
    endpoint.serve();
}
