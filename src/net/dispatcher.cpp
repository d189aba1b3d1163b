// Dispatcher. See dispatcher.hpp; transfer.hpp has what concerns one exchange.
//
// An exchange's way: add() puts it into its role's line (lanes_); run_ready() starts it as soon as the role
// may resolve one more name, hands curl what the epoll fd shows, collects what curl has finished, and at the
// end calls back. A deadline of our own covers the whole way, curl's waiting for a connection included.
//
// Curl resolves names in threads (getaddrinfo) that it abandons when a transfer is cancelled. They inherit
// our signal mask, so signals are blocked around every call that may start one: the server's handlers must
// run in its own thread.
#include "net/dispatcher.hpp"

#include <curl/curl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <deque>
#include <map>
#include <stdexcept>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "net/egress.hpp"
#include "net/signal_block.hpp"
#include "net/transfer.hpp"

namespace flowctl::net {
namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned kMaxResolvingPerRole = 16;
constexpr unsigned kMaxResolving = 128;
constexpr int kMaxEvents = 256;
constexpr std::size_t kMaxIdleHandles = 256;
// How long an abandoned resolver thread is counted on: two tries of five seconds are the C library's default.
constexpr std::chrono::seconds kAbandonedResolver{10};

// Once per process. Curl writes TLS keys to the file that SSLKEYLOGFILE names; nothing here may.
void init_curl() {
    static const CURLcode code = [] {
        unsetenv("SSLKEYLOGFILE");
        return curl_global_init(CURL_GLOBAL_DEFAULT);
    }();
    if (code != CURLE_OK)
        throw std::runtime_error(std::string("curl_global_init: ") + curl_easy_strerror(code));
}

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

struct FreeMulti {
    void operator()(CURLM* multi) const noexcept { curl_multi_cleanup(multi); }
};

}  // namespace

struct Dispatcher::Impl {
    // The exchanges of one role that wait for their start.
    struct Lane : ResolverLane {
        std::deque<std::uint64_t> waiting;
    };

    explicit Impl(const Settings& settings);
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

    static int on_socket(CURL* easy, curl_socket_t fd, int what, void* self, void* known) noexcept;
    static int on_timer(CURLM* multi, long timeout_ms, void* self) noexcept;

    void drive();
    void kick();
    void start_waiting();
    bool start_one(Lane& lane);
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

    int epoll_ = -1;
    std::unique_ptr<CURLM, FreeMulti> multi_;
    Egress egress_;
    std::optional<Clock::time_point> curl_deadline_;
    std::uint64_t last_id_ = 0;

    std::map<std::string, Lane, std::less<>> lanes_;
    std::size_t waiting_ = 0;  // in all lanes
    std::unordered_map<std::uint64_t, std::unique_ptr<Transfer>> transfers_;
    std::deque<std::uint64_t> finished_;
    std::vector<std::unique_ptr<CURL, FreeEasy>> idle_;  // out of the multi handle, without options

    std::map<std::pair<Clock::time_point, std::uint64_t>, std::function<void()>> timers_;
    std::unordered_map<std::uint64_t, Clock::time_point> timer_times_;
};

Dispatcher::Impl::Impl(const Settings& settings) {
    init_curl();
    egress_ = {policy_of(settings), settings.proxy};
    multi_.reset(curl_multi_init());
    if (!multi_) throw std::bad_alloc();
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
    curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETFUNCTION, &Impl::on_socket);
    curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi_.get(), CURLMOPT_TIMERFUNCTION, &Impl::on_timer);
    curl_multi_setopt(multi_.get(), CURLMOPT_TIMERDATA, this);
    configure(settings);
}

Dispatcher::Impl::~Impl() {
    const SignalBlock block;
    for (auto& [id, transfer] : transfers_)
        detach(*transfer);
    transfers_.clear();
    multi_.reset();  // closes connections: on_socket still needs the epoll fd
    if (epoll_ >= 0) close(epoll_);
}

void Dispatcher::Impl::configure(const Settings& settings) {
    egress_ = {policy_of(settings), settings.proxy};
    const long total = static_cast<long>(std::clamp<std::size_t>(settings.max_connections, 1, 100000));
    const long per_host =
        static_cast<long>(std::clamp<std::size_t>(settings.max_connections_per_host, 1, 100000));
    curl_multi_setopt(multi_.get(), CURLMOPT_MAX_TOTAL_CONNECTIONS, total);
    curl_multi_setopt(multi_.get(), CURLMOPT_MAX_HOST_CONNECTIONS, per_host);
    curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, total);
}

void Dispatcher::Impl::add(Exchange exchange, Done done) {
    const std::uint64_t id = exchange.id;
    const Clock::duration timeout = whole(exchange.timeout);
    Lane& lane = lanes_[exchange.egress_role];
    auto transfer = std::make_unique<Transfer>(std::move(exchange), std::move(done), egress_, lane);
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
    CURL* easy = curl_easy_init();
    if (easy == nullptr) throw std::bad_alloc();
    return easy;
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
        transfer.waiting = false;  // start_one drops the number it left in the line
        --waiting_;
    }
    if (!transfer.in_multi) return;
    curl_multi_remove_handle(multi_.get(), transfer.easy());
    transfer.in_multi = false;
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

// CURLMOPT_SOCKETFUNCTION
int Dispatcher::Impl::on_socket(CURL*, curl_socket_t fd, int what, void* self, void*) noexcept {
    const int epoll = static_cast<Impl*>(self)->epoll_;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(epoll, EPOLL_CTL_DEL, fd, nullptr);
        return 0;
    }
    epoll_event event{};
    event.data.fd = fd;
    event.events =
        ((what & CURL_POLL_IN) != 0 ? EPOLLIN : 0U) | ((what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0U);
    // An error code would end all transfers of the multi handle; without one, this transfer alone runs into
    // its deadline.
    if (epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event) != 0) epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    return 0;
}

// CURLMOPT_TIMERFUNCTION
int Dispatcher::Impl::on_timer(CURLM*, long timeout_ms, void* self) noexcept {
    auto& deadline = static_cast<Impl*>(self)->curl_deadline_;
    if (timeout_ms < 0)
        deadline.reset();
    else
        deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
    return 0;
}

int Dispatcher::Impl::timeout_ms() const noexcept {
    if (!finished_.empty()) return 0;
    if (waiting_ > 0 && resolving() < kMaxResolving &&
        std::any_of(lanes_.begin(), lanes_.end(), [](const auto& entry) {
            return !entry.second.waiting.empty() && entry.second.resolving < kMaxResolvingPerRole;
        }))
        return 0;
    std::optional<Clock::time_point> next = curl_deadline_;
    if (!timers_.empty() && (!next || timers_.begin()->first.first < *next))
        next = timers_.begin()->first.first;
    if (!next) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*next - Clock::now()).count();
    return static_cast<int>(std::clamp<decltype(left)>(left, 0, 3600000));
}

void Dispatcher::Impl::run_ready() {
    {
        const SignalBlock block;
        drive();
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

void Dispatcher::Impl::drive() {
    epoll_event events[kMaxEvents];
    const int count = epoll_wait(epoll_, events, kMaxEvents, 0);
    int running = 0;
    for (int i = 0; i < count; ++i) {
        const std::uint32_t seen = events[i].events;
        const int flags = ((seen & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                          ((seen & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                          ((seen & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);
        curl_multi_socket_action(multi_.get(), events[i].data.fd, flags, &running);
    }
    if (curl_deadline_ && *curl_deadline_ <= Clock::now()) kick();
}

void Dispatcher::Impl::kick() {
    int running = 0;
    curl_deadline_.reset();
    curl_multi_socket_action(multi_.get(), CURL_SOCKET_TIMEOUT, 0, &running);
}

unsigned Dispatcher::Impl::resolving() const noexcept {
    unsigned sum = 0;
    for (const auto& [role, lane] : lanes_)
        sum += lane.resolving;
    return sum;
}

// Round after round, of each role as many exchanges as it may resolve names. Curl begins with a handle when
// it is kicked, and only then is it known whether a name has to be resolved at all.
void Dispatcher::Impl::start_waiting() {
    while (waiting_ > 0) {
        const unsigned busy = resolving();
        unsigned begun = 0;
        for (auto& [role, lane] : lanes_)
            for (unsigned used = lane.resolving; used < kMaxResolvingPerRole && busy + begun < kMaxResolving;
                 ++used) {
                if (!start_one(lane)) break;
                ++begun;
            }
        if (begun == 0) return;
        kick();
    }
}

bool Dispatcher::Impl::start_one(Lane& lane) {
    while (!lane.waiting.empty()) {
        const std::uint64_t id = lane.waiting.front();
        lane.waiting.pop_front();
        const auto found = transfers_.find(id);
        if (found == transfers_.end() || !found->second->waiting) continue;
        Transfer& transfer = *found->second;
        transfer.waiting = false;
        --waiting_;
        if (curl_multi_add_handle(multi_.get(), transfer.easy()) != CURLM_OK) throw std::bad_alloc();
        transfer.in_multi = true;
        return true;
    }
    return false;
}

void Dispatcher::Impl::collect() {
    int left = 0;
    bool again = false;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
        if (message->msg != CURLMSG_DONE) continue;
        const CURLcode code = message->data.result;
        char* owner = nullptr;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &owner);
        auto& transfer = *reinterpret_cast<Transfer*>(owner);
        if (code == CURLE_OPERATION_TIMEDOUT) count_abandoned_resolver(transfer);
        detach(transfer);
        if (transfer.complete(code) == Transfer::Next::Done) {
            finish(transfer);
        } else {
            if (curl_multi_add_handle(multi_.get(), transfer.easy()) != CURLM_OK) throw std::bad_alloc();
            transfer.in_multi = true;
            again = true;
        }
    }
    if (again) kick();
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

Dispatcher::Dispatcher(const Settings& settings) : impl_(std::make_unique<Impl>(settings)) {}
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
    return impl_->epoll_;
}
int Dispatcher::timeout_ms() const noexcept {
    return impl_->timeout_ms();
}
void Dispatcher::run_ready() {
    impl_->run_ready();
}

}  // namespace flowctl::net
