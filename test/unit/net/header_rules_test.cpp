// Methods and headers: nothing gets through that could become a second header or request.
#include "net/http/header_rules.hpp"

#include <gtest/gtest.h>

namespace flowctl::net {
namespace {

bool refused(std::string name, std::string value) {
    return objection_to_headers({{std::move(name), std::move(value)}}).has_value();
}

TEST(HeaderRules, Allowed) {
    EXPECT_FALSE(refused("Content-Type", "application/json; charset=utf-8"));
    EXPECT_FALSE(refused("X-A!#$%&'*+.^_`|~9", "tab\tand \"quotes\" and \u00fc"));
    EXPECT_FALSE(refused("X-Empty", ""));
    EXPECT_FALSE(refused("Authorization", "Basic abc"))
        << "the dispatcher carries it; the client refuses its caller's";
}

TEST(HeaderRules, InjectionIsRefused) {
    for (const char* value : {"a\r\nX: y", "a\nb", "a\rb", "\n", "a\x01", "a\x7f", "\x1b[0m"})
        EXPECT_TRUE(refused("X-A", value)) << value;
    EXPECT_TRUE(refused("X-A", std::string("a\0b", 3)));
    for (const char* name :
         {"", " ", "X A", "X:", "X\r\nY", "X\n", "X\"", "(X)", "X/Y", "X;", "\u00fc", ":path", "X@Y", "{X}"})
        EXPECT_TRUE(refused(name, "v")) << name;
    EXPECT_TRUE(refused(std::string("X\0Y", 3), "v"));
}

TEST(HeaderRules, FramingIsNotTheCallers) {
    for (const char* name :
         {"Host", "content-length", "Transfer-Encoding", "CONNECTION", "Upgrade", "TE", "Trailer",
          "Keep-Alive", "Expect", "Proxy-Authorization", "proxy-connection", "HTTP2-Settings"})
        EXPECT_TRUE(refused(name, "x")) << name;
}

// CGI and its successors read '_' and '-' as the same.
TEST(HeaderRules, NamesThatAServerReadsAsOnesThatAreNotTheCallers) {
    for (const char* name :
         {"Content_Length", "transfer_encoding", "Keep_Alive", "proxy_authorization", "HTTP2_Settings"})
        EXPECT_TRUE(refused(name, "x")) << name;
    for (const char* name : {"Content_Type", "X_Api_Key", "Hosts", "_host", "proxyx"})
        EXPECT_FALSE(refused(name, "x")) << name;
    EXPECT_TRUE(reads_as("X_a-B", "x-A_b"));
    EXPECT_FALSE(reads_as("x-a", "xa"));
    EXPECT_FALSE(reads_as("x-", "x"));
    EXPECT_TRUE(begins_as("FLOWCTL_lease", "flowctl-"));
    EXPECT_FALSE(begins_as("flowctl", "flowctl-"));
    EXPECT_FALSE(same_name("X_A", "X-A"));
}

TEST(HeaderRules, MessagesNeverHoldTheValue) {
    const auto message = objection_to_headers({{"X-A", "hunter2\n"}});
    ASSERT_TRUE(message);
    EXPECT_EQ(message->find("hunter2"), std::string::npos);
    EXPECT_NE(message->find("X-A"), std::string::npos);
}

TEST(HeaderRules, Bounded) {
    EXPECT_TRUE(objection_to_headers(std::vector<Header>(201, {"X", "y"})));
    EXPECT_FALSE(objection_to_headers(std::vector<Header>(200, {"X", "y"})));
    EXPECT_TRUE(refused("X", std::string(65536, 'x')));
}

TEST(HeaderRules, Methods) {
    for (const char* method : {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "REPORT"})
        EXPECT_FALSE(objection_to_method(method)) << method;
    for (const char* method : {"", "GET ", "G ET", "GET\r\n", "CONNECT", "TRACE", "connect", "G\u00cbT"})
        EXPECT_TRUE(objection_to_method(method)) << method;
    EXPECT_TRUE(objection_to_method(std::string(33, 'A')));
}

}  // namespace
}  // namespace flowctl::net
