// A Dispatcher for tests, whose answers are kept by id.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>

#include "net/http/dispatcher.hpp"
#include "test_server.hpp"

namespace flowctl::net::test {

inline constexpr const char* kLoopback = "127.0.0.0/8, ::1";

inline Settings settings(std::string allow = kLoopback) {
    Settings out;
    out.egress_allow = std::move(allow);
    return out;
}

class Loop {
  public:
    explicit Loop(const Settings& given = settings(), PoolSizes sizes = {}) : dispatcher(given, sizes) {}

    std::uint64_t add(Exchange exchange) {
        exchange.id = dispatcher.next_id();
        const std::uint64_t id = exchange.id;
        dispatcher.add(std::move(exchange), [this, id](Answer&& answer) {
            EXPECT_EQ(answer.id, id);
            EXPECT_FALSE(answers.contains(id)) << "answered twice";
            answers.emplace(id, std::move(answer));
        });
        return id;
    }
    Answer run(Exchange exchange) {
        const std::uint64_t id = add(std::move(exchange));
        EXPECT_TRUE(pump_until(dispatcher, [&] { return answers.contains(id); })) << "no answer";
        return answers[id];
    }
    Answer get(const std::string& url) {
        Exchange exchange;
        exchange.method = "GET";
        exchange.url = url;
        return run(std::move(exchange));
    }

    std::map<std::uint64_t, Answer> answers;
    Dispatcher dispatcher;
};

inline Exchange post(std::string url, std::string body = "{}") {
    Exchange exchange;
    exchange.url = std::move(url);
    exchange.body = std::move(body);
    exchange.timeout = Seconds(15);
    return exchange;
}

}  // namespace flowctl::net::test
