// Tasks and responses for tests of protocols.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "calls/protocols.hpp"

namespace flowctl::calls {

inline json::Value parsed(std::string_view text) {
    auto value = json::parse(text);
    EXPECT_TRUE(value) << text;
    return value ? std::move(value).value() : json::Value();
}

inline asl::Resource resource(std::string_view text) {
    auto parsed_resource = asl::Resource::parse(text);
    EXPECT_TRUE(parsed_resource) << text;
    return parsed_resource ? std::move(parsed_resource).value() : asl::Resource();
}

// A Task whose values outlive the call of request().
struct TaskOf {
    explicit TaskOf(std::string_view resource_text, std::string_view input_text = "{}",
                    std::string_view follow_text = "null")
        : of(resource(resource_text)), input(parsed(input_text)), follow(parsed(follow_text)) {}

    RequestResult request(const Protocol& protocol) const {
        return protocol.request({.resource = of,
                                 .input = input,
                                 .follow = follow,
                                 .base_url = base_url,
                                 .deployment = "11111111-2222-3333-4444-555555555555",
                                 .execution_id = "arn:flowctl:states:local:db:execution:pay:1",
                                 .state_machine_id = "arn:flowctl:states:local:db:stateMachine:pay",
                                 .idempotency_key = "the-key"});
    }

    asl::Resource of;
    json::Value input;
    json::Value follow;
    std::string base_url = "https://api.example.com/v1";
};

inline RequestParts accepted(const RequestResult& result) {
    if (const auto* refusal = std::get_if<Refusal>(&result)) {
        ADD_FAILURE() << refusal->error << ": " << refusal->cause;
        return {};
    }
    return std::get<RequestParts>(result);
}

inline Refusal refused(const RequestResult& result) {
    if (const auto* refusal = std::get_if<Refusal>(&result)) return *refusal;
    ADD_FAILURE() << "not refused: " << std::get<RequestParts>(result).url;
    return {};
}

inline std::string header(const RequestParts& parts, std::string_view name) {
    for (const net::Header& field : parts.headers)
        if (field.first == name) return field.second;
    return "(none)";
}

inline net::Response answered(int status, std::string body, std::vector<net::Header> headers = {}) {
    net::Response response;
    response.status = status;
    response.status_text = status == 200 ? "OK" : "Trouble";
    response.body = std::move(body);
    response.headers = std::move(headers);
    return response;
}

inline net::Response failed(net::Failure failure, std::string message = "it failed") {
    net::Response response;
    response.failure = failure;
    response.message = std::move(message);
    return response;
}

inline std::string text_of(const TaskResult& result) {
    if (const auto* refusal = std::get_if<Refusal>(&result)) return refusal->error + ": " + refusal->cause;
    return json::dump(std::get<json::Value>(result));
}

inline Refusal failure(const TaskResult& result) {
    if (const auto* refusal = std::get_if<Refusal>(&result)) return *refusal;
    ADD_FAILURE() << "no failure: " << json::dump(std::get<json::Value>(result));
    return {};
}

}  // namespace flowctl::calls
