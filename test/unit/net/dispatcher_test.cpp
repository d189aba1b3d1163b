// Dispatcher: exchanges over real sockets on loopback, and everything that can go wrong with them.
#include "net/http/dispatcher.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <ctime>
#include <stdexcept>

#include "loop.hpp"
#include "test_server.hpp"

namespace flowctl::net::test {
namespace {

Reply ok(const Seen&) {
    return {200, "fine", {}, "OK"};
}

TEST(Dispatcher, PostsAndReadsTheAnswer) {
    TestServer server([](const Seen&) { return Reply{201, "made", {{"X-Thing", " a b "}}, "Created"}; });
    Loop loop;
    Exchange exchange = post(server.url("/charges?x=1"), "{\"a\":1}");
    exchange.headers = {{"Content-Type", "application/json"}, {"X-Empty", ""}};
    const Answer answer = loop.run(std::move(exchange));
    EXPECT_EQ(answer.failure, Failure::None) << answer.message;
    EXPECT_EQ(answer.status, 201);
    EXPECT_EQ(answer.status_text, "Created");
    EXPECT_EQ(answer.body, "made");
    ASSERT_NE(answer.header("x-thing"), nullptr);
    EXPECT_EQ(*answer.header("x-thing"), "a b");
    EXPECT_EQ(answer.address, "127.0.0.1");
    EXPECT_EQ(answer.request_bytes, 7u);
    EXPECT_GT(answer.duration.count(), 0);

    ASSERT_EQ(server.request_count(), 1u);
    const Seen seen = server.requests().front();
    EXPECT_EQ(seen.method, "POST");
    EXPECT_EQ(seen.target, "/charges?x=1");
    EXPECT_EQ(seen.body, "{\"a\":1}");
    EXPECT_EQ(seen.header("content-type"), "application/json");
    EXPECT_EQ(seen.count("x-empty"), 1);
    EXPECT_EQ(seen.count("expect"), 0);
    EXPECT_EQ(seen.count("accept-encoding"), 0);
}

TEST(Dispatcher, Methods) {
    TestServer server(ok);
    Loop loop;
    for (const char* method : {"GET", "DELETE", "OPTIONS", "HEAD", "PUT", "PATCH", "POST"}) {
        Exchange exchange;
        exchange.method = method;
        exchange.url = server.url("/m");
        const Answer answer = loop.run(std::move(exchange));
        EXPECT_EQ(answer.status, 200) << method;
        EXPECT_EQ(answer.body, std::string(method) == "HEAD" ? "" : "fine") << method;
        EXPECT_EQ(server.requests().back().method, method);
        EXPECT_EQ(server.requests().back().count("content-type"), 0) << method;
    }
    Exchange with_body = post(server.url("/m"), "x");
    with_body.method = "DELETE";
    EXPECT_EQ(loop.run(std::move(with_body)).status, 200);
    EXPECT_EQ(server.requests().back().body, "x");
    EXPECT_EQ(server.connections(), 1) << "the connection is used again";
}

// What a raw handler sends as its answer, whatever it is.
Answer answer_to(const std::string& bytes, Exchange exchange = {}) {
    TestServer server([&](const Seen&, Connection& connection) {
        connection.send(bytes);
        connection.close();
    });
    Loop loop;
    exchange.url = server.url("/x");
    return loop.run(std::move(exchange));
}

TEST(Dispatcher, Chunked) {
    const Answer answer = answer_to(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nWiki\r\n5;x=y\r\npedia\r\n0\r\nX-Trailer: "
        "t\r\n\r\n");
    EXPECT_EQ(answer.failure, Failure::None) << answer.message;
    EXPECT_EQ(answer.body, "Wikipedia");
    EXPECT_EQ(answer.header("x-trailer"), nullptr) << "trailers are not headers";
}

TEST(Dispatcher, InterimAnswersAreNotTheAnswer) {
    const Answer answer = answer_to(
        "HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\nHTTP/1.1 404 Not There\r\nX-Late: "
        "2\r\nContent-Length: 0\r\n\r\n");
    EXPECT_EQ(answer.status, 404);
    EXPECT_EQ(answer.status_text, "Not There");
    EXPECT_EQ(answer.header("x-early"), nullptr);
    EXPECT_NE(answer.header("x-late"), nullptr);
}

TEST(Dispatcher, NotEncodedAndNotDecoded) {
    const Answer answer =
        answer_to("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8bzz");
    EXPECT_EQ(answer.failure, Failure::None) << answer.message;
    EXPECT_EQ(answer.body, "\x1f\x8bzz");
}

TEST(Dispatcher, NoContent) {
    const Answer answer = answer_to("HTTP/1.1 204 No Content\r\n\r\n");
    EXPECT_EQ(answer.status, 204);
    EXPECT_EQ(answer.body, "");
}

TEST(Dispatcher, BrokenAnswers) {
    for (const std::string& bytes :
         {std::string(), std::string("HTTP/1.1 200 OK\r\nX: y"), std::string("garbage\r\n\r\n"),
          std::string("HTTP/1.1"), std::string("HTTP/1.1 200 OK\r\n"), std::string("HTTP/1.1 abc OK\r\n\r\n"),
          std::string("HTTP/9.9 200 OK\r\n\r\n"),
          std::string("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"),
          std::string("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx"),
          std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nx"),
          std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"),
          std::string("HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n", 28), std::string("<html>no headers</html>")}) {
        const Answer answer = answer_to(bytes);
        EXPECT_EQ(answer.failure, Failure::Protocol) << bytes << "\n" << answer.status << answer.message;
        EXPECT_FALSE(answer.message.empty());
        EXPECT_EQ(answer.status, 0) << "a failure has no status";
        EXPECT_TRUE(answer.body.empty());
    }
}

TEST(Dispatcher, BodyLimit) {
    const auto with_limit = [](std::size_t limit) {
        Exchange exchange;
        exchange.max_response_bytes = limit;
        return exchange;
    };
    const std::string ten = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789";
    EXPECT_EQ(answer_to(ten, with_limit(10)).body, "0123456789");
    const Answer large = answer_to(ten, with_limit(9));
    EXPECT_EQ(large.failure, Failure::TooLarge);
    EXPECT_EQ(large.message, "the answer is larger than 9 bytes");
    EXPECT_TRUE(large.body.empty());
    EXPECT_EQ(answer_to("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", with_limit(0)).failure,
              Failure::None);
    std::string chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (int i = 0; i < 100; ++i)
        chunks += "1\r\nx\r\n";
    EXPECT_EQ(answer_to(chunks + "0\r\n\r\n", with_limit(99)).failure, Failure::TooLarge);
    EXPECT_EQ(answer_to(chunks + "0\r\n\r\n", with_limit(100)).body.size(), 100u);
}

// What an answer says of its own size is believed before the body comes.
TEST(Dispatcher, AnAnswerThatSaysItIsTooLarge) {
    const auto answer = [](const std::string& headers, const char* method, std::size_t limit) {
        TestServer server([&](const Seen&, Connection& connection) {
            connection.send("HTTP/1.1 " + headers + "\r\n\r\n");
            connection.wait_for_close();
        });
        Loop loop;
        Exchange exchange = post(server.url("/"), "");
        exchange.method = method;
        exchange.max_response_bytes = limit;
        exchange.timeout = Seconds(1);
        return loop.run(std::move(exchange)).failure;
    };
    EXPECT_EQ(answer("200 OK\r\nContent-Length: 11", "POST", 10), Failure::TooLarge);
    EXPECT_EQ(answer("500 Oh\r\ncontent-length: 11", "GET", 10), Failure::TooLarge);
    EXPECT_EQ(answer("200 OK\r\nContent-Length: 10", "POST", 10), Failure::Timeout) << "waits for the body";
    EXPECT_EQ(answer("200 OK\r\nContent-Length: 11", "HEAD", 10), Failure::None);
    EXPECT_EQ(answer("304 Not Modified\r\nContent-Length: 11", "GET", 10), Failure::None);
}

// Curl throws away what frames the chunks of a body; an endless chunk extension would keep the loop busy.
TEST(Dispatcher, WhatFramesChunksCounts) {
    for (const std::string& piece :
         {std::string(65536, 'a'), std::string("1;") + std::string(4000, 'b') + "\r\nx\r\n"}) {
        std::atomic<std::size_t> sent = 0;
        TestServer server([&](const Seen&, Connection& connection) {
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            if (piece[0] == 'a') connection.send("1;");
            for (sent = 0; sent < (std::size_t{64} << 20); sent += piece.size())
                connection.send(piece);
            connection.close();
        });
        Loop loop;
        Exchange exchange = post(server.url("/"));
        exchange.max_response_bytes = 100000;
        const Answer answer = loop.run(std::move(exchange));
        EXPECT_EQ(answer.failure, Failure::TooLarge) << answer.message;
        EXPECT_EQ(answer.message, "what frames the answer's chunks is larger than 100000 bytes");
        EXPECT_TRUE(pump_until(loop.dispatcher, [&] { return server.open_connections() == 0; }));
    }
    // As much as the limit is let through, and a little more for a small one.
    const std::string extension = "1;" + std::string(9000, 'c') + "\r\nx\r\n0\r\n\r\n";
    Exchange small;
    small.max_response_bytes = 1;
    EXPECT_EQ(
        answer_to("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + extension, std::move(small)).body,
        "x");
}

// An answer that never ends is cut off, not collected.
TEST(Dispatcher, EndlessBody) {
    TestServer server([](const Seen&, Connection& connection) {
        connection.send("HTTP/1.1 200 OK\r\n\r\n");
        const std::string block(65536, 'x');
        for (int i = 0; i < 1000; ++i)
            connection.send(block);
        connection.close();
    });
    Loop loop;
    Exchange exchange = post(server.url("/"));
    exchange.max_response_bytes = 100000;
    EXPECT_EQ(loop.run(std::move(exchange)).failure, Failure::TooLarge);
    EXPECT_TRUE(pump_until(loop.dispatcher, [&] { return server.open_connections() == 0; }));
}

TEST(Dispatcher, HeaderLimits) {
    std::string many = "HTTP/1.1 200 OK\r\n";
    for (int i = 0; i < 400; ++i)
        many += "X-" + std::to_string(i) + ": y\r\n";
    EXPECT_EQ(answer_to(many + "\r\n").failure, Failure::TooLarge);
    std::string large = "HTTP/1.1 200 OK\r\n";
    for (int i = 0; i < 20; ++i)
        large += "X-" + std::to_string(i) + ": " + std::string(10000, 'y') + "\r\n";
    EXPECT_EQ(answer_to(large + "\r\n").failure, Failure::TooLarge);
    std::string interim;
    for (int i = 0; i < 10000; ++i)
        interim += "HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n";
    EXPECT_NE(answer_to(interim + "HTTP/1.1 200 OK\r\n\r\n").failure, Failure::None);
    const auto headers = [](std::size_t count) {
        std::string text = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n";
        for (std::size_t i = 1; i < count; ++i)
            text += "X: y\r\n";
        return answer_to(text + "\r\n").failure;
    };
    EXPECT_EQ(headers(256), Failure::None);
    EXPECT_EQ(headers(257), Failure::TooLarge);
    const auto bytes = [](std::size_t count) {
        std::string text =
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: " + std::string(65536, 'x') + "\r\nY: ";
        text += std::string(count - text.size() - 4, 'y');
        return answer_to(text + "\r\n\r\n").failure;
    };
    EXPECT_EQ(bytes(131072), Failure::None);
    EXPECT_EQ(bytes(131073), Failure::TooLarge);
    // Curl has a limit of its own for one header.
    const Answer one = answer_to("HTTP/1.1 200 OK\r\nX-Big: " + std::string(150000, 'z') + "\r\n\r\n");
    EXPECT_EQ(one.failure, Failure::TooLarge);
    EXPECT_EQ(one.message, "the answer's headers are too large");
}

// Curl sends again by itself when a connection that it kept is lost; that is counted, and done once.
TEST(Dispatcher, ResendsAreCountedAndBounded) {
    std::atomic<int> lost = 0;
    TestServer server([&](const Seen& seen, Connection& connection) {
        if (seen.target == "/kept" || lost.fetch_sub(1) <= 0)
            return connection.reply({200, seen.body, {}, "OK"});
        connection.close();
    });
    Loop loop;
    EXPECT_EQ(loop.run(post(server.url("/kept"))).sends, 1);
    lost = 1;
    const Answer second = loop.run(post(server.url("/lost"), "once more"));
    EXPECT_EQ(second.body, "once more");
    EXPECT_EQ(second.sends, 2);
    EXPECT_EQ(server.request_count("/lost"), 2u);
    lost = 100;
    const Answer never = loop.run(post(server.url("/gone")));
    EXPECT_EQ(never.failure, Failure::Protocol);
    EXPECT_EQ(never.sends, 2);
    EXPECT_EQ(server.request_count("/gone"), 2u);
}

TEST(Dispatcher, RefusesInjection) {
    TestServer server(ok);
    Loop loop;
    Exchange header = post(server.url("/"));
    header.headers = {{"X-A", "b\r\nX-C: d"}};
    const Answer refused = loop.run(std::move(header));
    EXPECT_EQ(refused.failure, Failure::Refused);
    EXPECT_EQ(refused.message, "the value of header X-A holds a control character");
    EXPECT_EQ(refused.sends, 0);
    Exchange method = post(server.url("/"));
    method.method = "GET / HTTP/1.1\r\nX:";
    EXPECT_EQ(loop.run(std::move(method)).failure, Failure::Refused);
    EXPECT_EQ(loop.get(server.url("/ HTTP/1.1\r\nX: y")).failure, Failure::Refused);
    EXPECT_EQ(loop.get("ftp://127.0.0.1/").failure, Failure::Refused);
    EXPECT_EQ(loop.get("file:///etc/passwd").failure, Failure::Refused);
    EXPECT_EQ(server.connections(), 0);
}

// Redirects

Reply redirect(int status, std::string location) {
    return {status, "gone", {{"Location", std::move(location)}}, "Moved"};
}

TEST(Redirects, NotFollowedUnlessAllowed) {
    TestServer server([](const Seen&) { return redirect(302, "/b"); });
    Loop loop;
    const Answer answer = loop.run(post(server.url("/a")));
    EXPECT_EQ(answer.failure, Failure::None);
    EXPECT_EQ(answer.status, 302);
    EXPECT_EQ(answer.body, "gone");
    EXPECT_EQ(server.request_count(), 1u);
}

TEST(Redirects, MethodAndBody) {
    int status = 0;
    TestServer server([&](const Seen& seen) {
        return seen.path() == "/a" ? redirect(status, "b?c") : Reply{200, "there", {{"X-Final", "1"}}, "OK"};
    });
    Loop loop;
    for (const auto& [code, method, expected] :
         std::vector<std::tuple<int, std::string, std::string>>{{301, "POST", "GET"},
                                                                {302, "POST", "GET"},
                                                                {303, "POST", "GET"},
                                                                {307, "POST", "POST"},
                                                                {308, "POST", "POST"},
                                                                {301, "PUT", "PUT"},
                                                                {303, "PUT", "GET"},
                                                                {303, "HEAD", "HEAD"},
                                                                {307, "PATCH", "PATCH"},
                                                                {308, "DELETE", "DELETE"}}) {
        status = code;
        Exchange exchange = post(server.url("/a"), "body");
        exchange.method = method;
        exchange.headers = {{"Content-Type", "text/plain"}, {"Authorization", "Bearer t"}};
        exchange.follow_redirects = true;
        exchange.return_body = true;
        const Answer answer = loop.run(std::move(exchange));
        EXPECT_EQ(answer.status, 200) << code << method << answer.message;
        EXPECT_EQ(answer.sends, 2);
        EXPECT_EQ(answer.request_body, "body") << "the whole request can be sent again";
        const Seen last = server.requests().back();
        EXPECT_EQ(last.target, "/b?c");
        EXPECT_EQ(last.method, expected) << code << method;
        const bool has_body = expected == method && method != "HEAD";
        EXPECT_EQ(last.body, has_body ? "body" : "") << code << method;
        EXPECT_EQ(last.count("content-type"), expected == method ? 1 : 0) << code << method;
        EXPECT_EQ(last.header("authorization"), "Bearer t");
    }
}

TEST(Redirects, NeverElsewhere) {
    TestServer other(ok);
    std::string location;
    TestServer server([&](const Seen&) { return redirect(307, location); });
    Loop loop;
    const std::string port = std::to_string(server.port());
    for (const std::string& target :
         {other.url("/"), "http://localhost:" + port + "/", "https://127.0.0.1:" + port + "/",
          std::string("//evil.example/"), "http://u:p@127.0.0.1:" + port + "/",
          std::string("ftp://127.0.0.1/"), std::string("file:///etc/passwd"),
          std::string("http://[::1]:" + port + "/"), std::string("http://127.0.0.1:99999/"),
          std::string("http://")}) {
        location = target;
        Exchange exchange = post(server.url("/a"));
        exchange.follow_redirects = true;
        const Answer answer = loop.run(std::move(exchange));
        EXPECT_EQ(answer.failure, Failure::Protocol) << target;
        EXPECT_EQ(answer.status, 0);
    }
    EXPECT_EQ(other.connections(), 0);
}

TEST(Redirects, AtMostFive) {
    TestServer server([](const Seen& seen) {
        const int left = std::stoi(seen.target.substr(1));
        return left == 0 ? Reply{200, "done", {}, "OK"} : redirect(302, "/" + std::to_string(left - 1));
    });
    Loop loop;
    const auto follow = [&](const char* path) {
        Exchange exchange;
        exchange.method = "GET";
        exchange.url = server.url(path);
        exchange.follow_redirects = true;
        return loop.run(std::move(exchange));
    };
    EXPECT_EQ(follow("/5").body, "done");
    const Answer loops = follow("/6");
    EXPECT_EQ(loops.failure, Failure::Protocol);
    EXPECT_EQ(loops.message, "more than 5 redirects");
}

TEST(Redirects, WithoutLocationIsAnAnswer) {
    TestServer server([](const Seen&) { return Reply{302, "hm", {}, "Found"}; });
    Loop loop;
    Exchange exchange = post(server.url("/"));
    exchange.follow_redirects = true;
    const Answer answer = loop.run(std::move(exchange));
    EXPECT_EQ(answer.status, 302);
    EXPECT_EQ(answer.body, "hm");
}

// Retry-After

std::optional<Seconds> retry_after(const std::string& value) {
    Answer answer;
    answer.headers = {{"retry-after", value}};
    return answer.retry_after();
}

TEST(RetryAfter, SecondsAndDates) {
    EXPECT_EQ(retry_after("120"), Seconds(120));
    EXPECT_EQ(retry_after("0"), Seconds(0));
    EXPECT_EQ(retry_after("99999999999999999999"), Seconds(86400.0 * 365));
    EXPECT_EQ(retry_after("Wed, 21 Oct 2015 07:28:00 GMT"), Seconds(0)) << "past";
    const std::time_t soon = std::time(nullptr) + 100;
    char text[64];
    std::tm parts{};
    std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&soon, &parts));
    const auto left = retry_after(text);
    ASSERT_TRUE(left);
    EXPECT_NEAR(left->count(), 100, 5);
    for (const char* bad : {"", "-5", "1.5", "soon", "5 s"})
        EXPECT_FALSE(retry_after(bad)) << bad;
    EXPECT_FALSE(retry_after(std::string(1000, '9')));
    EXPECT_FALSE(Answer().retry_after());
}

}  // namespace
}  // namespace flowctl::net::test
