// Dispatcher over TLS: who is believed, and by which CA.
#include "net/http/dispatcher.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "loop.hpp"
#include "test_server.hpp"

namespace flowctl::net::test {
namespace {

Reply ok(const Seen&) {
    return {200, "fine", {}, "OK"};
}

class Tls : public ::testing::Test {
  protected:
    Answer call(const TestServer& server, const std::string& ca_file, const char* host = "localhost") {
        Exchange exchange = post("https://" + std::string(host) + ":" + std::to_string(server.port()) + "/");
        exchange.ca_file = ca_file;
        return loop_.run(std::move(exchange));
    }

    TestCa ca_;
    Loop loop_;
};

TEST_F(Tls, CaFileIsBelieved) {
    TestServer server(ok, ca_.issue("DNS:localhost,IP:127.0.0.1"));
    EXPECT_EQ(call(server, ca_.file()).status, 200);
    EXPECT_EQ(call(server, ca_.file(), "127.0.0.1").status, 200);
}

TEST_F(Tls, OtherCasAreNot) {
    TestServer server(ok, ca_.issue("DNS:localhost"));
    const Answer by_system = call(server, "");
    EXPECT_EQ(by_system.failure, Failure::Tls) << by_system.message;
    EXPECT_EQ(by_system.sends, 0);
    TestCa other;
    EXPECT_EQ(call(server, other.file()).failure, Failure::Tls);
    EXPECT_EQ(server.request_count(), 0u);
}

// A connection made with an endpoint's own CA is not used for a call that believes others.
TEST_F(Tls, ReuseKeepsCasApart) {
    TestServer server(ok, ca_.issue("DNS:localhost"));
    EXPECT_EQ(call(server, ca_.file()).status, 200);
    EXPECT_EQ(call(server, "").failure, Failure::Tls);
    EXPECT_EQ(call(server, ca_.file()).status, 200);
    EXPECT_EQ(server.request_count(), 2u);
}

TEST_F(Tls, WrongHost) {
    TestServer server(ok, ca_.issue("DNS:billing.example,IP:127.0.0.2"));
    EXPECT_EQ(call(server, ca_.file()).failure, Failure::Tls);
    EXPECT_EQ(call(server, ca_.file(), "127.0.0.1").failure, Failure::Tls);
    TestServer nameless(ok, ca_.issue(""));
    EXPECT_EQ(call(nameless, ca_.file()).failure, Failure::Tls);
}

TEST_F(Tls, Expired) {
    TestServer server(ok, ca_.issue("DNS:localhost", true));
    const Answer answer = call(server, ca_.file());
    EXPECT_EQ(answer.failure, Failure::Tls);
    EXPECT_NE(answer.message.find("expired"), std::string::npos) << answer.message;
}

TEST_F(Tls, UnreadableCaFile) {
    TestServer server(ok, ca_.issue("DNS:localhost"));
    const Answer answer = call(server, "/nonexistent/ca.pem");
    EXPECT_EQ(answer.failure, Failure::Tls) << answer.message;
    EXPECT_EQ(server.request_count(), 0u);
}

TEST_F(Tls, CutOffBody) {
    TestServer server(
        [](const Seen&, Connection& connection) {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
            connection.close();
        },
        ca_.issue("DNS:localhost"));
    EXPECT_EQ(call(server, ca_.file()).failure, Failure::Protocol);
}

TEST_F(Tls, NoRedirectToPlainHttp) {
    TestServer plain(ok);
    TestServer server(
        [&](const Seen&) {
            return Reply{307, "", {{"Location", plain.url("/")}}, "Moved"};
        },
        ca_.issue("DNS:localhost"));
    Exchange exchange = post(server.url("/"));
    exchange.ca_file = ca_.file();
    exchange.follow_redirects = true;
    EXPECT_EQ(loop_.run(std::move(exchange)).failure, Failure::Protocol);
    EXPECT_EQ(plain.connections(), 0);
}

// Curl reads this variable when it is initialised, so a process of its own is needed.
TEST(TlsDeathTest, KeysAreNotLogged) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(
        {
            TestCa ca;
            const std::string log = ca.file() + ".keys";
            setenv("SSLKEYLOGFILE", log.c_str(), 1);
            TestServer server(ok, ca.issue("DNS:localhost"));
            Loop loop;
            Exchange exchange = post(server.url("/"));
            exchange.ca_file = ca.file();
            const int status = loop.run(std::move(exchange)).status;
            const bool logged = std::ifstream(log).good();
            unlink(log.c_str());
            unlink(ca.file().c_str());
            _exit(status == 200 && !logged ? 0 : 1);
        },
        ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace flowctl::net::test
