// Dispatcher: time, cancellation, connections, timers, and the egress policy on the way.
#include "net/http/dispatcher.hpp"

#include <gtest/gtest.h>

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <stdexcept>

#include "loop.hpp"
#include "test_server.hpp"

namespace flowctl::net::test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

Reply ok(const Seen&) {
    return {200, "fine", {}, "OK"};
}

// Never answers.
void hang(const Seen&, Connection& connection) {
    connection.wait_for_close();
}

Exchange impatient(std::string url, double seconds = 0.1) {
    Exchange exchange = post(std::move(url));
    exchange.timeout = Seconds(seconds);
    return exchange;
}

// Time

TEST(Timeouts, NoAnswer) {
    TestServer server(hang);
    Loop loop;
    const Answer answer = loop.run(impatient(server.url("/")));
    EXPECT_EQ(answer.failure, Failure::Timeout);
    EXPECT_EQ(answer.message, "no answer within 0.1 s");
    EXPECT_EQ(answer.sends, 1);
    EXPECT_EQ(answer.address, "127.0.0.1");
    EXPECT_GE(answer.duration.count(), 0.1);
    EXPECT_LT(answer.duration.count(), 5);
    EXPECT_TRUE(pump_until(loop.dispatcher, [&] { return server.open_connections() == 0; }))
        << "the connection goes with the call";
}

TEST(Timeouts, DripFeed) {
    TestServer server([](const Seen&, Connection& connection) {
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nx");
        connection.wait_for_close();
    });
    Loop loop;
    const Answer answer = loop.run(impatient(server.url("/")));
    EXPECT_EQ(answer.failure, Failure::Timeout);
    EXPECT_EQ(answer.body, "");
}

TEST(Timeouts, TlsHandshakeThatNeverComes) {
    SilentPort silent;
    Loop loop;
    Exchange exchange = post("https://127.0.0.1:" + std::to_string(silent.port()) + "/");
    exchange.connect_timeout = Seconds(0.1);
    const Answer answer = loop.run(std::move(exchange));
    EXPECT_EQ(answer.failure, Failure::Timeout);
    EXPECT_EQ(answer.sends, 0);
    EXPECT_LT(answer.duration.count(), 5);
}

TEST(Timeouts, ZeroAndNonsense) {
    TestServer server(hang);
    Loop loop;
    for (const double seconds : {0.0, -5.0, std::nan("")})
        EXPECT_EQ(loop.run(impatient(server.url("/"), seconds)).failure, Failure::Timeout);
}

TEST(Timeouts, WaitingForAConnectionCounts) {
    TestServer server(hang);
    Settings one = settings();
    one.max_connections_per_host = 1;
    Loop loop(one);
    loop.add(post(server.url("/first")));
    ASSERT_TRUE(pump_until(loop.dispatcher, [&] { return server.request_count() == 1; }));
    const Answer second = loop.run(impatient(server.url("/second")));
    EXPECT_EQ(second.failure, Failure::Timeout);
    EXPECT_EQ(second.sends, 0);
    EXPECT_EQ(server.connections(), 1);
}

TEST(Failures, ConnectionRefused) {
    Loop loop;
    const Answer answer = loop.run(post("http://127.0.0.1:" + std::to_string(closed_port()) + "/"));
    EXPECT_EQ(answer.failure, Failure::Connect);
    EXPECT_EQ(answer.sends, 0);
    EXPECT_NE(answer.message.find("127.0.0.1"), std::string::npos);
}

TEST(Failures, ConnectionLost) {
    TestServer server([](const Seen&, Connection& connection) { connection.close(); });
    Loop loop;
    const Answer answer = loop.run(post(server.url("/")));
    EXPECT_EQ(answer.failure, Failure::Protocol);
}

// Connections

TEST(Connections, SlowOnesDoNotHoldUpOthers) {
    TestServer slow(hang);
    TestServer fast(ok);
    Loop loop;
    for (int i = 0; i < 20; ++i)
        loop.add(post(slow.url("/")));
    EXPECT_EQ(loop.run(post(fast.url("/"))).status, 200);
}

TEST(Connections, Many) {
    TestServer server(ok);
    Settings few = settings();
    few.max_connections_per_host = 5;
    Loop loop(few);
    std::vector<std::uint64_t> ids;
    for (int i = 0; i < 300; ++i)
        ids.push_back(loop.add(post(server.url("/"), std::to_string(i))));
    ASSERT_TRUE(pump_until(loop.dispatcher, [&] { return loop.answers.size() == 300; }));
    for (std::uint64_t id : ids)
        EXPECT_EQ(loop.answers[id].status, 200) << loop.answers[id].message;
    EXPECT_LE(server.connections(), 5);
    EXPECT_EQ(loop.dispatcher.timeout_ms() == 0, false);
}

TEST(Connections, ServerClosesBetweenCalls) {
    TestServer server([](const Seen&, Connection& connection) {
        connection.reply({200, "bye", {}, "OK"});
        connection.close();
    });
    Loop loop;
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(loop.run(post(server.url("/"))).body, "bye");
}

TEST(Connections, ProxyOfTheEnvironmentIsIgnored) {
    TestServer server(ok);
    const std::string proxy = "http://127.0.0.1:" + std::to_string(closed_port());
    setenv("http_proxy", proxy.c_str(), 1);
    setenv("ALL_PROXY", proxy.c_str(), 1);
    Loop loop;
    const Answer answer = loop.run(post(server.url("/")));
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
    EXPECT_EQ(answer.status, 200) << answer.message;
}

TEST(Connections, ConfiguredProxyIsUsed) {
    TestServer proxy([](const Seen& seen) { return Reply{200, seen.target, {}, "OK"}; });
    Settings by_proxy = settings("192.0.2.7");
    by_proxy.proxy = proxy.origin();
    Loop loop(by_proxy);
    EXPECT_EQ(loop.run(post("http://192.0.2.7/x")).body, "http://192.0.2.7/x")
        << "the proxy's own address needs no entry";
    EXPECT_EQ(loop.run(post("http://192.0.2.8/x")).failure, Failure::Refused);
    EXPECT_EQ(loop.run(post("https://10.0.0.1/x")).failure, Failure::Refused);
    EXPECT_EQ(loop.run(post("http://some.example/x")).failure, Failure::Refused);
    EXPECT_EQ(proxy.request_count(), 1u);
}

// Cancellation

TEST(Cancel, InEveryPhase) {
    TestServer server(hang);
    SilentPort silent;
    Loop loop;

    const std::uint64_t waiting = loop.add(post(server.url("/waiting")));
    loop.dispatcher.cancel(waiting);

    const std::uint64_t shaking = loop.add(post("https://127.0.0.1:" + std::to_string(silent.port()) + "/"));
    loop.dispatcher.run_ready();
    loop.dispatcher.cancel(shaking);

    const std::uint64_t sent = loop.add(post(server.url("/sent")));
    ASSERT_TRUE(pump_until(loop.dispatcher, [&] { return server.request_count("/sent") == 1; }));
    loop.dispatcher.cancel(sent);
    loop.dispatcher.cancel(sent);
    loop.dispatcher.cancel(4711);
    ASSERT_TRUE(pump_until(loop.dispatcher, [&] { return server.open_connections() == 0; }));

    const std::uint64_t refused = loop.add(post("ftp://127.0.0.1/"));
    EXPECT_EQ(loop.dispatcher.timeout_ms(), 0);
    loop.dispatcher.cancel(refused);
    loop.dispatcher.run_ready();

    EXPECT_TRUE(loop.answers.empty());
    EXPECT_EQ(server.request_count("/waiting"), 0u);
    EXPECT_EQ(loop.dispatcher.timeout_ms() == 0, false);
}

TEST(Cancel, FromAnotherCallback) {
    TestServer server(ok);
    Dispatcher dispatcher(settings());
    int answered = 0;
    std::vector<std::uint64_t> ids = {dispatcher.next_id(), dispatcher.next_id()};
    for (std::uint64_t id : ids) {
        Exchange exchange = post("ftp://x/");  // both are ready at once
        exchange.id = id;
        dispatcher.add(std::move(exchange), [&](Answer&& answer) {
            ++answered;
            for (std::uint64_t other : ids)
                if (other != answer.id) dispatcher.cancel(other);
        });
    }
    dispatcher.run_ready();
    EXPECT_EQ(answered, 1);
    EXPECT_EQ(dispatcher.timeout_ms(), -1);
}

TEST(Cancel, CallbackAddsTheNext) {
    TestServer server(ok);
    Dispatcher dispatcher(settings());
    int left = 20;
    std::function<void()> next = [&] {
        Exchange exchange = post(server.url("/"));
        exchange.id = dispatcher.next_id();
        dispatcher.add(std::move(exchange), [&](Answer&& answer) {
            EXPECT_EQ(answer.status, 200);
            if (--left > 0) next();
        });
    };
    next();
    EXPECT_TRUE(pump_until(dispatcher, [&] { return left == 0; }));
    EXPECT_EQ(server.connections(), 1);
}

TEST(Cancel, DestructionWithExchangesUnderWay) {
    TestServer server(hang);
    SilentPort silent;
    const auto begin = Clock::now();
    {
        Loop loop;
        for (int i = 0; i < 10; ++i) {
            loop.add(post(server.url("/")));
            loop.add(post("https://127.0.0.1:" + std::to_string(silent.port()) + "/"));
            loop.add(post("https://no-such-name-" + std::to_string(i) + ".invalid/"));
        }
        ASSERT_TRUE(pump_until(loop.dispatcher, [&] { return server.request_count() == 10; }));
        loop.add(post(server.url("/never started")));
    }
    EXPECT_LT(Clock::now() - begin, 5s);
}

// Whether the name server answers, refuses or is silent: the loop goes on, and cancelling returns at once.
TEST(Resolving, NeverBlocks) {
    TestServer server(ok);
    Loop loop;
    std::vector<std::uint64_t> ids;
    for (int i = 0; i < 40; ++i)
        ids.push_back(loop.add(post("https://name-" + std::to_string(i) + ".invalid/")));
    const auto longest = [&] {
        const auto begin = Clock::now();
        loop.dispatcher.run_ready();
        return Clock::now() - begin;
    };
    for (int i = 0; i < 5; ++i)
        EXPECT_LT(longest(), 3s);
    const auto begin = Clock::now();
    for (std::uint64_t id : ids)
        loop.dispatcher.cancel(id);
    EXPECT_LT(Clock::now() - begin, 3s);
    Exchange other = post(server.url("/"));
    other.egress_role = "other";
    EXPECT_EQ(loop.run(std::move(other)).status, 200) << "another role is not held up";
}

// The threads that resolve names are none that a signal to the process could be delivered to.
TEST(Resolving, ThreadsTakeNoSignals) {
    Loop loop;
    for (int i = 0; i < 8; ++i)
        loop.add(post("https://thread-" + std::to_string(i) + ".invalid/"));
    loop.dispatcher.run_ready();
    int main_threads = 0;
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
        std::ifstream status(task.path() / "status");
        std::string word;
        while (status >> word && word != "SigBlk:") {
        }
        if (!(status >> word)) continue;  // it has ended meanwhile
        const bool blocked = (std::stoull(word, nullptr, 16) >> (SIGTERM - 1) & 1) != 0;
        const bool is_main = task.path().filename() == std::to_string(getpid());
        EXPECT_EQ(blocked, !is_main);
        main_threads += is_main ? 1 : 0;
    }
    EXPECT_EQ(main_threads, 1);
}

TEST(Resolving, UnknownNameFails) {
    Loop loop;
    Exchange exchange = post("https://name.invalid/");
    exchange.timeout = Seconds(2);  // the name server may be silent where this runs
    const Answer answer = loop.run(std::move(exchange));
    EXPECT_TRUE(answer.failure == Failure::Resolve || answer.failure == Failure::Timeout) << answer.message;
    EXPECT_EQ(answer.sends, 0);
}

// Timers

TEST(Timers, InOrderOnceAndCancellable) {
    Dispatcher dispatcher(settings());
    EXPECT_EQ(dispatcher.timeout_ms(), -1);
    std::string order;
    dispatcher.after(30ms, [&] { order += 'c'; });
    dispatcher.after(10ms, [&] { order += 'a'; });
    dispatcher.after(20ms, [&] { order += 'b'; });
    const std::uint64_t never = dispatcher.after(15ms, [&] { order += 'x'; });
    EXPECT_GT(dispatcher.timeout_ms(), 0);
    EXPECT_LE(dispatcher.timeout_ms(), 10);
    dispatcher.cancel_timer(never);
    dispatcher.cancel_timer(4711);
    EXPECT_TRUE(pump_until(dispatcher, [&] { return order.size() == 3; }));
    EXPECT_EQ(order, "abc");
    EXPECT_EQ(dispatcher.timeout_ms(), -1);
}

TEST(Timers, OneThatSetsItselfAgainDoesNotKeepTheLoop) {
    Dispatcher dispatcher(settings());
    int fired = 0;
    std::function<void()> again = [&] {
        ++fired;
        dispatcher.after(0ms, again);
    };
    dispatcher.after(0ms, again);
    dispatcher.run_ready();
    EXPECT_EQ(fired, 1);
    EXPECT_EQ(dispatcher.timeout_ms(), 0);
}

TEST(Timers, CancelledByAnotherOfTheSameTurn) {
    Dispatcher dispatcher(settings());
    bool fired = false;
    std::uint64_t second = 0;
    dispatcher.after(0ms, [&] { dispatcher.cancel_timer(second); });
    second = dispatcher.after(0ms, [&] { fired = true; });
    dispatcher.run_ready();
    EXPECT_FALSE(fired);
}

// Egress

TEST(Egress, RefusedBeforeAnythingIsSent) {
    TestServer server(ok);
    Loop closed(settings(""));
    const std::string port = std::to_string(server.port());
    for (const std::string& target :
         {server.url("/"), "https://127.0.0.1:" + port + "/", "http://127.1:" + port + "/",
          "https://localhost:" + port + "/", "http://localhost:" + port + "/", "https://[::1]:" + port + "/",
          "https://[::ffff:127.0.0.1]:" + port + "/", "https://0.0.0.0:" + port + "/",
          "https://2130706433:" + port + "/", std::string("https://169.254.169.254/latest/meta-data/"),
          std::string("http://8.8.8.8/")}) {
        const Answer answer = closed.run(post(target));
        EXPECT_EQ(answer.failure, Failure::Refused) << target << ": " << answer.message;
        EXPECT_NE(answer.message.find("flowctl.egress_allow"), std::string::npos) << answer.message;
        EXPECT_EQ(answer.sends, 0);
    }
    EXPECT_EQ(server.connections(), 0);
}

TEST(Egress, NamesAreJudgedByTheirAddresses) {
    TestServer server(ok);
    const std::string by_name = "http://localhost:" + std::to_string(server.port()) + "/";
    Loop closed(settings("10.0.0.0/8"));
    EXPECT_EQ(closed.run(post(by_name)).failure, Failure::Refused);
    Loop open;
    EXPECT_EQ(open.run(post(by_name)).status, 200);
}

// A connection that one role may have is not another's.
TEST(Egress, ReuseOfAConnectionIsJudgedToo) {
    TestServer server(ok);
    const std::string by_name = "http://localhost:" + std::to_string(server.port()) + "/";
    Loop loop(settings("127.0.0.0/8=billing, ::1=billing, 10.0.0.0/8=app"));
    Exchange first = post(by_name);
    first.egress_role = "billing";
    EXPECT_EQ(loop.run(std::move(first)).status, 200);
    Exchange second = post(by_name);
    second.egress_role = "app";
    const Answer refused = loop.run(std::move(second));
    EXPECT_EQ(refused.failure, Failure::Refused) << refused.message;
    EXPECT_EQ(refused.sends, 0);
    Exchange third = post(by_name);
    third.egress_role = "billing";
    EXPECT_EQ(loop.run(std::move(third)).status, 200);
    EXPECT_EQ(server.request_count(), 2u);
}

TEST(Egress, ConfigureAppliesToConnectionsThatAreOpen) {
    TestServer server(ok);
    Loop loop;
    EXPECT_EQ(loop.run(post("http://localhost:" + std::to_string(server.port()) + "/")).status, 200);
    loop.dispatcher.configure(settings("10.0.0.0/8"));
    EXPECT_EQ(loop.run(post("http://localhost:" + std::to_string(server.port()) + "/")).failure,
              Failure::Refused);
    EXPECT_THROW(loop.dispatcher.configure(settings("banana")), std::invalid_argument);
    EXPECT_THROW(Dispatcher{settings("banana")}, std::invalid_argument);
}

TEST(Egress, RedirectsAreJudgedAgain) {
    std::promise<void> reconfigured;
    std::shared_future<void> after_that = reconfigured.get_future().share();
    TestServer server([after_that](const Seen&) {
        after_that.wait();
        return Reply{307, "", {{"Location", "/again"}}, "Moved"};
    });
    Loop loop;
    Exchange exchange = post(server.url("/"));
    exchange.follow_redirects = true;
    const std::uint64_t id = loop.add(std::move(exchange));
    const bool arrived = pump_until(loop.dispatcher, [&] { return server.request_count() == 1; });
    loop.dispatcher.configure(settings(""));
    reconfigured.set_value();
    ASSERT_TRUE(arrived);
    ASSERT_TRUE(pump_until(loop.dispatcher, [&] { return loop.answers.contains(id); }));
    EXPECT_EQ(loop.answers[id].failure, Failure::Refused) << loop.answers[id].message;
    EXPECT_EQ(server.request_count(), 1u);
}

// The process

TEST(Process, SigpipeNeitherKillsNorStays) {
    const auto before = signal(SIGPIPE, SIG_DFL);
    {
        TestServer server([](const Seen&, Connection& connection) { connection.close(); });
        signal(SIGPIPE, SIG_DFL);
        Loop loop;
        for (int i = 0; i < 5; ++i)
            EXPECT_NE(loop.run(post(server.url("/"), std::string(1 << 20, 'x'))).failure, Failure::None);
        sigset_t pending;
        sigpending(&pending);
        EXPECT_EQ(sigismember(&pending, SIGPIPE), 0);
    }
    signal(SIGPIPE, before);
}

TEST(Process, OutOfFileDescriptorsFailsTheCallAlone) {
    TestServer server(ok);
    Loop loop;
    rlimit before{};
    getrlimit(RLIMIT_NOFILE, &before);
    rlimit none = before;
    none.rlim_cur = 3;
    setrlimit(RLIMIT_NOFILE, &none);
    const Answer answer = loop.run(post(server.url("/")));
    setrlimit(RLIMIT_NOFILE, &before);
    EXPECT_NE(answer.failure, Failure::None);
    EXPECT_EQ(loop.run(post(server.url("/"))).status, 200);
}

TEST(Process, SameIdTwiceIsABug) {
    SilentPort silent;
    Dispatcher dispatcher(settings());
    Exchange first = post("http://127.0.0.1:" + std::to_string(silent.port()) + "/");
    first.id = dispatcher.next_id();
    Exchange second = first;
    dispatcher.add(std::move(first), nullptr);
    EXPECT_THROW(dispatcher.add(std::move(second), nullptr), std::logic_error);
}

}  // namespace
}  // namespace flowctl::net::test
