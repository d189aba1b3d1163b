// What a call costs: our own CPU for one HTTP call, against how many are under way at once at one host.
//
//   net_calls [CALLS_AT_ONCE...]
//
// For each number a Client of its own keeps so many calls of 300 bytes under way at an endpoint in another
// process on loopback: a new one begins when one is answered. Fewer than 1,000 are answered at once; of more
// each after a second, so that nearly all of them wait at any moment. Printed is the CPU time of a call,
// first while each has a connection to open, then when it finds one.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "net/client.hpp"

using namespace flowctl::net;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::string_view kAnswer =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"ok\":true}";

struct Use {
    double user_us;
    double system_us;
};

Use cpu() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto us = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
    };
    return {us(usage.ru_utime), us(usage.ru_stime)};
}

// The endpoint: each connection brings one request at a time, small enough for one read.
[[noreturn]] void serve(int listener, std::chrono::milliseconds delay) {
    const int epoll = epoll_create1(0);
    const auto watch = [epoll](int fd) {
        epoll_event event{EPOLLIN, {.fd = fd}};
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    };
    watch(listener);
    std::deque<std::pair<Clock::time_point, int>> due;
    const auto answer = [](int fd) { (void)!write(fd, kAnswer.data(), kAnswer.size()); };
    for (;;) {
        epoll_event events[512];
        int wait = -1;
        if (!due.empty())
            wait = static_cast<int>(std::max<long>(
                0, std::chrono::ceil<std::chrono::milliseconds>(due.front().first - Clock::now()).count()));
        const int count = epoll_wait(epoll, events, 512, wait);
        for (int i = 0; i < count; ++i) {
            const int fd = events[i].data.fd;
            char bytes[4096];
            if (fd == listener) {
                int accepted;
                while ((accepted = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK)) >= 0) {
                    const int one = 1;
                    setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                    watch(accepted);
                }
            } else if (read(fd, bytes, sizeof bytes) <= 0) {
                close(fd);
            } else if (delay.count() == 0) {
                answer(fd);
            } else {
                due.emplace_back(Clock::now() + delay, fd);
            }
        }
        for (const auto now = Clock::now(); !due.empty() && due.front().first <= now; due.pop_front())
            answer(due.front().second);
    }
}

class Endpoint {
  public:
    explicit Endpoint(std::chrono::milliseconds delay) {
        const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        if (bind(listener, generic, size) != 0 || listen(listener, 4096) != 0 ||
            getsockname(listener, generic, &size) != 0)
            std::exit(1);
        child_ = fork();
        if (child_ == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            serve(listener, delay);
        }
        close(listener);
        url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/";
    }
    ~Endpoint() {
        kill(child_, SIGKILL);
        waitpid(child_, nullptr, 0);
    }
    const std::string& url() const { return url_; }

  private:
    pid_t child_;
    std::string url_;
};

class Load {
  public:
    Load(Client& client, const std::string& url) : client_(client), url_(url) {}

    void begin() {
        Request request;
        request.id = ++last_id_;
        request.run = "run-" + std::to_string(last_id_);
        request.egress_role = "app";
        request.url = url_;
        request.headers = {{"Content-Type", "application/json"}};
        request.body = body_;
        request.timeout = Seconds(600);
        request.connect_timeout = Seconds(100);
        client_.start(std::move(request));
    }
    // As the worker does; a call that has ended is replaced by another.
    void turn(bool replace = true) {
        pollfd ready{client_.epoll_fd(), POLLIN, 0};
        poll(&ready, 1, client_.timeout_ms());
        client_.run_ready();
        while (auto response = client_.next_completed()) {
            ++done;
            if (response->status != 200) ++bad;
            if (replace) begin();
        }
    }

    long done = 0;
    long bad = 0;

  private:
    Client& client_;
    const std::string& url_;
    const std::string body_ = R"({"pad":")" + std::string(290, 'x') + R"("})";
    std::uint64_t last_id_ = 0;
};

void measure(long at_once) {
    const Endpoint endpoint(std::chrono::milliseconds(at_once < 1000 ? 0 : 1000));
    Settings settings;
    settings.egress_allow = "127.0.0.1/32";
    settings.max_connections = settings.max_connections_per_host = 12000;
    Client client(settings);
    Load load(client, endpoint.url());

    const Use start = cpu();
    for (long i = 0; i < at_once; ++i)
        load.begin();
    while (load.done < at_once)
        load.turn();
    const Use begun = cpu();
    const long done = load.done;
    const long wanted = done + std::max(20000L, 3 * at_once);
    while (load.done < wanted)
        load.turn();
    const Use end = cpu();
    const auto calls = static_cast<double>(load.done - done);
    std::printf(
        "%6ld at once: %7.1f us each to begin with, then %7.1f us (%.1f of them in the kernel)%s\n", at_once,
        (begun.user_us + begun.system_us - start.user_us - start.system_us) / static_cast<double>(done),
        (end.user_us + end.system_us - begun.user_us - begun.system_us) / calls,
        (end.system_us - begun.system_us) / calls, load.bad > 0 ? "  WRONG: some failed" : "");
    std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    std::signal(SIGPIPE, SIG_IGN);
    std::vector<long> numbers;
    for (int i = 1; i < argc; ++i)
        numbers.push_back(std::atol(argv[i]));
    if (numbers.empty()) numbers = {1, 100, 1000, 10000};
    for (const long at_once : numbers)
        measure(at_once);
    return 0;
}
