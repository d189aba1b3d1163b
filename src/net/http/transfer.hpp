// Transfer: one exchange on one curl easy handle - its options, its callbacks, and what its result means.
//
// Curl calls back into C++ here, so every callback is noexcept and keeps to bounded buffers. The egress
// policy is asked twice: when a connection's socket is made, with the address that name resolution gave, and
// before a request is sent, with the address of the connection it will use, which may be one that another
// role opened. Invariant: secrets in headers and body are wiped when the transfer goes. The Dispatcher owns the
// transfers and moves them through CurlPools.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "net/http/curl_pools.hpp"
#include "net/http/dispatcher.hpp"
#include "net/http/egress.hpp"
#include "net/http/url.hpp"

namespace flowctl::net {

// What configure() can change while transfers are under way.
struct Egress {
    EgressPolicy policy;
    std::string proxy;
};

// Name resolutions under way for one role. Each holds a thread of curl's, so the dispatcher limits them.
struct ResolverLane {
    unsigned resolving = 0;
};

// The url of an exchange that may be sent, as far as it can be told without looking up its name; or why it
// must not be.
std::variant<Url, std::string> check_exchange(const Exchange& exchange, const Egress& egress);

std::string_view trim_line(std::string_view text) noexcept;  // without spaces, tabs and line ends around it

class Transfer {
  public:
    Transfer(Exchange exchange, Dispatcher::Done done, const Egress& egress, ResolverLane& lane,
             OpenSockets& sockets);
    ~Transfer();
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;

    void prepare(Url url, CURL* easy);         // for an exchange that may be sent; takes the handle over
    void set_partition(std::uint32_t number);  // the connections it may use are those of this number
    CURL* release_easy() noexcept;             // the handle, which forgets the transfer; or null

    enum class Next { Done, SendAgain };
    // Curl is through with the handle: SendAgain after a permitted redirect, or to replace a connection that
    // this role may not use. When Done, answer() is final.
    Next complete(CURLcode code);
    void fail(Failure failure, std::string message);
    Answer take_answer();

    CURL* easy() const noexcept { return easy_; }
    const Exchange& exchange() const noexcept { return exchange_; }
    Dispatcher::Done& done() noexcept { return done_; }
    std::string host_name() const;  // whose connections it uses: host and port, or the proxy's url
    std::string partition() const;  // which of them
    bool is_resolving() const noexcept { return resolving_; }
    void leave_resolving() noexcept { resolving_ = false; }  // the lane's count is somebody else's now

    // The dispatcher's marks.
    CurlPools::Place place;  // from its start on
    bool in_multi = false;
    bool waiting = false;   // for its start
    bool finished = false;  // answer ready
    std::uint64_t deadline_timer = 0;

  private:
    static std::size_t on_header(char* text, std::size_t size, std::size_t count, void* self) noexcept;
    static std::size_t on_body(char* bytes, std::size_t size, std::size_t count, void* self) noexcept;
    static curl_socket_t on_open_socket(void* self, curlsocktype purpose, curl_sockaddr* address) noexcept;
    static int on_close_socket(void* sockets, curl_socket_t fd) noexcept;
    static int on_connected(void* self, char* peer, char* local, int peer_port, int local_port) noexcept;
    static int on_progress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) noexcept;
    static int on_resolve(void* state, void* reserved, void* self) noexcept;

    void set_options();
    void set_trust();
    void set_certificate(const ClientCertificate& certificate);
    void set_request();
    void set_headers();
    void drop_headers() noexcept;
    void add_header(const std::string& line);
    void resolved() noexcept;
    bool begin_body();
    void note_too_large();
    bool is_clean_connection() const;
    void read_header_line(std::string_view line);
    std::optional<Url> redirect_target();
    bool follow_redirect();
    void reset_answer();
    void describe(CURLcode code);
    bool https() const noexcept { return url_.scheme == "https"; }

    Exchange exchange_;
    Dispatcher::Done done_;
    const Egress& egress_;
    ResolverLane& lane_;
    OpenSockets& sockets_;

    CURL* easy_ = nullptr;
    curl_slist* headers_ = nullptr;
    Url url_;
    Answer answer_;
    std::chrono::steady_clock::time_point begun_;
    char curl_message_[CURL_ERROR_SIZE] = "";

    std::size_t header_bytes_ = 0;
    bool in_status_block_ = false;   // the header lines of one status, 1xx or final
    bool headers_complete_ = false;  // the final status's
    bool resolving_ = false;
    std::vector<int> opened_sockets_;  // of the connection that is being made
    bool tried_allowed_address_ = false;
    bool link_local_ = false;      // an address needs its own scope
    bool reused_refused_ = false;  // the connection that curl kept may not carry this request
    bool asked_fresh_ = false;
    bool by_proxy_ = false;
    bool redirected_to_get_ = false;
    int redirects_ = 0;
    int sends_ = 0;
    int sends_since_redirect_ = 0;
    std::optional<int> fd_;                      // of the connection that carries the request
    std::optional<std::uint64_t> chunks_begin_;  // bytes that had come when a chunked body began
    std::string refusal_;                        // the egress policy's last
    std::optional<Failure> callback_failure_;    // why a callback ended the transfer
};

}  // namespace flowctl::net
