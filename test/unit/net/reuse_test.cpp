// Connections that are used again: only by the same partition, and only if nothing has arrived on them since.
#include "net/http/reuse.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <future>
#include <set>

#include "loop.hpp"
#include "net/client.hpp"
#include "net/http/curl_pools.hpp"
#include "token_test_support.hpp"

namespace flowctl::net::test {
namespace {

Exchange of(std::string url, std::string role, std::string partition, std::string ca_file = {}) {
    Exchange exchange = post(std::move(url));
    exchange.egress_role = std::move(role);
    exchange.partition = std::move(partition);
    exchange.ca_file = std::move(ca_file);
    return exchange;
}

const std::string kSurplus = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nsurplus";

// Answers every request with its target. After the answer to "/then" it waits for go(), does what it was told to
// with the connection, and says so; so a test knows that it has happened before it calls again.
class Misbehaving {
  public:
    using Deed = std::function<void(Connection&)>;

    explicit Misbehaving(Deed deed, std::optional<TlsIdentity> tls = std::nullopt)
        : deed_(std::move(deed)),
          server([this](const Seen& seen, Connection& connection) { serve(seen, connection); },
                 std::move(tls)) {}
    ~Misbehaving() {
        if (!gone_) go_.set_value();
    }

    void misbehave(Loop& loop) {
        gone_ = true;
        go_.set_value();
        ASSERT_TRUE(pump_until(loop.dispatcher, [this] { return done_.load(); }));
    }

  private:
    void serve(const Seen& seen, Connection& connection) {
        connection.reply({200, seen.target, {}, "OK"});
        if (seen.target != "/then") return;
        go_.get_future().wait();
        deed_(connection);
        done_ = true;
    }

    Deed deed_;
    std::promise<void> go_;
    bool gone_ = false;
    std::atomic<bool> done_ = false;

  public:
    TestServer server;
};

struct Case {
    const char* name;
    Misbehaving::Deed deed;
    bool clean = false;
};

const std::vector<Case>& deeds() {
    static const std::vector<Case> all{
        {"a second answer", [](Connection& c) { c.send(kSurplus); }},
        {"one byte", [](Connection& c) { c.send("\n"); }},
        {"the half of an answer", [](Connection& c) { c.send("HTTP/1.1 200"); }},
        {"408 and an end",
         [](Connection& c) {
             c.send("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
             c.close();
         }},
        {"an end", [](Connection& c) { c.close(); }},
        {"nothing", [](Connection&) {}, true},
    };
    return all;
}

void expect_own_answer(const Case& one, std::optional<TlsIdentity> tls, const std::string& ca_file) {
    SCOPED_TRACE(one.name);
    Misbehaving peer(one.deed, std::move(tls));
    Loop loop;
    EXPECT_EQ(loop.run(of(peer.server.url("/then"), "a", "1", ca_file)).body, "/then");
    peer.misbehave(loop);
    Exchange next = of(peer.server.url("/next"), "a", "1", ca_file);
    next.body = "only once";
    const Answer answer = loop.run(std::move(next));
    EXPECT_EQ(answer.body, "/next") << answer.message;
    EXPECT_EQ(answer.sends, 1);
    EXPECT_EQ(peer.server.request_count("/next"), 1U);
    EXPECT_EQ(peer.server.requests().back().body, "only once");
    EXPECT_EQ(peer.server.connections(), one.clean ? 1 : 2);
    // The one that was not clean has been closed, and the next one is used again.
    EXPECT_TRUE(pump_until(loop.dispatcher, [&] { return peer.server.open_connections() == 1; }));
    EXPECT_EQ(loop.run(of(peer.server.url("/third"), "a", "1", ca_file)).body, "/third");
    EXPECT_EQ(peer.server.connections(), one.clean ? 1 : 2);
}

TEST(Reuse, NothingThatArrivedUnaskedForIsAnAnswer) {
    for (const Case& one : deeds())
        expect_own_answer(one, std::nullopt, "");
}

TEST(Reuse, NothingThatArrivedUnaskedForIsAnAnswerOverTls) {
    const TestCa ca;
    for (const Case& one : deeds())
        expect_own_answer(one, ca.issue("DNS:localhost"), ca.file());
}

TEST(Reuse, ASessionTicketThatComesLateIsClean) {
    const TestCa ca;
    expect_own_answer({"a ticket", [](Connection& c) { c.send_session_ticket(); }, true},
                      ca.issue("DNS:localhost"), ca.file());
    expect_own_answer({"three tickets",
                       [](Connection& c) {
                           for (int i = 0; i < 3; ++i)
                               c.send_session_ticket();
                       },
                       true},
                      ca.issue("DNS:localhost"), ca.file());
    expect_own_answer({"a ticket and an answer",
                       [](Connection& c) {
                           c.send_session_ticket();
                           c.send(kSurplus);
                       }},
                      ca.issue("DNS:localhost"), ca.file());
}

// What comes in one piece with the answer, curl throws away.
TEST(Reuse, ASurplusInOnePieceWithTheAnswer) {
    const TestCa ca;
    for (const bool tls : {false, true}) {
        TestServer server(
            [](const Seen& seen, Connection& connection) {
                const std::string answer =
                    "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(seen.target.size()) + "\r\n\r\n" +
                    seen.target;
                connection.send(seen.target == "/twice" ? answer + kSurplus + kSurplus : answer);
            },
            tls ? std::optional(ca.issue("DNS:localhost")) : std::nullopt);
        Loop loop;
        EXPECT_EQ(loop.run(of(server.url("/twice"), "a", "1", ca.file())).body, "/twice");
        EXPECT_EQ(loop.run(of(server.url("/next"), "a", "1", ca.file())).body, "/next");
    }
}

TEST(Reuse, ABodyWhereNoneBelongs) {
    TestServer server([](const Seen& seen, Connection& connection) {
        if (seen.method == "HEAD") {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kSurplus.size()) +
                            "\r\n\r\n" + kSurplus);
        } else if (seen.target == "/none") {
            connection.send("HTTP/1.1 204 No Content\r\n\r\n" + kSurplus);
        } else {
            connection.reply({200, seen.target, {}, "OK"});
        }
    });
    Loop loop;
    Exchange head = of(server.url("/head"), "a", "1");
    head.method = "HEAD";
    head.body.clear();
    EXPECT_EQ(loop.run(std::move(head)).status, 200);
    EXPECT_EQ(loop.run(of(server.url("/next"), "a", "1")).body, "/next");
    EXPECT_EQ(loop.run(of(server.url("/none"), "a", "1")).status, 204);
    EXPECT_EQ(loop.run(of(server.url("/next"), "a", "1")).body, "/next");
}

TEST(Reuse, AConnectionServesOnePartitionOfOneRole) {
    const TestCa ca;
    for (const bool tls : {false, true}) {
        TestServer server(
            [](const Seen& seen) {
                return Reply{200, std::to_string(seen.connection), {}, "OK"};
            },
            tls ? std::optional(ca.issue("DNS:localhost")) : std::nullopt);
        Loop loop;
        const auto connection = [&](const char* role, const char* partition) {
            return loop.run(of(server.url("/"), role, partition, ca.file())).body;
        };
        const std::string first = connection("a", "1");
        const std::string other_partition = connection("a", "2");
        const std::string other_role = connection("b", "1");
        const std::string run_together = connection("a1", "");  // neither is cut off wrongly
        EXPECT_EQ(std::set({first, other_partition, other_role, run_together}).size(), 4U);
        for (int i = 0; i < 2; ++i) {
            EXPECT_EQ(connection("a", "1"), first);
            EXPECT_EQ(connection("a", "2"), other_partition);
            EXPECT_EQ(connection("b", "1"), other_role);
            EXPECT_EQ(connection("a1", ""), run_together);
        }
    }
}

TEST(Reuse, PartitionsStayApartInEachPool) {
    TestServer server([](const Seen& seen) { return Reply{200, std::to_string(seen.connection), {}, "OK"}; });
    Loop loop(settings(), PoolSizes{3, std::chrono::seconds(30)});
    std::map<std::string, std::string> owner;  // of each connection
    for (int wave = 0; wave < 4; ++wave) {
        std::map<std::uint64_t, std::string> calls;
        for (int i = 0; i < 12; ++i) {
            const std::string partition = std::to_string((i + wave) % 4);
            calls.emplace(loop.add(of(server.url("/"), "a", partition)), partition);
        }
        ASSERT_TRUE(pump_until(loop.dispatcher, [&] {
            return std::all_of(calls.begin(), calls.end(),
                               [&](const auto& call) { return loop.answers.contains(call.first); });
        }));
        for (const auto& [id, partition] : calls)
            EXPECT_EQ(owner.try_emplace(loop.answers[id].body, partition).first->second, partition);
    }
    EXPECT_LT(server.connections(), 48);
}

// The connections of many partitions together are no more than the limit: the oldest idle ones make room.
TEST(Reuse, IdleConnectionsOfOtherPartitionsMakeRoom) {
    TestServer server([](const Seen& seen) { return Reply{200, seen.body, {}, "OK"}; });
    Settings three = settings();
    three.max_connections = three.max_connections_per_host = 3;
    Loop loop(three);
    for (int wave = 0; wave < 2; ++wave)
        for (int i = 0; i < 10; ++i) {
            Exchange exchange = of(server.url("/"), "a", std::to_string(i));
            exchange.body = std::to_string(i);
            EXPECT_EQ(loop.run(std::move(exchange)).body, std::to_string(i));
            EXPECT_TRUE(pump_until(loop.dispatcher, [&] { return server.open_connections() <= 3; }));
        }
    EXPECT_EQ(server.connections(), 20);
}

// However many partitions there have been, their numbers are never given twice and the newest ones reuse.
TEST(Reuse, MorePartitionsThanAreRemembered) {
    CurlPools pools({100, std::chrono::seconds(30)});
    pools.limit(10, 10);
    CurlPools::Host& host = pools.host("http://example");
    std::set<std::uint32_t> numbers;
    const CurlPools::Place held = pools.take_place(host, "held");
    for (int i = 0; i < 25000; ++i) {
        const CurlPools::Place place = pools.take_place(host, std::to_string(i));
        EXPECT_TRUE(numbers.insert(place.partition->number).second);
        const CurlPools::Place again = pools.take_place(host, std::to_string(i));
        EXPECT_EQ(again.partition, place.partition);
        pools.leave_place(again, true);
        pools.leave_place(place, true);
    }
    const CurlPools::Place same = pools.take_place(host, "held");
    EXPECT_EQ(same.partition, held.partition);
    EXPECT_FALSE(numbers.contains(held.partition->number));
    pools.leave_place(same, false);
    pools.leave_place(held, false);
}

TEST(Reuse, TokenRequestsOfDifferentClientsAndRolesStayApart) {
    FakeIssuer issuer;
    TokenLoop loop;
    const auto ask = [&](const char* client, const char* name, const char* role, const char* run) {
        Credential credential = issuer.credential();
        credential.client.client_id = client;
        credential.issuer.name = name;
        loop.wait(loop.ask(credential, run, Seconds(15), role));
        for (auto seen = issuer.server().requests(); !seen.empty(); seen.pop_back())
            if (seen.back().path() == "/token") return seen.back().connection;
        return 0;
    };
    const int first = ask("one", "idp", "app", "run-1");
    const int other_client = ask("two", "idp", "app", "run-1");
    const int other_server = ask("one", "idp 2", "app", "run-1");
    const int other_role = ask("one", "idp", "ops", "run-1");
    EXPECT_EQ(std::set({first, other_client, other_server, other_role}).size(), 4U);
    EXPECT_EQ(ask("one", "idp", "app", "run-2"), first);  // runs share
    EXPECT_EQ(ask("two", "idp", "app", "run-2"), other_client);
}

TEST(Reuse, CallsOfDifferentEndpointsAndRolesStayApart) {
    TestServer server([](const Seen& seen) { return Reply{200, std::to_string(seen.connection), {}, "OK"}; });
    Client client(settings());
    std::uint64_t last = 0;
    const auto call = [&](const char* endpoint, const char* role, const char* path, const char* run) {
        Request request;
        request.id = ++last;
        request.run = run;
        request.endpoint = endpoint;
        request.egress_role = role;
        request.url = server.url(path);
        client.start(std::move(request));
        std::optional<Response> response;
        EXPECT_TRUE(pump_until(client, [&] { return (response = client.next_completed()).has_value(); }));
        return response->body;
    };
    const std::string first = call("orders", "app", "/a", "run-1");
    const std::string other_endpoint = call("billing", "app", "/a", "run-1");
    const std::string other_role = call("orders", "ops", "/a", "run-1");
    EXPECT_EQ(std::set({first, other_endpoint, other_role}).size(), 3U);
    EXPECT_EQ(call("orders", "app", "/b", "run-2"), first);
    EXPECT_EQ(call("billing", "app", "/b", "run-2"), other_endpoint);
}

TEST(OpenSockets, FindsByBothEndsUntilClosed) {
    OpenSockets sockets;
    const Ends ends{"192.0.2.1", 80, "198.51.100.1", 50000};
    EXPECT_FALSE(sockets.find(ends));
    sockets.opened(1000000);  // no socket: it has no port
    sockets.connected({1000000}, ends);
    EXPECT_FALSE(sockets.find(ends));
    sockets.closed(1000000);
    sockets.closed(1000000);
    EXPECT_EQ(sockets.size(), 0U);
}

}  // namespace
}  // namespace flowctl::net::test
