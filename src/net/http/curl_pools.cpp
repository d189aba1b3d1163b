// CurlPools. See curl_pools.hpp.
#include "net/http/curl_pools.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <new>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "net/crypto/crypto.hpp"
#include "net/crypto/encoding.hpp"
#include "net/crypto/signal_block.hpp"

namespace flowctl::net {
namespace {

constexpr int kMaxEvents = 256;
constexpr std::size_t kMostConnections = 100000;
constexpr std::size_t kMostPartitions = 10000;
constexpr std::size_t kMostKeyBytes = 512;  // of a partition; a longer key is kept as its hash

// Once per process. Curl writes TLS keys to the file that SSLKEYLOGFILE names; nothing here may.
void init_curl() {
    static const CURLcode code = [] {
        unsetenv("SSLKEYLOGFILE");
        return curl_global_init(CURL_GLOBAL_DEFAULT);
    }();
    if (code != CURLE_OK)
        throw std::runtime_error(std::string("curl_global_init: ") + curl_easy_strerror(code));
}

}  // namespace

CurlPools::CurlPools(PoolSizes sizes) : sizes_(sizes) {
    init_curl();
    share_.reset(curl_share_init());
    if (!share_ || curl_share_setopt(share_.get(), CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS) != CURLSHE_OK)
        throw std::bad_alloc();
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
    try {
        open(0);
    } catch (...) {
        ::close(epoll_);
        throw;
    }
}

CurlPools::~CurlPools() {
    const SignalBlock block;
    pools_.clear();  // closes connections: on_socket still needs the epoll fd
    ::close(epoll_);
}

void CurlPools::limit(std::size_t connections, std::size_t per_host) {
    max_connections_ = std::clamp<std::size_t>(connections, 1, kMostConnections);
    max_connections_per_host_ = std::clamp<std::size_t>(per_host, 1, kMostConnections);
    for (const auto& pool : pools_)
        if (pool) set_limits(*pool);
}

// How many exchanges and connections a pool takes: the first pools take as many as a pool can, the last the rest.
std::size_t CurlPools::room(std::size_t number) const noexcept {
    const std::size_t before = number * sizes_.exchanges;
    return before >= max_connections_ ? 0 : std::min(sizes_.exchanges, max_connections_ - before);
}

void CurlPools::set_limits(Pool& pool) noexcept {
    const std::size_t most = std::max<std::size_t>(room(pool.number), 1);  // to curl, 0 is no limit
    curl_multi_setopt(pool.multi.get(), CURLMOPT_MAX_TOTAL_CONNECTIONS, static_cast<long>(most));
    curl_multi_setopt(pool.multi.get(), CURLMOPT_MAX_HOST_CONNECTIONS,
                      static_cast<long>(std::min(most, max_connections_per_host_)));
    curl_multi_setopt(pool.multi.get(), CURLMOPT_MAXCONNECTS, static_cast<long>(most));
}

CurlPools::Pool& CurlPools::open(std::size_t number) {
    if (pools_.size() <= number) pools_.resize(number + 1);
    auto pool = std::unique_ptr<Pool>(
        new Pool{*this, static_cast<std::uint32_t>(number), {}, 0, 0, Clock::now(), nullptr});
    pool->multi.reset(curl_multi_init());
    if (!pool->multi) throw std::bad_alloc();
    curl_multi_setopt(pool->multi.get(), CURLMOPT_SOCKETFUNCTION, &CurlPools::on_socket);
    curl_multi_setopt(pool->multi.get(), CURLMOPT_SOCKETDATA, pool.get());
    curl_multi_setopt(pool->multi.get(), CURLMOPT_TIMERFUNCTION, &CurlPools::on_timer);
    curl_multi_setopt(pool->multi.get(), CURLMOPT_TIMERDATA, pool.get());
    set_limits(*pool);
    pools_[number] = std::move(pool);
    ++open_;
    return *pools_[number];
}

CURL* CurlPools::new_easy() {
    CURL* easy = curl_easy_init();
    if (easy == nullptr) throw std::bad_alloc();
    curl_easy_setopt(easy, CURLOPT_SHARE, share_.get());  // curl_easy_reset leaves it
    return easy;
}

CurlPools::Host& CurlPools::host(const std::string& name) {
    const auto found = hosts_.try_emplace(name).first;
    found->second.name = &found->first;
    return found->second;
}

CurlPools::Partition& CurlPools::partition(const Host& host, std::string_view key) {
    std::string text;
    append_part(text, *host.name);
    append_part(text, key);
    if (text.size() > kMostKeyBytes) text = sha256(text);
    if (const auto found = partitions_.find(text); found != partitions_.end()) return found->second;
    if (partitions_.size() >= kMostPartitions) forget_partitions();
    if (++last_partition_ == 0) ++last_partition_;  // to curl, 0 is no scope
    return partitions_.emplace(std::move(text), Partition{last_partition_, 0, {}}).first->second;
}

// The idle connections of a forgotten partition are used by nobody any more, since its number is not given again;
// curl closes them after a while.
void CurlPools::forget_partitions() noexcept {
    for (auto at = partitions_.begin(); at != partitions_.end();) {
        const Partition& partition = at->second;
        if (partition.under_way > 0) {
            ++at;
            continue;
        }
        for (std::size_t i = 0; i < std::min(pools_.size(), partition.idle.size()); ++i)
            if (pools_[i]) pools_[i]->idle -= std::min<std::size_t>(pools_[i]->idle, partition.idle[i]);
        at = partitions_.erase(at);
    }
}

// There is always room somewhere: all pools together take as many exchanges as has_place() allows.
std::size_t CurlPools::choose(const Partition& partition) {
    if (open_ == 1 && pools_[0]->under_way < room(0)) return 0;
    const std::size_t most = (max_connections_ + sizes_.exchanges - 1) / sizes_.exchanges;
    const std::size_t opened = std::min(pools_.size(), most);
    for (std::size_t i = 0; i < std::min(opened, partition.idle.size()); ++i)
        if (partition.idle[i] > 0 && pools_[i] && pools_[i]->under_way < room(i)) return i;
    // A connection more, at best one that takes the place of no idle one.
    std::optional<std::size_t> closed;
    for (std::size_t i = 0; i < opened; ++i) {
        if (!pools_[i] && !closed) closed = i;
        if (pools_[i] && pools_[i]->under_way + pools_[i]->idle < room(i)) return i;
    }
    if (!closed && opened < most) closed = opened;
    if (closed) return open(*closed).number;
    for (std::size_t i = 0; i < opened; ++i)
        if (pools_[i]->under_way < room(i)) return i;
    return 0;
}

CurlPools::Place CurlPools::take_place(Host& host, std::string_view key) {
    Partition& its = partition(host, key);
    const Place place{&host, &its, choose(its)};
    Pool& pool = *pools_[place.pool];
    ++under_way_;
    ++host.under_way;
    ++its.under_way;
    ++pool.under_way;
    if (place.pool < its.idle.size() && its.idle[place.pool] > 0) {
        --its.idle[place.pool];
        --pool.idle;
    }
    return place;
}

// Which idle connections there are matters only while there is a choice of pools.
void CurlPools::leave_place(const Place& place, bool kept) noexcept {
    Host& host = *place.host;
    Pool& pool = *pools_[place.pool];
    --under_way_;
    --host.under_way;
    --place.partition->under_way;
    --pool.under_way;
    if (pool.under_way == 0) pool.empty_since = Clock::now();
    if (kept && open_ > 1 && pool.under_way + pool.idle < room(place.pool)) note_idle(*place.partition, pool);
    forget_unused(host);
}

void CurlPools::note_idle(Partition& partition, Pool& pool) noexcept {
    try {
        if (partition.idle.size() <= pool.number) partition.idle.resize(pool.number + 1);
    } catch (const std::bad_alloc&) {
        return;  // then it is found by chance
    }
    ++partition.idle[pool.number];
    ++pool.idle;
}

void CurlPools::forget_unused(Host& host) noexcept {
    if (host.under_way == 0 && host.line.empty()) hosts_.erase(hosts_.find(*host.name));
}

void CurlPools::add(CURL* easy, const Place& place) {
    if (curl_multi_add_handle(pools_[place.pool]->multi.get(), easy) != CURLM_OK) throw std::bad_alloc();
}

void CurlPools::remove(CURL* easy, const Place& place) noexcept {
    curl_multi_remove_handle(pools_[place.pool]->multi.get(), easy);
}

// CURLMOPT_SOCKETFUNCTION. A socket stays in epoll when curl has no use for it: mostly it is that of a
// connection that the next exchange uses again.
int CurlPools::on_socket(CURL*, curl_socket_t fd, int what, void* self, void*) noexcept {
    const Pool& pool = *static_cast<Pool*>(self);
    if (what == CURL_POLL_REMOVE) {
        pool.all.rest(fd);
        return 0;
    }
    if (static_cast<std::size_t>(fd) < pool.all.resting_.size())
        pool.all.resting_[static_cast<std::size_t>(fd)] = false;
    epoll_event event{};
    event.data.u64 = std::uint64_t{pool.number} << 32 | static_cast<std::uint32_t>(fd);
    event.events =
        ((what & CURL_POLL_IN) != 0 ? EPOLLIN : 0U) | ((what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0U);
    // An error code would end all transfers of the multi handle; without one, this transfer alone runs into
    // its deadline.
    const int epoll = pool.all.epoll_;
    if (epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event) != 0) epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    return 0;
}

// It leaves epoll when something happens on it. If it is closed, it has left by that.
void CurlPools::rest(curl_socket_t fd) noexcept {
    const auto index = static_cast<std::size_t>(fd);
    try {
        if (index >= resting_.size()) resting_.resize(index + index / 2 + 64);
        resting_[index] = true;
    } catch (const std::bad_alloc&) {
        epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
    }
}

// CURLMOPT_TIMERFUNCTION
int CurlPools::on_timer(CURLM*, long timeout_ms, void* self) noexcept {
    auto& due = static_cast<Pool*>(self)->due;
    if (timeout_ms < 0)
        due.reset();
    else
        due = Clock::now() + std::chrono::milliseconds(timeout_ms);
    return 0;
}

void CurlPools::run_events() {
    epoll_event events[kMaxEvents];
    const int count = epoll_wait(epoll_, events, kMaxEvents, 0);
    int running = 0;
    for (int i = 0; i < count; ++i) {
        const auto fd = static_cast<curl_socket_t>(events[i].data.u64 & 0xffffffff);
        const std::size_t number = events[i].data.u64 >> 32;
        if (static_cast<std::size_t>(fd) < resting_.size() && resting_[static_cast<std::size_t>(fd)]) {
            epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
            continue;
        }
        const std::uint32_t seen = events[i].events;
        const int flags = ((seen & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                          ((seen & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                          ((seen & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);
        curl_multi_socket_action(pools_[number]->multi.get(), fd, flags, &running);
    }
    run_due();
    close_empty();
}

void CurlPools::run_due() {
    int running = 0;
    const Clock::time_point now = Clock::now();
    for (const auto& pool : pools_) {
        if (!pool || !pool->due || *pool->due > now) continue;
        pool->due.reset();
        curl_multi_socket_action(pool->multi.get(), CURL_SOCKET_TIMEOUT, 0, &running);
    }
}

std::optional<CurlPools::Finished> CurlPools::next_finished() {
    int left = 0;
    for (; read_ < pools_.size(); ++read_) {
        if (!pools_[read_]) continue;
        while (const CURLMsg* message = curl_multi_info_read(pools_[read_]->multi.get(), &left))
            if (message->msg == CURLMSG_DONE) return Finished{message->easy_handle, message->data.result};
    }
    read_ = 0;
    return std::nullopt;
}

std::optional<CurlPools::Clock::time_point> CurlPools::deadline() const noexcept {
    std::optional<Clock::time_point> next;
    const auto consider = [&next](Clock::time_point when) {
        if (!next || when < *next) next = when;
    };
    for (const auto& pool : pools_) {
        if (!pool) continue;
        if (pool->due) consider(*pool->due);
        if (pool->number > 0 && pool->under_way == 0) consider(pool->empty_since + sizes_.empty_for);
    }
    return next;
}

void CurlPools::close_empty() noexcept {
    if (open_ == 1) return;
    const Clock::time_point now = Clock::now();
    for (std::size_t i = 1; i < pools_.size(); ++i)
        if (pools_[i] && pools_[i]->under_way == 0 && pools_[i]->empty_since + sizes_.empty_for <= now)
            close(i);
}

void CurlPools::close(std::size_t number) noexcept {
    pools_[number].reset();
    --open_;
    for (auto& [key, partition] : partitions_) {
        if (open_ == 1)
            partition.idle.clear();
        else if (number < partition.idle.size())
            partition.idle[number] = 0;
    }
    if (open_ == 1) pools_[0]->idle = 0;
}

}  // namespace flowctl::net
