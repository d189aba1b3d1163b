// Dispatcher with more exchanges under way than one pool of curl's takes.
#include "net/http/curl_pools.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <poll.h>

#include "loop.hpp"
#include "test_server.hpp"

namespace flowctl::net::test {
namespace {

using namespace std::chrono_literals;

constexpr PoolSizes kThreeEach{3, 30s};

Settings limits(std::size_t total, std::size_t per_host) {
    Settings out = settings();
    out.max_connections = total;
    out.max_connections_per_host = per_host;
    return out;
}

// A server that answers nothing until it is opened, and then everything at once.
class Gate {
  public:
    ~Gate() { open(); }
    void open() {
        if (!std::exchange(opened_, true)) promise_.set_value();
    }
    TestServer::Handler handler() {
        return [this, opened = promise_.get_future().share()](const Seen& seen) {
            const int now = ++at_once_;
            for (int most = most_; now > most && !most_.compare_exchange_weak(most, now);) {
            }
            opened.wait();
            --at_once_;
            return Reply{200, seen.body, {}, "OK"};
        };
    }
    int most_at_once() const { return most_; }

  private:
    std::promise<void> promise_;
    bool opened_ = false;
    std::atomic<int> at_once_ = 0;
    std::atomic<int> most_ = 0;
};

// The server goes first, then the gate that its threads wait at.
struct GatedServer {
    Gate gate;
    TestServer server{gate.handler()};
    ~GatedServer() { gate.open(); }
};

std::vector<std::uint64_t> add_posts(Loop& loop, const TestServer& server, int count) {
    std::vector<std::uint64_t> ids;
    for (int i = 0; i < count; ++i)
        ids.push_back(loop.add(post(server.url("/"), "body " + std::to_string(i))));
    return ids;
}

void expect_bodies(Loop& loop, const std::vector<std::uint64_t>& ids) {
    ASSERT_TRUE(pump_until(loop.dispatcher, [&] {
        return std::all_of(ids.begin(), ids.end(),
                           [&](std::uint64_t id) { return loop.answers.contains(id); });
    }));
    for (std::size_t i = 0; i < ids.size(); ++i) {
        EXPECT_EQ(loop.answers[ids[i]].body, "body " + std::to_string(i)) << loop.answers[ids[i]].message;
        EXPECT_EQ(loop.answers[ids[i]].sends, 1);
    }
}

TEST(CurlPools, MoreThanOneHoldsAndConnectionsAreUsedAgain) {
    GatedServer gated;
    Loop loop(limits(10, 10), kThreeEach);
    const auto first = add_posts(loop, gated.server, 10);
    ASSERT_TRUE(pump_until(loop.dispatcher, [&] { return gated.server.request_count() == 10; }));
    gated.gate.open();
    expect_bodies(loop, first);
    EXPECT_EQ(gated.server.connections(), 10);
    for (int wave = 0; wave < 3; ++wave)
        expect_bodies(loop, add_posts(loop, gated.server, 10));
    EXPECT_EQ(gated.server.connections(), 10);
}

// Two pools of two: both have room, each beside an idle connection of one host.
TEST(CurlPools, AnExchangeGoesWhereItsHostHasAnIdleConnection) {
    std::promise<void> soon;
    std::promise<void> at_last;
    const auto handler = [first = soon.get_future().share(),
                          last = at_last.get_future().share()](const Seen& seen) {
        (seen.target == "/soon" ? first : last).wait();
        return Reply{200, "fine", {}, "OK"};
    };
    TestServer one{TestServer::Handler(handler)};
    TestServer two{TestServer::Handler(handler)};
    Loop loop(limits(4, 4), PoolSizes{2, 30s});
    for (const TestServer* server : {&one, &two}) {
        loop.add(post(server->url("/soon")));
        loop.add(post(server->url("/last")));
        EXPECT_TRUE(pump_until(loop.dispatcher, [&] { return server->request_count() == 2; }));
    }
    soon.set_value();
    EXPECT_TRUE(pump_until(loop.dispatcher, [&] { return loop.answers.size() == 2; }));
    for (int i = 0; i < 5; ++i)
        for (const TestServer* server : {&two, &one})
            EXPECT_EQ(loop.run(post(server->url("/soon"))).status, 200);
    EXPECT_EQ(one.connections(), 2);
    EXPECT_EQ(two.connections(), 2);
    at_last.set_value();
    EXPECT_TRUE(pump_until(loop.dispatcher, [&] { return loop.answers.size() == 14; }));
}

TEST(CurlPools, LimitOfAHostHoldsForAllTogether) {
    GatedServer gated;
    TestServer other([](const Seen&) { return Reply{200, "other", {}, "OK"}; });
    Loop loop(limits(100, 5), kThreeEach);
    const auto ids = add_posts(loop, gated.server, 40);
    ASSERT_TRUE(pump_until(loop.dispatcher, [&] { return gated.server.request_count() == 5; }));
    EXPECT_EQ(loop.run(post(other.url("/"))).body, "other") << "those that wait hold up none to other hosts";
    EXPECT_EQ(gated.server.request_count(), 5u);
    EXPECT_NE(loop.dispatcher.timeout_ms(), 0) << "nothing can be started";
    gated.gate.open();
    expect_bodies(loop, ids);
    EXPECT_EQ(gated.gate.most_at_once(), 5);
    EXPECT_EQ(gated.server.connections(), 5);
}

TEST(CurlPools, LimitOfAllHoldsForAllTogether) {
    GatedServer one;
    GatedServer two;
    Loop loop(limits(5, 100), PoolSizes{2, 30s});
    const auto to_one = add_posts(loop, one.server, 10);
    const auto to_two = add_posts(loop, two.server, 10);
    ASSERT_TRUE(pump_until(loop.dispatcher, [&] { return one.server.request_count() == 5; }));
    EXPECT_NE(loop.dispatcher.timeout_ms(), 0);
    EXPECT_EQ(two.server.request_count(), 0u);
    one.gate.open();
    two.gate.open();
    expect_bodies(loop, to_one);
    expect_bodies(loop, to_two);
    EXPECT_LE(one.gate.most_at_once(), 5);
    EXPECT_LE(two.gate.most_at_once(), 5);
    EXPECT_LE(one.server.open_connections() + two.server.open_connections(), 5);
}

TEST(CurlPools, ALimitThatIsRaisedLetsTheLineMove) {
    GatedServer gated;
    Loop loop(limits(100, 1), kThreeEach);
    const auto ids = add_posts(loop, gated.server, 6);
    ASSERT_TRUE(pump_until(loop.dispatcher, [&] { return gated.server.request_count() == 1; }));
    loop.dispatcher.configure(limits(100, 6));
    EXPECT_EQ(loop.dispatcher.timeout_ms(), 0);
    ASSERT_TRUE(pump_until(loop.dispatcher, [&] { return gated.server.request_count() == 6; }));
    loop.dispatcher.configure(limits(1, 1));
    gated.gate.open();
    expect_bodies(loop, ids);
    expect_bodies(loop, add_posts(loop, gated.server, 4));
}

// What ends while it waits in its host's line leaves it, and the line goes on.
TEST(CurlPools, CancelledAndLateInTheLine) {
    TestServer server([](const Seen& seen, Connection& connection) {
        if (seen.target == "/hold") connection.wait_for_close();
        connection.reply({200, "fine", {}, "OK"});
    });
    Loop loop(limits(100, 1), kThreeEach);
    const std::uint64_t first = loop.add(post(server.url("/hold")));
    ASSERT_TRUE(pump_until(loop.dispatcher, [&] { return server.request_count() == 1; }));
    const std::uint64_t cancelled = loop.add(post(server.url("/never")));
    Exchange impatient = post(server.url("/never"));
    impatient.timeout = Seconds(0.05);
    const std::uint64_t late = loop.add(std::move(impatient));
    const std::uint64_t last = loop.add(post(server.url("/last")));
    loop.dispatcher.run_ready();
    loop.dispatcher.cancel(cancelled);
    ASSERT_TRUE(pump_until(loop.dispatcher, [&] { return loop.answers.contains(late); }));
    EXPECT_EQ(loop.answers[late].failure, Failure::Timeout);
    EXPECT_EQ(loop.answers[late].sends, 0);
    EXPECT_FALSE(loop.answers.contains(last));
    loop.dispatcher.cancel(first);
    ASSERT_TRUE(pump_until(loop.dispatcher, [&] { return loop.answers.contains(last); }));
    EXPECT_EQ(loop.answers[last].status, 200);
    EXPECT_EQ(server.request_count("/never"), 0u);
    EXPECT_FALSE(loop.answers.contains(cancelled));
}

TEST(CurlPools, CancelAndDestroyWithSeveral) {
    TestServer server([](const Seen&, Connection& connection) { connection.wait_for_close(); });
    {
        Loop loop(limits(100, 100), kThreeEach);
        const auto ids = add_posts(loop, server, 10);
        ASSERT_TRUE(pump_until(loop.dispatcher, [&] { return server.request_count() == 10; }));
        for (const std::uint64_t id : ids)
            loop.dispatcher.cancel(id);
        EXPECT_TRUE(pump_until(loop.dispatcher, [&] { return server.open_connections() == 0; }));
        EXPECT_TRUE(loop.answers.empty());
        add_posts(loop, server, 10);
        ASSERT_TRUE(pump_until(loop.dispatcher, [&] { return server.request_count() == 20; }));
        add_posts(loop, server, 10);
    }
    Loop other;
    EXPECT_TRUE(pump_until(other.dispatcher, [&] { return server.open_connections() == 0; }));
}

TEST(CurlPools, ExtraOnesAreClosedWhenTheyAreEmpty) {
    GatedServer gated;
    Loop loop(limits(100, 100), PoolSizes{2, 0s});
    const auto ids = add_posts(loop, gated.server, 7);
    ASSERT_TRUE(pump_until(loop.dispatcher, [&] { return gated.server.request_count() == 7; }));
    gated.gate.open();
    expect_bodies(loop, ids);
    ASSERT_TRUE(pump_until(loop.dispatcher, [&] { return gated.server.open_connections() == 2; }))
        << "the first pool keeps its connections";
    expect_bodies(loop, add_posts(loop, gated.server, 2));
    EXPECT_EQ(gated.server.connections(), 7);
    expect_bodies(loop, add_posts(loop, gated.server, 7));
}

TEST(CurlPools, RedirectsAreFollowedInEach) {
    TestServer server([](const Seen& seen) {
        if (seen.target == "/") return Reply{307, "", {{"Location", "/again"}}, "Moved"};
        return Reply{200, seen.body, {}, "OK"};
    });
    Loop loop(limits(100, 100), PoolSizes{2, 30s});
    std::vector<std::uint64_t> ids;
    for (int i = 0; i < 9; ++i) {
        Exchange exchange = post(server.url("/"), "body " + std::to_string(i));
        exchange.follow_redirects = true;
        ids.push_back(loop.add(std::move(exchange)));
    }
    ASSERT_TRUE(pump_until(loop.dispatcher, [&] { return loop.answers.size() == ids.size(); }));
    for (std::size_t i = 0; i < ids.size(); ++i) {
        EXPECT_EQ(loop.answers[ids[i]].body, "body " + std::to_string(i));
        EXPECT_EQ(loop.answers[ids[i]].sends, 2);
    }
    EXPECT_LE(server.connections(), 9);
}

TEST(CurlPools, CertificatesStayApartInEach) {
    TestCa ca;
    TestServer server(
        [](const Seen& seen) {
            return Reply{200, seen.certificate, {}, "OK"};
        },
        ca.issue("DNS:localhost"));
    std::vector<std::shared_ptr<const ClientCertificate>> certificates = {nullptr};
    for (const char* name : {"DNS:one.example", "DNS:two.example"}) {
        const TlsIdentity identity = ca.issue(name);
        auto made = ClientCertificate::from_pem(identity.certificate, identity.key);
        certificates.push_back(std::get<std::shared_ptr<const ClientCertificate>>(made));
    }
    Loop loop(limits(100, 100), PoolSizes{2, 30s});
    for (int wave = 0; wave < 3; ++wave) {
        std::vector<std::pair<std::uint64_t, std::string>> expected;
        for (int i = 0; i < 12; ++i) {
            Exchange exchange = post(server.url("/"));
            exchange.ca_file = ca.file();
            exchange.certificate = certificates[static_cast<std::size_t>((i + wave) % 3)];
            const std::string thumbprint = exchange.certificate ? exchange.certificate->thumbprint() : "";
            expected.emplace_back(loop.add(std::move(exchange)), thumbprint);
        }
        ASSERT_TRUE(pump_until(loop.dispatcher, [&] {
            return std::all_of(expected.begin(), expected.end(),
                               [&](const auto& call) { return loop.answers.contains(call.first); });
        }));
        for (const auto& [id, thumbprint] : expected) {
            EXPECT_EQ(loop.answers[id].status, 200) << loop.answers[id].message;
            EXPECT_EQ(loop.answers[id].body, thumbprint);
        }
    }
}

// An idle connection stays in the epoll set; when the server closes it, that is noticed once and not again.
TEST(CurlPools, AnIdleConnectionThatIsClosedDoesNotWakeForEver) {
    TestServer server([](const Seen&, Connection& connection) {
        connection.reply({200, "fine", {}, "OK"});
        connection.close();
    });
    Loop loop;
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(loop.run(post(server.url("/"))).body, "fine");
        ASSERT_TRUE(pump_until(loop.dispatcher, [&] { return server.open_connections() == 0; }));
        const auto quiet = [&] {
            pollfd ready{loop.dispatcher.epoll_fd(), POLLIN, 0};
            return poll(&ready, 1, 0) == 0;
        };
        EXPECT_TRUE(pump_until(loop.dispatcher, quiet));
        loop.dispatcher.run_ready();
        EXPECT_TRUE(quiet());
    }
}

}  // namespace
}  // namespace flowctl::net::test
