// The test server. See test_server.hpp.
#include "test_server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "net/crypto/encoding.hpp"

namespace flowctl::net::test {
namespace {

template <auto Free>
struct Freer {
    template <class T>
    void operator()(T* object) const {
        Free(object);
    }
};
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freer<X509_free>>;

void must(bool ok, const char* what) {
    if (!ok) throw std::runtime_error(what);
}

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
    return text;
}

Certificate make_certificate(EVP_PKEY* key, const std::string& name, X509* issuer, EVP_PKEY* issuer_key,
                             const std::string& alternative_names, bool expired) {
    static std::atomic<long> serial{1};
    Certificate certificate(X509_new());
    must(X509_set_version(certificate.get(), 2) == 1, "version");
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial++);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -86400 * 2);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), expired ? -86400 : 86400);
    X509_set_pubkey(certificate.get(), key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509* signer = issuer != nullptr ? issuer : certificate.get();
    X509_set_issuer_name(certificate.get(), X509_get_subject_name(signer));
    X509V3_CTX context;
    X509V3_set_ctx(&context, signer, certificate.get(), nullptr, nullptr, 0);
    const auto extend = [&](int nid, const std::string& value) {
        std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION_free>> extension(
            X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
        must(extension != nullptr, "extension");
        X509_add_ext(certificate.get(), extension.get(), -1);
    };
    extend(NID_basic_constraints, issuer == nullptr ? "critical,CA:TRUE" : "CA:FALSE");
    if (issuer == nullptr) extend(NID_key_usage, "critical,keyCertSign,cRLSign");
    if (!alternative_names.empty()) extend(NID_subject_alt_name, alternative_names);
    must(X509_sign(certificate.get(), issuer_key != nullptr ? issuer_key : key, EVP_sha256()) > 0, "sign");
    return certificate;
}

template <class Write>
std::string to_pem(Write write) {
    std::unique_ptr<BIO, Freer<BIO_free_all>> bio(BIO_new(BIO_s_mem()));
    must(write(bio.get()) == 1, "pem");
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return std::string(data, static_cast<std::size_t>(size));
}

int listen_on_loopback(std::uint16_t& port, int backlog) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0, "socket");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    must(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, "bind");
    must(listen(fd, backlog) == 0, "listen");
    socklen_t length = sizeof address;
    getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
    port = ntohs(address.sin_port);
    return fd;
}

std::string reply_text(const Reply& reply) {
    std::string text = "HTTP/1.1 " + std::to_string(reply.status) + " " + reply.reason + "\r\n";
    bool has_length = false;
    for (const auto& [name, value] : reply.headers) {
        has_length = has_length || lower(name) == "content-length" || lower(name) == "transfer-encoding";
        text += name + ": " + value + "\r\n";
    }
    if (!has_length) text += "Content-Length: " + std::to_string(reply.body.size()) + "\r\n";
    return text + "\r\n" + reply.body;
}

// A connection's socket; waits on it end when the server stops.
class Stream : public Connection {
  public:
    Stream(int fd, int stop_fd, SSL_CTX* context) : fd_(fd), stop_fd_(stop_fd) {
        if (context != nullptr) {
            ssl_.reset(SSL_new(context));
            SSL_set_fd(ssl_.get(), fd_);
        }
    }
    ~Stream() override { close(); }

    bool accept() {
        if (!ssl_) return true;
        while (true) {
            const int got = SSL_accept(ssl_.get());
            if (got == 1) return true;
            if (!wait_as_ssl_wants(got)) return false;
        }
    }

    bool read_more(std::string& buffer) {
        char bytes[16384];
        while (fd_ >= 0) {
            if (!ssl_) {
                const ssize_t got = recv(fd_, bytes, sizeof bytes, MSG_DONTWAIT);
                if (got > 0) {
                    buffer.append(bytes, static_cast<std::size_t>(got));
                    return true;
                }
                if (got == 0 || (errno != EAGAIN && errno != EINTR) || !wait_for(POLLIN)) return false;
            } else {
                const int got = SSL_read(ssl_.get(), bytes, sizeof bytes);
                if (got > 0) {
                    buffer.append(bytes, static_cast<std::size_t>(got));
                    return true;
                }
                if (!wait_as_ssl_wants(got)) return false;
            }
        }
        return false;
    }

    void send(std::string_view bytes) override {
        while (!bytes.empty() && fd_ >= 0) {
            if (!ssl_) {
                const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
                if (sent > 0)
                    bytes.remove_prefix(static_cast<std::size_t>(sent));
                else if ((errno != EAGAIN && errno != EINTR) || !wait_for(POLLOUT))
                    return;
            } else {
                const int sent = SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
                if (sent > 0)
                    bytes.remove_prefix(static_cast<std::size_t>(sent));
                else if (!wait_as_ssl_wants(sent))
                    return;
            }
        }
    }

    void send_session_ticket() override {
        must(SSL_new_session_ticket(ssl_.get()) == 1, "session ticket");
        while (true) {
            const int done = SSL_do_handshake(ssl_.get());
            if (done == 1 || !wait_as_ssl_wants(done)) return;
        }
    }

    void wait_for_close() override {
        std::string ignored;
        while (read_more(ignored))
            ignored.clear();
    }

    void close() override {
        if (fd_ < 0) return;
        if (ssl_) SSL_shutdown(ssl_.get());
        ssl_.reset();
        ::close(fd_);
        fd_ = -1;
    }

    bool is_open() const { return fd_ >= 0; }

    std::string certificate() const {
        const Certificate shown(ssl_ ? SSL_get1_peer_certificate(ssl_.get()) : nullptr);
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned length = 0;
        if (!shown || X509_digest(shown.get(), EVP_sha256(), digest, &length) != 1) return {};
        return base64url_encode({reinterpret_cast<const char*>(digest), length});
    }

  private:
    bool wait_for(short events) {
        pollfd fds[] = {{fd_, events, 0}, {stop_fd_, POLLIN, 0}};
        return poll(fds, 2, -1) > 0 && fds[1].revents == 0;
    }
    bool wait_as_ssl_wants(int result) {
        switch (SSL_get_error(ssl_.get(), result)) {
            case SSL_ERROR_WANT_READ:
                return wait_for(POLLIN);
            case SSL_ERROR_WANT_WRITE:
                return wait_for(POLLOUT);
            default:
                return false;
        }
    }

    int fd_;
    int stop_fd_;
    std::unique_ptr<SSL, Freer<SSL_free>> ssl_;
};

// Reads one request off the stream; what follows stays in the buffer.
std::optional<Seen> read_request(Stream& stream, std::string& buffer) {
    std::size_t end;
    while ((end = buffer.find("\r\n\r\n")) == buffer.npos)
        if (!stream.read_more(buffer)) return std::nullopt;
    Seen seen;
    std::size_t line_end = buffer.find("\r\n");
    const std::string first = buffer.substr(0, line_end);
    seen.method = first.substr(0, first.find(' '));
    seen.target = first.substr(first.find(' ') + 1);
    seen.target.resize(seen.target.rfind(' '));
    std::size_t length = 0;
    while (line_end < end) {
        const std::size_t begin = line_end + 2;
        line_end = buffer.find("\r\n", begin);
        const std::string line = buffer.substr(begin, line_end - begin);
        const std::size_t colon = line.find(':');
        std::string value = line.substr(colon + 1);
        value.erase(0, value.find_first_not_of(' '));
        seen.headers.emplace_back(lower(line.substr(0, colon)), value);
        if (seen.headers.back().first == "content-length") length = std::stoul(value);
    }
    buffer.erase(0, end + 4);
    while (buffer.size() < length)
        if (!stream.read_more(buffer)) return std::nullopt;
    seen.body = buffer.substr(0, length);
    buffer.erase(0, length);
    return seen;
}

}  // namespace

std::string Seen::header(std::string_view name) const {
    for (const auto& [known, value] : headers)
        if (known == name) return value;
    return {};
}

int Seen::count(std::string_view name) const {
    return static_cast<int>(std::count_if(headers.begin(), headers.end(),
                                          [name](const auto& header) { return header.first == name; }));
}

void Connection::reply(const Reply& reply) {
    send(reply_text(reply));
}

struct TestCa::Impl {
    Key key{EVP_EC_gen("P-256")};
    Certificate certificate = make_certificate(key.get(), "test CA", nullptr, nullptr, "", false);
};

TestCa::TestCa() : impl_(std::make_unique<Impl>()) {
    char path[] = "/tmp/flowctl-test-ca-XXXXXX";
    const int fd = mkstemp(path);
    must(fd >= 0, "mkstemp");
    file_ = path;
    const std::string pem =
        to_pem([this](BIO* bio) { return PEM_write_bio_X509(bio, impl_->certificate.get()); });
    must(write(fd, pem.data(), pem.size()) == static_cast<ssize_t>(pem.size()), "write");
    close(fd);
}

TestCa::~TestCa() {
    unlink(file_.c_str());
}

TlsIdentity TestCa::issue(const std::string& alternative_names, bool expired) const {
    const Key key(EVP_EC_gen("P-256"));
    const Certificate certificate = make_certificate(key.get(), "test server", impl_->certificate.get(),
                                                     impl_->key.get(), alternative_names, expired);
    return {to_pem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate.get()); }),
            to_pem([&](BIO* bio) {
                return PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
            })};
}

struct TestServer::Impl {
    RawHandler handler;
    std::unique_ptr<SSL_CTX, Freer<SSL_CTX_free>> context;
    std::uint16_t port = 0;
    int listener = -1;
    int stop = eventfd(0, EFD_CLOEXEC);
    std::thread acceptor;
    std::list<std::thread> workers;

    mutable std::mutex mutex;
    std::vector<Seen> seen;
    int accepted = 0;
    int open = 0;

    Impl(RawHandler given, const std::optional<TlsIdentity>& tls) : handler(std::move(given)) {
        signal(SIGPIPE, SIG_IGN);  // as in the server
        if (tls) load(*tls);
        listener = listen_on_loopback(port, 256);
        acceptor = std::thread([this] { accept_all(); });
    }

    ~Impl() {
        const std::uint64_t one = 1;
        must(write(stop, &one, sizeof one) == sizeof one, "stop");
        acceptor.join();
        for (std::thread& worker : workers)
            worker.join();
        close(listener);
        close(stop);
    }

    void load(const TlsIdentity& tls) {
        context.reset(SSL_CTX_new(TLS_server_method()));
        const std::unique_ptr<BIO, Freer<BIO_free_all>> certificate_bio(
            BIO_new_mem_buf(tls.certificate.data(), -1));
        const std::unique_ptr<BIO, Freer<BIO_free_all>> key_bio(BIO_new_mem_buf(tls.key.data(), -1));
        const Certificate certificate(PEM_read_bio_X509(certificate_bio.get(), nullptr, nullptr, nullptr));
        const Key key(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, nullptr, nullptr));
        must(SSL_CTX_use_certificate(context.get(), certificate.get()) == 1, "certificate");
        must(SSL_CTX_use_PrivateKey(context.get(), key.get()) == 1, "key");
        // Whoever shows a certificate is welcome: a test looks at which it was.
        SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, [](int, X509_STORE_CTX*) { return 1; });
        const unsigned char id[] = {'t'};
        must(SSL_CTX_set_session_id_context(context.get(), id, sizeof id) == 1, "session id");
    }

    void accept_all() {
        while (true) {
            pollfd fds[] = {{listener, POLLIN, 0}, {stop, POLLIN, 0}};
            if (poll(fds, 2, -1) <= 0) continue;
            if (fds[1].revents != 0) return;
            const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
            if (fd < 0) continue;
            int number = 0;
            {
                const std::lock_guard lock(mutex);
                number = ++accepted;
                ++open;
            }
            workers.emplace_back([this, fd, number] { serve(fd, number); });
        }
    }

    void serve(int fd, int number) {
        {
            Stream stream(fd, stop, context.get());
            std::string buffer;
            if (stream.accept()) {
                while (stream.is_open()) {
                    auto request = read_request(stream, buffer);
                    if (!request) break;
                    request->connection = number;
                    request->certificate = stream.certificate();
                    {
                        const std::lock_guard lock(mutex);
                        seen.push_back(*request);
                    }
                    handler(*request, stream);
                }
            }
        }
        const std::lock_guard lock(mutex);
        --open;
    }
};

TestServer::TestServer(RawHandler handler, std::optional<TlsIdentity> tls)
    : impl_(std::make_unique<Impl>(std::move(handler), tls)) {}

TestServer::TestServer(Handler handler, std::optional<TlsIdentity> tls)
    : TestServer(RawHandler([handler = std::move(handler)](const Seen& seen, Connection& connection) {
                     Reply reply = handler(seen);
                     if (seen.method == "HEAD") {
                         reply.headers.emplace_back("Content-Length", std::to_string(reply.body.size()));
                         reply.body.clear();
                     }
                     connection.reply(reply);
                 }),
                 std::move(tls)) {}

TestServer::~TestServer() = default;

std::uint16_t TestServer::port() const {
    return impl_->port;
}

std::string TestServer::origin() const {
    return (impl_->context ? "https://localhost:" : "http://127.0.0.1:") + std::to_string(impl_->port);
}

std::vector<Seen> TestServer::requests() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->seen;
}

std::size_t TestServer::request_count() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->seen.size();
}

std::size_t TestServer::request_count(std::string_view path) const {
    const std::lock_guard lock(impl_->mutex);
    return static_cast<std::size_t>(std::count_if(impl_->seen.begin(), impl_->seen.end(),
                                                  [path](const Seen& seen) { return seen.path() == path; }));
}

int TestServer::connections() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->accepted;
}

int TestServer::open_connections() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->open;
}

SilentPort::SilentPort() : fd_(-1), port_(0) {
    fd_ = listen_on_loopback(port_, 64);
}

SilentPort::~SilentPort() {
    close(fd_);
}

std::uint16_t closed_port() {
    std::uint16_t port = 0;
    const int fd = listen_on_loopback(port, 1);
    close(fd);
    return port;
}

}  // namespace flowctl::net::test
