// Dispatcher. See dispatcher.hpp; transfer.hpp has what concerns one exchange.
//
// An exchange's way: add() puts it into its role's lane (lanes_); run_ready() starts it as soon as there is a
// place for it and the role may resolve one more name, hands curl what the epoll fd shows, collects what curl
// has finished, and at the end calls back. Where its host has no more places it waits in that host's line, so
// that it holds up none to other hosts. A deadline of our own covers the whole way.
//
// Curl resolves names in threads (getaddrinfo) that it abandons when a transfer is cancelled. They inherit
// our signal mask, so signals are blocked around every call that may start one: the server's handlers must
// run in its own thread.
#include "net/http/dispatcher.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include "net/crypto/signal_block.hpp"
#include "net/http/curl_pools.hpp"
#include "net/http/egress.hpp"
#include "net/http/transfer.hpp"

namespace flowctl::net {
namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned kMaxResolvingPerRole = 16;
constexpr unsigned kMaxResolving = 128;
constexpr std::size_t kMaxIdleHandles = 256;
// How long an abandoned resolver thread is counted on: two tries of five seconds are the C library's default.
constexpr std::chrono::seconds kAbandonedResolver{10};

EgressPolicy policy_of(const Settings& settings) {
    auto parsed = parse_egress_policy(settings.egress_allow);
    if (const auto* what = std::get_if<std::string>(&parsed))
        throw std::invalid_argument("egress_allow " + *what);
    return std::get<EgressPolicy>(std::move(parsed));
}

Clock::duration whole(Seconds seconds) noexcept {
    constexpr double kLongest = 86400.0 * 365;
    return std::chrono::duration_cast<Clock::duration>(
        Seconds(std::clamp(std::isnan(seconds.count()) ? 0.0 : seconds.count(), 0.0, kLongest)));
}

std::string seconds_text(Seconds seconds) {
    std::string text = std::to_string(std::round(std::max(seconds.count(), 0.0) * 100) / 100);
    text.erase(text.find_last_not_of('0') + 1);
    if (text.ends_with('.')) text.pop_back();
    return text + " s";
}

struct FreeEasy {
    void operator()(CURL* easy) const noexcept { curl_easy_cleanup(easy); }
};

}  // namespace

struct Dispatcher::Impl {
    // The exchanges of one role that wait for their start.
    struct Lane : ResolverLane {
        std::deque<std::uint64_t> waiting;
    };

    Impl(const Settings& settings, PoolSizes sizes);
    ~Impl();
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    void configure(const Settings& settings);
    void add(Exchange exchange, Done done);
    void cancel(std::uint64_t id);
    std::uint64_t after(Clock::duration delay, std::function<void()> action);
    void cancel_timer(std::uint64_t id);
    int timeout_ms() const noexcept;
    void run_ready();

    Transfer* next_waiting(std::uint64_t id) noexcept;
    void start_waiting();
    bool start_one(Lane& lane);
    unsigned start_lines(unsigned most);
    void start(Transfer& transfer, CurlPools::Host& host);
    bool can_start() const noexcept;
    unsigned resolving() const noexcept;
    void collect();
    void finish(Transfer& transfer);
    CURL* take_easy();
    void keep_easy(Transfer& transfer);
    void detach(Transfer& transfer) noexcept;
    void detach_blocked(Transfer& transfer) noexcept;
    void count_abandoned_resolver(Transfer& transfer);
    void deliver();
    void run_timers();

    CurlPools pools_;  // outlives all handles
    Egress egress_;
    std::uint64_t last_id_ = 0;

    std::map<std::string, Lane, std::less<>> lanes_;
    std::vector<CurlPools::Host*> lined_;  // hosts with a line
    std::size_t waiting_ = 0;              // in all lanes and lines
    std::unordered_map<std::uint64_t, std::unique_ptr<Transfer>> transfers_;
    std::deque<std::uint64_t> finished_;
    std::vector<std::unique_ptr<CURL, FreeEasy>> idle_;  // out of the multi handle, without options

    std::map<std::pair<Clock::time_point, std::uint64_t>, std::function<void()>> timers_;
    std::unordered_map<std::uint64_t, Clock::time_point> timer_times_;
};

Dispatcher::Impl::Impl(const Settings& settings, PoolSizes sizes) : pools_(sizes) {
    configure(settings);
}

Dispatcher::Impl::~Impl() {
    const SignalBlock block;
    for (auto& [id, transfer] : transfers_)
        detach(*transfer);
    transfers_.clear();
}

void Dispatcher::Impl::configure(const Settings& settings) {
    egress_ = {policy_of(settings), settings.proxy};
    pools_.limit(settings.max_connections, settings.max_connections_per_host);
}

void Dispatcher::Impl::add(Exchange exchange, Done done) {
    const std::uint64_t id = exchange.id;
    const Clock::duration timeout = whole(exchange.timeout);
    Lane& lane = lanes_[exchange.egress_role];
    auto transfer = std::make_unique<Transfer>(std::move(exchange), std::move(done), egress_, lane,
                                               pools_.sockets());
    if (transfers_.contains(id)) throw std::logic_error("an exchange with this id is under way");
    auto checked = check_exchange(transfer->exchange(), egress_);
    if (auto* url = std::get_if<Url>(&checked)) transfer->prepare(std::move(*url), take_easy());
    Transfer& added = *transfers_.emplace(id, std::move(transfer)).first->second;
    if (auto* refusal = std::get_if<std::string>(&checked)) {
        added.fail(Failure::Refused, std::move(*refusal));
        finish(added);
        return;
    }
    added.deadline_timer = after(timeout, [this, id] {
        Transfer& late = *transfers_.at(id);
        late.deadline_timer = 0;
        count_abandoned_resolver(late);
        detach_blocked(late);
        late.fail(Failure::Timeout, "no answer within " + seconds_text(late.exchange().timeout));
        finish(late);
    });
    lane.waiting.push_back(id);
    ++waiting_;
    added.waiting = true;
}

void Dispatcher::Impl::cancel(std::uint64_t id) {
    const auto found = transfers_.find(id);
    if (found == transfers_.end()) return;
    count_abandoned_resolver(*found->second);
    detach_blocked(*found->second);
    cancel_timer(found->second->deadline_timer);
    transfers_.erase(found);
}

// A handle for the next transfer. Those that are over are used again: making one takes curl a dozen
// allocations.
CURL* Dispatcher::Impl::take_easy() {
    if (!idle_.empty()) {
        CURL* easy = idle_.back().release();
        idle_.pop_back();
        return easy;
    }
    return pools_.new_easy();
}

void Dispatcher::Impl::keep_easy(Transfer& transfer) {
    if (transfer.easy() == nullptr || idle_.size() == kMaxIdleHandles) return;
    idle_.reserve(kMaxIdleHandles);
    idle_.emplace_back(transfer.release_easy());
}

void Dispatcher::Impl::detach_blocked(Transfer& transfer) noexcept {
    const SignalBlock block;
    detach(transfer);
}

// Takes the transfer from curl or from its line; signals are blocked.
void Dispatcher::Impl::detach(Transfer& transfer) noexcept {
    if (transfer.waiting) {
        transfer.waiting = false;  // next_waiting drops the number it left in a lane or line
        --waiting_;
    }
    if (transfer.in_multi) {
        pools_.remove(transfer.easy(), transfer.place);
        transfer.in_multi = false;
    }
    if (transfer.place.host != nullptr) pools_.leave_place(std::exchange(transfer.place, {}), false);
}

// A transfer that ends while its name is being resolved leaves a thread behind, so it stays counted for a
// while.
void Dispatcher::Impl::count_abandoned_resolver(Transfer& transfer) {
    if (!transfer.is_resolving()) return;
    Lane& lane = lanes_.find(transfer.exchange().egress_role)->second;
    after(kAbandonedResolver, [&lane] { --lane.resolving; });
    transfer.leave_resolving();
}

void Dispatcher::Impl::finish(Transfer& transfer) {
    cancel_timer(std::exchange(transfer.deadline_timer, 0));
    transfer.finished = true;
    finished_.push_back(transfer.exchange().id);
}

std::uint64_t Dispatcher::Impl::after(Clock::duration delay, std::function<void()> action) {
    const std::uint64_t id = ++last_id_;
    const Clock::time_point when = Clock::now() + delay;
    timer_times_.emplace(id, when);
    timers_.emplace(std::pair(when, id), std::move(action));
    return id;
}

void Dispatcher::Impl::cancel_timer(std::uint64_t id) {
    const auto found = timer_times_.find(id);
    if (found == timer_times_.end()) return;
    timers_.erase({found->second, id});
    timer_times_.erase(found);
}

int Dispatcher::Impl::timeout_ms() const noexcept {
    if (!finished_.empty() || can_start()) return 0;
    std::optional<Clock::time_point> next = pools_.deadline();
    if (!timers_.empty() && (!next || timers_.begin()->first.first < *next))
        next = timers_.begin()->first.first;
    if (!next) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*next - Clock::now()).count();
    return static_cast<int>(std::clamp<decltype(left)>(left, 0, 3600000));
}

void Dispatcher::Impl::run_ready() {
    {
        const SignalBlock block;
        pools_.run_events();
        start_waiting();
        collect();
    }
    deliver();
    run_timers();
    if (waiting_ > 0) {  // what the callbacks added leaves in this turn
        const SignalBlock block;
        start_waiting();
        collect();
    }
}

unsigned Dispatcher::Impl::resolving() const noexcept {
    unsigned sum = 0;
    for (const auto& [role, lane] : lanes_)
        sum += lane.resolving;
    return sum;
}

// Whether start_waiting() would start anything.
bool Dispatcher::Impl::can_start() const noexcept {
    if (waiting_ == 0 || !pools_.has_place() || resolving() >= kMaxResolving) return false;
    const auto may_resolve = [](const Lane& lane) { return lane.resolving < kMaxResolvingPerRole; };
    return std::any_of(lanes_.begin(), lanes_.end(),
                       [&](const auto& entry) {
                           return !entry.second.waiting.empty() && may_resolve(entry.second);
                       }) ||
           std::any_of(lined_.begin(), lined_.end(), [&](const CurlPools::Host* host) {
               if (!pools_.has_place(*host)) return false;
               const auto first = transfers_.find(host->line.front());
               return first == transfers_.end() ||
                      may_resolve(lanes_.find(first->second->exchange().egress_role)->second);
           });
}

// Round after round, first of those that waited for their host, then of each role as many exchanges as it may
// resolve names. Curl begins with a handle when it is told to, and only then is it known whether a name has
// to be resolved at all.
void Dispatcher::Impl::start_waiting() {
    while (waiting_ > 0) {
        const unsigned busy = resolving();
        unsigned begun = start_lines(kMaxResolving - std::min(busy, kMaxResolving));
        for (auto& [role, lane] : lanes_)
            for (unsigned used = lane.resolving; used < kMaxResolvingPerRole && busy + begun < kMaxResolving;
                 ++used) {
                if (!start_one(lane)) break;
                ++begun;
            }
        if (begun == 0) return;
        pools_.run_due();
    }
}

// The exchange if it still waits; null if it has been cancelled or has run out of time.
Transfer* Dispatcher::Impl::next_waiting(std::uint64_t id) noexcept {
    const auto found = transfers_.find(id);
    return found == transfers_.end() || !found->second->waiting ? nullptr : found->second.get();
}

bool Dispatcher::Impl::start_one(Lane& lane) {
    while (!lane.waiting.empty() && pools_.has_place()) {
        const std::uint64_t id = lane.waiting.front();
        lane.waiting.pop_front();
        Transfer* transfer = next_waiting(id);
        if (transfer == nullptr) continue;
        CurlPools::Host& host = pools_.host(transfer->host_name());
        if (host.line.empty() && pools_.has_place(host)) {
            start(*transfer, host);
            return true;
        }
        if (host.line.empty()) lined_.push_back(&host);
        host.line.push_back(id);
    }
    return false;
}

// At most so many; a role's share of names to resolve is kept here too.
unsigned Dispatcher::Impl::start_lines(unsigned most) {
    unsigned begun = 0;
    for (CurlPools::Host* host : lined_)
        while (begun < most && !host->line.empty() && pools_.has_place(*host)) {
            if (Transfer* transfer = next_waiting(host->line.front())) {
                if (lanes_.find(transfer->exchange().egress_role)->second.resolving + begun >=
                    kMaxResolvingPerRole)
                    break;
                start(*transfer, *host);
                ++begun;
            }
            host->line.pop_front();
        }
    std::erase_if(lined_, [this](CurlPools::Host* host) {
        if (!host->line.empty()) return false;
        pools_.forget_unused(*host);
        return true;
    });
    return begun;
}

void Dispatcher::Impl::start(Transfer& transfer, CurlPools::Host& host) {
    transfer.waiting = false;
    --waiting_;
    transfer.place = pools_.take_place(host, transfer.partition());
    transfer.set_partition(transfer.place.partition->number);
    pools_.add(transfer.easy(), transfer.place);
    transfer.in_multi = true;
}

void Dispatcher::Impl::collect() {
    bool again = false;
    while (const auto finished = pools_.next_finished()) {
        char* owner = nullptr;
        curl_easy_getinfo(finished->easy, CURLINFO_PRIVATE, &owner);
        auto& transfer = *reinterpret_cast<Transfer*>(owner);
        if (finished->code == CURLE_OPERATION_TIMEDOUT) count_abandoned_resolver(transfer);
        pools_.remove(transfer.easy(), transfer.place);
        transfer.in_multi = false;
        if (transfer.complete(finished->code) == Transfer::Next::Done) {
            pools_.leave_place(std::exchange(transfer.place, {}), finished->code == CURLE_OK);
            finish(transfer);
        } else {
            pools_.add(transfer.easy(), transfer.place);
            transfer.in_multi = true;
            again = true;
        }
    }
    if (again) pools_.run_due();
}

// Only what had finished before: a callback that adds what is refused at once must not keep us here.
void Dispatcher::Impl::deliver() {
    for (std::size_t count = finished_.size(); count > 0 && !finished_.empty(); --count) {
        const auto found = transfers_.find(finished_.front());
        finished_.pop_front();
        if (found == transfers_.end()) continue;
        const std::unique_ptr<Transfer> transfer = std::move(found->second);
        transfers_.erase(found);
        Answer answer = transfer->take_answer();
        keep_easy(*transfer);
        if (transfer->done()) transfer->done()(std::move(answer));
    }
}

void Dispatcher::Impl::run_timers() {
    const Clock::time_point now = Clock::now();
    while (!timers_.empty() && timers_.begin()->first.first <= now) {
        auto node = timers_.extract(timers_.begin());
        timer_times_.erase(node.key().second);
        node.mapped()();
    }
}

Dispatcher::Dispatcher(const Settings& settings, PoolSizes sizes)
    : impl_(std::make_unique<Impl>(settings, sizes)) {}
Dispatcher::~Dispatcher() = default;

void Dispatcher::configure(const Settings& settings) {
    impl_->configure(settings);
}
std::uint64_t Dispatcher::next_id() noexcept {
    return ++impl_->last_id_;
}
void Dispatcher::add(Exchange exchange, Done done) {
    impl_->add(std::move(exchange), std::move(done));
}
std::optional<std::string> Dispatcher::objection(const Exchange& exchange) const {
    auto checked = check_exchange(exchange, impl_->egress_);
    if (auto* refusal = std::get_if<std::string>(&checked)) return std::move(*refusal);
    return std::nullopt;
}
void Dispatcher::cancel(std::uint64_t id) {
    impl_->cancel(id);
}
std::uint64_t Dispatcher::after(std::chrono::milliseconds delay, std::function<void()> action) {
    return impl_->after(delay, std::move(action));
}
void Dispatcher::cancel_timer(std::uint64_t id) {
    impl_->cancel_timer(id);
}
int Dispatcher::epoll_fd() const noexcept {
    return impl_->pools_.epoll_fd();
}
int Dispatcher::timeout_ms() const noexcept {
    return impl_->timeout_ms();
}
void Dispatcher::run_ready() {
    impl_->run_ready();
}

}  // namespace flowctl::net
