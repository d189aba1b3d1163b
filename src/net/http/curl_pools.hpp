// CurlPools: the curl_multi handles of a dispatcher, used as one.
//
// Curl (7.88) looks through the connections of a curl_multi handle when a transfer begins, for an idle one,
// and again when it ends: with 10,000 of them a call costs half a millisecond. Therefore there are several
// handles, the pools, and none has more than a few hundred exchanges and connections. A pool more is opened
// when the others are full, and closed when it has been empty for a while: ordinary load has one, the first.
// An exchange goes where an idle connection to its host is, or else to the first pool that has room.
//
// A connection serves one partition: one endpoint for one role (Exchange::partition). Something unasked for that a
// server sends over it can then reach only a call to the same endpoint for the same role, even if reuse.hpp did
// not see it. Curl keeps connections of different scopes apart (CURLOPT_ADDRESS_SCOPE), and the scope of an
// address means something for link-local ones only; so each partition gets a number of its own as its scope.
//
// Invariants: no more than max_connections exchanges are under way, and to one host no more than
// max_connections_per_host; the pools together have no more than max_connections connections. All share one
// epoll fd and one DNS cache. Within a partition, curl decides which connection fits a request (certificate,
// ca_file).
//
// The Dispatcher blocks signals around every call.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "net/http/dispatcher.hpp"
#include "net/http/reuse.hpp"

namespace flowctl::net {

class CurlPools {
  public:
    using Clock = std::chrono::steady_clock;

    // What is known of one host and port.
    struct Host {
        const std::string* name = nullptr;
        std::size_t under_way = 0;
        std::list<std::uint64_t> line;  // the dispatcher's: exchanges that wait for others to this host
    };
    // What is known of the connections to one host that serve one endpoint for one role.
    struct Partition {
        std::uint32_t number;  // curl's scope; never given twice
        std::size_t under_way = 0;
        std::vector<std::uint32_t> idle;  // connections, by pool; a guess, which curl corrects
    };
    // What an exchange holds from its start to its end.
    struct Place {
        Host* host = nullptr;
        Partition* partition = nullptr;
        std::size_t pool = 0;
    };
    struct Finished {
        CURL* easy;
        CURLcode code;
    };

    explicit CurlPools(PoolSizes sizes);
    ~CurlPools();  // no handle is in a pool any more
    CurlPools(const CurlPools&) = delete;
    CurlPools& operator=(const CurlPools&) = delete;

    void limit(std::size_t connections, std::size_t per_host);

    CURL* new_easy();  // throws std::bad_alloc; goes before the pools do

    Host& host(const std::string& name);
    void forget_unused(Host& host) noexcept;  // if it has nothing under way or waiting
    bool has_place() const noexcept { return under_way_ < max_connections_; }
    bool has_place(const Host& host) const noexcept {
        return has_place() && host.under_way < max_connections_per_host_;
    }
    Place take_place(Host& host, std::string_view partition);  // there is one
    // The connection has been kept for the next exchange, or has not.
    void leave_place(const Place& place, bool kept) noexcept;

    void add(CURL* easy, const Place& place);
    void remove(CURL* easy, const Place& place) noexcept;

    void run_events();  // what the epoll fd shows, and what is due
    void run_due();     // what has been added, and other timers of curl's
    std::optional<Finished> next_finished();

    int epoll_fd() const noexcept { return epoll_; }
    std::optional<Clock::time_point> deadline() const noexcept;
    OpenSockets& sockets() noexcept { return sockets_; }

  private:
    struct FreeMulti {
        void operator()(CURLM* multi) const noexcept { curl_multi_cleanup(multi); }
    };
    struct FreeShare {
        void operator()(CURLSH* share) const noexcept { curl_share_cleanup(share); }
    };
    struct Pool {
        CurlPools& all;
        std::uint32_t number;
        std::optional<Clock::time_point> due;  // curl's
        std::size_t under_way = 0;
        std::size_t idle = 0;  // connections; a guess
        Clock::time_point empty_since;
        std::unique_ptr<CURLM, FreeMulti> multi;  // goes first: closing calls on_socket
    };

    static int on_socket(CURL* easy, curl_socket_t fd, int what, void* self, void* known) noexcept;
    static int on_timer(CURLM* multi, long timeout_ms, void* self) noexcept;

    std::size_t room(std::size_t number) const noexcept;
    void set_limits(Pool& pool) noexcept;
    Pool& open(std::size_t number);
    Partition& partition(const Host& host, std::string_view key);
    void forget_partitions() noexcept;
    std::size_t choose(const Partition& partition);
    void note_idle(Partition& partition, Pool& pool) noexcept;
    void close_empty() noexcept;
    void close(std::size_t number) noexcept;
    void rest(curl_socket_t fd) noexcept;

    const PoolSizes sizes_;
    std::size_t max_connections_ = 1;
    std::size_t max_connections_per_host_ = 1;
    std::size_t under_way_ = 0;
    std::size_t open_ = 0;  // pools
    int epoll_ = -1;
    std::vector<bool> resting_;  // by fd: in epoll, though curl does not want to hear of it for now
    std::unique_ptr<CURLSH, FreeShare> share_;
    std::unordered_map<std::string, Host> hosts_;            // that have anything under way or waiting
    std::unordered_map<std::string, Partition> partitions_;  // by a digest of the host's name and the key
    std::uint32_t last_partition_ = 0;
    OpenSockets sockets_;
    std::vector<std::unique_ptr<Pool>> pools_;  // the first is always there, others come and go
    std::size_t read_ = 0;                      // pools whose finished transfers have been taken
};

}  // namespace flowctl::net
