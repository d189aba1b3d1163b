// Transfer: what curl calls back for - names, sockets, headers, bytes. See transfer.hpp.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/ascii.hpp"

#include "net/http/transfer.hpp"

namespace flowctl::net {
namespace {

constexpr std::size_t kMaxAnswerHeaders = 256;
constexpr std::size_t kMaxAnswerHeaderBytes = 131072;
// Curl sends again by itself when a connection that it used before is lost without an answer.
constexpr int kMaxSends = 2;
constexpr std::size_t kMaxFramingBytes = 16384;  // beside those of the limit, also for an empty body

// A link-local address is reached by the interface that its scope names, and curl would put the partition's
// number there.
bool needs_own_scope(const curl_sockaddr* address) noexcept {
    if (address->family != AF_INET6) return false;
    sockaddr_in6 v6;
    std::memcpy(&v6, &address->addr, sizeof v6);
    return IN6_IS_ADDR_LINKLOCAL(&v6.sin6_addr);
}

}  // namespace

std::string_view trim_line(std::string_view text) noexcept {
    const std::size_t begin = text.find_first_not_of(" \t\r\n");
    if (begin == text.npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

void Transfer::resolved() noexcept {
    if (!resolving_) return;
    resolving_ = false;
    --lane_.resolving;
}

// CURLOPT_RESOLVER_START_FUNCTION
int Transfer::on_resolve(void*, void*, void* self) noexcept {
    auto* transfer = static_cast<Transfer*>(self);
    if (!transfer->resolving_) {
        transfer->resolving_ = true;
        ++transfer->lane_.resolving;
    }
    return 0;
}

// CURLOPT_OPENSOCKETFUNCTION
curl_socket_t Transfer::on_open_socket(void* self, curlsocktype purpose, curl_sockaddr* address) noexcept {
    auto* transfer = static_cast<Transfer*>(self);
    try {
        transfer->resolved();
        if (purpose != CURLSOCKTYPE_IPCXN) return CURL_SOCKET_BAD;
        if (!transfer->by_proxy_) {
            const auto peer = Address::from(&address->addr);
            if (!peer) return CURL_SOCKET_BAD;
            if (auto objection = transfer->egress_.policy.objection(*peer, transfer->https(),
                                                                    transfer->exchange_.egress_role)) {
                transfer->refusal_ = *std::move(objection);
                return CURL_SOCKET_BAD;
            }
        }
        if (!transfer->asked_fresh_ && needs_own_scope(address)) {
            transfer->link_local_ = true;
            return CURL_SOCKET_BAD;
        }
        transfer->tried_allowed_address_ = true;
        transfer->opened_sockets_.reserve(transfer->opened_sockets_.size() + 1);
        const int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
        if (fd < 0) return CURL_SOCKET_BAD;
        try {
            transfer->sockets_.opened(fd);
        } catch (...) {
            close(fd);
            throw;
        }
        transfer->opened_sockets_.push_back(fd);
        return fd;
    } catch (...) {
        return CURL_SOCKET_BAD;
    }
}

// CURLOPT_CLOSESOCKETFUNCTION. The transfer that opened the socket may be gone.
int Transfer::on_close_socket(void* sockets, curl_socket_t fd) noexcept {
    static_cast<OpenSockets*>(sockets)->closed(fd);
    return close(fd);
}

// Behind a proxy that speaks TLS itself there may be two layers of TLS, and only the outer one is the socket's.
bool Transfer::is_clean_connection() const {
    if (!fd_) return false;
    if (!https() || (by_proxy_ && egress_.proxy.starts_with("https:"))) return is_clean(*fd_, nullptr);
    curl_tlssessioninfo* tls = nullptr;
    if (curl_easy_getinfo(easy_, CURLINFO_TLS_SSL_PTR, &tls) != CURLE_OK || tls == nullptr) return false;
    if (tls->internals == nullptr) return false;
    return is_clean(*fd_, static_cast<ssl_st*>(tls->internals));
}

// CURLOPT_PREREQFUNCTION: a connection, new or used before, is about to carry the request.
int Transfer::on_connected(void* self, char* peer, char* local, int peer_port, int local_port) noexcept {
    auto* transfer = static_cast<Transfer*>(self);
    try {
        transfer->resolved();
        const Ends ends{peer, peer_port, local, local_port};
        const bool is_new = !transfer->opened_sockets_.empty();
        if (is_new) {
            transfer->sockets_.connected(transfer->opened_sockets_, ends);
            transfer->opened_sockets_.clear();
        }
        transfer->fd_ = transfer->sockets_.find(ends);
        if (!is_new && !transfer->is_clean_connection()) {
            transfer->reused_refused_ = true;
            transfer->callback_failure_ = Failure::Protocol;
            return CURL_PREREQFUNC_ABORT;
        }
        if (transfer->sends_since_redirect_ == kMaxSends) {
            transfer->answer_.message =
                transfer->url_.host + ": the connection was lost before an answer came";
            transfer->callback_failure_ = Failure::Protocol;
            return CURL_PREREQFUNC_ABORT;
        }
        ++transfer->sends_;
        ++transfer->sends_since_redirect_;
        if (transfer->by_proxy_) return CURL_PREREQFUNC_OK;
        const auto address = Address::parse(peer);
        auto objection = address ? transfer->egress_.policy.objection(*address, transfer->https(),
                                                                      transfer->exchange_.egress_role)
                                 : std::optional<std::string>("the peer's address is not readable");
        if (!objection) return CURL_PREREQFUNC_OK;
        --transfer->sends_;
        --transfer->sends_since_redirect_;
        transfer->refusal_ = *std::move(objection);
        transfer->reused_refused_ = !is_new;
        transfer->callback_failure_ = Failure::Refused;
    } catch (...) {
        transfer->callback_failure_ = Failure::Protocol;
    }
    return CURL_PREREQFUNC_ABORT;
}

// CURLOPT_HEADERFUNCTION: one line, its end included.
std::size_t Transfer::on_header(char* text, std::size_t size, std::size_t count, void* self) noexcept {
    auto* transfer = static_cast<Transfer*>(self);
    const std::size_t bytes = size * count;
    try {
        transfer->header_bytes_ += bytes;
        if (transfer->header_bytes_ > kMaxAnswerHeaderBytes ||
            transfer->answer_.headers.size() > kMaxAnswerHeaders) {
            transfer->callback_failure_ = Failure::TooLarge;
            transfer->answer_.message = "the answer's headers are too large";
            return 0;
        }
        const bool was_complete = transfer->headers_complete_;
        transfer->read_header_line({text, bytes});
        if (!was_complete && transfer->headers_complete_ && !transfer->begin_body()) return 0;
        return bytes;
    } catch (...) {
        transfer->callback_failure_ = Failure::Protocol;
        return 0;
    }
}

// Lines after the final status's empty line are trailers, which nobody asked for.
void Transfer::read_header_line(std::string_view line) {
    if (headers_complete_) return;
    std::string_view text = trim_line(line);
    if (!in_status_block_) {
        if (!text.starts_with("HTTP/")) return;
        in_status_block_ = true;
        answer_.headers.clear();
        answer_.status = 0;
        text.remove_prefix(std::min(text.find(' '), text.size()));
        text = trim_line(text);
        std::from_chars(text.data(), text.data() + std::min<std::size_t>(text.size(), 3), answer_.status);
        answer_.status_text = trim_line(text.substr(std::min<std::size_t>(text.size(), 3)));
        return;
    }
    if (text.empty()) {
        in_status_block_ = false;
        headers_complete_ = answer_.status >= 200;
        return;
    }
    if ((line.front() == ' ' || line.front() == '\t') && !answer_.headers.empty()) {
        answer_.headers.back().second.append(" ").append(text);
        return;
    }
    const std::size_t colon = text.find(':');
    if (colon == text.npos) return;
    answer_.headers.emplace_back(ascii_lower(trim_line(text.substr(0, colon))),
                                 trim_line(text.substr(colon + 1)));
}

void Transfer::note_too_large() {
    callback_failure_ = Failure::TooLarge;
    answer_.message = "the answer is larger than " + std::to_string(exchange_.max_response_bytes) + " bytes";
}

// Notes where a chunked body begins. False: the answer says of itself that it is too large.
bool Transfer::begin_body() {
    if (answer_.header("transfer-encoding") != nullptr) {
        if (fd_) chunks_begin_ = bytes_received(*fd_);
        if (chunks_begin_) curl_easy_setopt(easy_, CURLOPT_NOPROGRESS, 0L);
        return true;
    }
    const std::string* length = answer_.header("content-length");
    if (length == nullptr || exchange_.method == "HEAD" || answer_.status == 304) return true;
    std::size_t bytes = 0;
    const auto [end, error] = std::from_chars(length->data(), length->data() + length->size(), bytes);
    const bool fits = error == std::errc() ? bytes <= exchange_.max_response_bytes
                                           : error != std::errc::result_out_of_range;
    if (!fits) note_too_large();
    return fits;
}

// CURLOPT_XFERINFOFUNCTION, for chunked answers, after every piece that has been read. What frames the chunks of a body (their sizes and
// extensions) is thrown away by curl, so it is counted by what came on the socket.
int Transfer::on_progress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) noexcept {
    auto* transfer = static_cast<Transfer*>(self);
    if (!transfer->chunks_begin_ || !transfer->fd_) return 0;
    const auto received = bytes_received(*transfer->fd_);
    const std::size_t body = transfer->answer_.body.size();
    if (!received || *received - *transfer->chunks_begin_ <=
                         body + transfer->exchange_.max_response_bytes + kMaxFramingBytes)
        return 0;
    transfer->callback_failure_ = Failure::TooLarge;
    try {
        transfer->answer_.message = "what frames the answer's chunks is larger than " +
                                    std::to_string(transfer->exchange_.max_response_bytes) + " bytes";
    } catch (...) {
        transfer->answer_.message.clear();
    }
    return 1;
}

// CURLOPT_WRITEFUNCTION
std::size_t Transfer::on_body(char* bytes, std::size_t size, std::size_t count, void* self) noexcept {
    auto* transfer = static_cast<Transfer*>(self);
    const std::size_t length = size * count;
    try {
        if (length > transfer->exchange_.max_response_bytes - transfer->answer_.body.size()) {
            transfer->note_too_large();
            return 0;
        }
        transfer->answer_.body.append(bytes, length);
        return length;
    } catch (...) {
        transfer->callback_failure_ = Failure::Protocol;
        return 0;
    }
}

}  // namespace flowctl::net
