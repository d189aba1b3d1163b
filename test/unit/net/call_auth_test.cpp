// Proofs that calls carry instead of a token, through the Client to a server: keys, passwords, signatures;
// and that none of them comes back in an answer.
#include "net/proofs/call_auth.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>

#include "base/base64.hpp"
#include "net/client.hpp"
#include "net/crypto/crypto.hpp"
#include "net/crypto/encoding.hpp"
#include "net/proofs/session.hpp"
#include "test_server.hpp"

namespace flowctl::net::test {
namespace {

WebhookKeys webhook_keys(std::string_view file) {
    auto keys = read_webhook_keys(Secret(file));
    EXPECT_FALSE(std::holds_alternative<std::string>(keys)) << std::get<std::string>(keys);
    return {std::get<std::vector<Secret>>(std::move(keys))};
}

std::string header(const std::vector<Header>& headers, std::string_view name) {
    for (const Header& one : headers)
        if (one.first == name) return one.second;
    return {};
}

TEST(CallAuth, SignsWebhooksAsStandardWebhooksDoes) {
    // The example of the specification's reference implementations.
    const CallAuth auth = webhook_keys("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    Exchange exchange;
    exchange.body = R"({"test": 2432232314})";
    Redactor sent;
    prove(auth, nullptr, "msg_p5jXN8AQM9LWM0D4loKWxJek",
          std::chrono::system_clock::time_point(std::chrono::seconds(1614265330)), exchange, sent);
    EXPECT_EQ(header(exchange.headers, "webhook-id"), "msg_p5jXN8AQM9LWM0D4loKWxJek");
    EXPECT_EQ(header(exchange.headers, "webhook-timestamp"), "1614265330");
    EXPECT_EQ(header(exchange.headers, "webhook-signature"),
              "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST(CallAuth, EachWebhookKeySigns) {
    const CallAuth auth = webhook_keys(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\r\n\nwhsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n");
    Exchange exchange;
    Redactor sent;
    prove(auth, nullptr, "1", {}, exchange, sent);
    const std::string signatures = header(exchange.headers, "webhook-signature");
    EXPECT_EQ(std::count(signatures.begin(), signatures.end(), ' '), 1);
    std::string second;
    for (char c = 0; c < 32; c++)
        second += c;
    EXPECT_TRUE(signatures.ends_with(" v1," + base64_encode(hmac("SHA256", second, "1.0."))));
}

TEST(CallAuth, RefusesWebhookKeysThatAreNone) {
    for (const char* file : {"", "\n", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_AAAA",
                             "whsec_!!!!", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\nx"}) {
        const auto keys = read_webhook_keys(Secret(file));
        ASSERT_TRUE(std::holds_alternative<std::string>(keys)) << file;
        EXPECT_EQ(std::get<std::string>(keys).find("MfKQ"), std::string::npos);
    }
}

TEST(CallAuth, HeadersThatMayCarryAKey) {
    for (const char* name : {"X-Api-Key", "authorization", "ApiKey", "Ocp-Apim-Subscription-Key"})
        EXPECT_TRUE(may_carry_api_key(name)) << name;
    for (const char* name : {"", "Host", "Content-Length", "Idempotency-Key", "traceparent", "a b", "x:y",
                             "Cookie", "Proxy-Authorization", "x\r\ny"})
        EXPECT_FALSE(may_carry_api_key(name)) << name;
}

class Proofs : public ::testing::Test {
  protected:
    static Settings settings() {
        Settings out;
        out.egress_allow = "127.0.0.0/8, ::1";
        return out;
    }
    Request request(std::string url, CallAuth auth) {
        Request out;
        out.id = ++last_id_;
        out.run = "run-1";
        out.url = std::move(url);
        out.body = "{\"n\":1}";
        out.timeout = Seconds(15);
        out.auth = std::make_shared<CallAuth>(std::move(auth));
        out.message_id = "message-1";
        return out;
    }
    Response run(Request given) {
        const std::uint64_t id = given.id;
        client_.start(std::move(given));
        EXPECT_TRUE(pump_until(client_, [&] {
            while (auto response = client_.next_completed())
                responses_[response->id] = *std::move(response);
            return responses_.contains(id);
        }));
        return responses_[id];
    }
    // Everything that came in, back in the answer.
    static Reply echo(const Seen& seen) {
        Reply reply;
        reply.body = seen.target;
        for (const auto& [name, value] : seen.headers)
            reply.body += "\n" + name + ": " + value;
        return reply;
    }

    std::uint64_t last_id_ = 0;
    Client client_{settings()};
    std::map<std::uint64_t, Response> responses_;
};

TEST_F(Proofs, ApiKeyInAHeader) {
    TestServer server(echo);
    const Response response =
        run(request(server.url("/x"), ApiKey{"X-Api-Key", false, Secret("key-4711-secret")}));
    EXPECT_EQ(server.requests().front().header("x-api-key"), "key-4711-secret");
    EXPECT_EQ(response.body.find("key-4711-secret"), std::string::npos);
    EXPECT_NE(response.body.find("x-api-key: [redacted]"), std::string::npos);
}

TEST_F(Proofs, ApiKeyInTheQuery) {
    TestServer server(echo);
    const Response response =
        run(request(server.url("/x?a=1"), ApiKey{"key", true, Secret("s e/cret+4711")}));
    EXPECT_EQ(server.requests().front().target, "/x?a=1&key=s%20e%2Fcret%2B4711");
    EXPECT_EQ(response.body.substr(0, response.body.find('\n')), "/x?a=1&key=[redacted]");
}

TEST_F(Proofs, BasicLogin) {
    TestServer server(echo);
    const Response response = run(request(server.url("/x"), BasicLogin{"orders", Secret("pass:wörd-1")}));
    EXPECT_EQ(server.requests().front().header("authorization"),
              "Basic " + base64_encode("orders:pass:wörd-1"));
    EXPECT_EQ(response.body.find(base64_encode("orders:pass:wörd-1")), std::string::npos);
}

TEST_F(Proofs, HeadersOfTheProofMayNotBeSet) {
    TestServer server(echo);
    const auto refused = [&](CallAuth auth, std::string name) {
        Request given = request(server.url("/x"), std::move(auth));
        given.headers = {{std::move(name), "mine"}};
        return run(std::move(given)).failure == Failure::Refused;
    };
    EXPECT_TRUE(refused(ApiKey{"X-Api-Key", false, Secret("k")}, "x-api-KEY"));
    EXPECT_TRUE(refused(webhook_keys("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), "Webhook-Timestamp"));
    EXPECT_TRUE(refused(AwsSigning{{"r", "s"}, nullptr}, "X-Amz-Date"));
    EXPECT_TRUE(refused(BasicLogin{"u", Secret("p")}, "Authorization"));
    EXPECT_EQ(server.request_count(), 0u);
}

TEST_F(Proofs, AwsKeysOfAUserSign) {
    TestServer server(echo);
    AwsSigning signing{{"eu-central-1", "lambda"},
                       std::make_shared<const AwsKeys>(AwsKeys{"AKIDEXAMPLE", Secret("secret"), Secret()})};
    const Response response = run(request(server.url("/x"), std::move(signing)));
    EXPECT_EQ(response.status, 200);
    const Seen seen = server.requests().front();
    EXPECT_TRUE(seen.header("authorization").starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"));
    EXPECT_EQ(seen.header("x-amz-security-token"), "");
    EXPECT_EQ(seen.header("x-amz-date").size(), 16u);
}

// An STS that gives one session after another, or what `answer` holds.
class Sts {
  public:
    Sts() : server_(TestServer::Handler([this](const Seen& seen) { return reply(seen); })) {}
    std::shared_ptr<SessionRequest> request(std::optional<Seconds> lifetime = std::nullopt) const {
        auto out = std::make_shared<SessionRequest>();
        AwsRole role;
        role.sts_endpoint = server_.url("/");
        role.role_arn = "arn:aws:iam::123456789012:role/orders";
        role.session_lifetime = lifetime;
        out->what = role;
        out->token = TokenInput::held(std::make_shared<const Secret>("web-identity-token"));
        return out;
    }
    const TestServer& server() const { return server_; }
    std::optional<Reply> answer;
    std::string expiration = "2099-01-01T00:00:00Z";

  private:
    Reply reply(const Seen&) {
        const int number = ++given_;
        if (answer) return *answer;
        return {200,
                "<R xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><X><Credentials><AccessKeyId>ASIA" +
                    std::to_string(number) +
                    "</AccessKeyId><SecretAccessKey>very/secret</SecretAccessKey><SessionToken>" +
                    "session-token-" + std::to_string(number) + "</SessionToken><Expiration>" + expiration +
                    "</Expiration></Credentials></X></R>",
                {},
                "OK"};
    }
    std::atomic<int> given_ = 0;
    TestServer server_;
};

class Sessions : public Proofs {
  protected:
    Request signed_request(std::string url, std::optional<Seconds> lifetime = std::nullopt) {
        Request out = request(std::move(url), AwsSigning{{"eu-central-1", "sqs"}, nullptr});
        out.session = sts_.request(lifetime);
        return out;
    }
    Sts sts_;
};

TEST_F(Sessions, ARoleSessionSignsAndServesItsRun) {
    TestServer server(echo);
    Response response = run(signed_request(server.url("/x")));
    EXPECT_EQ(response.status, 200) << response.message;
    ASSERT_TRUE(response.token);
    EXPECT_EQ(response.token->fingerprint, "ASIA1");
    EXPECT_EQ(server.requests().front().header("x-amz-security-token"), "session-token-1");
    EXPECT_EQ(response.body.find("session-token-1"), std::string::npos);
    run(signed_request(server.url("/x")));
    EXPECT_EQ(sts_.server().request_count(), 1u);

    Request other = signed_request(server.url("/x"));
    other.run = "run-2";
    run(std::move(other));
    EXPECT_EQ(sts_.server().request_count(), 2u);
    client_.end_run("run-1");
    run(signed_request(server.url("/x")));
    EXPECT_EQ(sts_.server().request_count(), 3u);

    const std::string form = sts_.server().requests().front().body;
    EXPECT_NE(form.find("Action=AssumeRoleWithWebIdentity&Version=2011-06-15&"), std::string::npos);
    EXPECT_NE(form.find("&RoleSessionName=run-1&DurationSeconds=900&WebIdentityToken=web-identity-token"),
              std::string::npos);
    EXPECT_EQ(form.find("Policy"), std::string::npos);
    EXPECT_EQ(sts_.server().requests().front().header("authorization"), "");
}

TEST_F(Sessions, CallsAtTheSameTimeShareOne) {
    TestServer server(echo);
    for (int i = 0; i < 5; i++)
        client_.start(signed_request(server.url("/x")));
    std::size_t ended = 0;
    EXPECT_TRUE(pump_until(client_, [&] {
        while (client_.next_completed())
            ended++;
        return ended == 5;
    }));
    EXPECT_EQ(sts_.server().request_count(), 1u);
}

TEST_F(Sessions, APolicyEndsThem) {
    TestServer server(echo);
    const auto before = std::chrono::system_clock::now();
    const Response response = run(signed_request(server.url("/x"), Seconds(120)));
    const std::string form = sts_.server().requests().front().body;
    EXPECT_NE(form.find("&Policy=%7B%22Version%22"), std::string::npos) << form;
    ASSERT_TRUE(response.token);
    EXPECT_LE(response.token->expires_at, before + std::chrono::seconds(125));
    EXPECT_EQ(
        policy_until(std::chrono::system_clock::time_point(std::chrono::seconds(1440938160))),
        R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":)"
        R"({"DateLessThan":{"aws:CurrentTime":"2015-08-30T12:36:00Z"}}}]})");
}

TEST_F(Sessions, AnExpiredOneIsReplacedOnce) {
    std::atomic<int> calls = 0;
    TestServer server([&](const Seen&) -> Reply {
        if (++calls == 1)
            return {403, R"({"__type":"ExpiredTokenException","message":"expired"})", {}, "Forbidden"};
        return {200, "{}", {}, "OK"};
    });
    const Response response = run(signed_request(server.url("/x")));
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.sends, 2);
    EXPECT_EQ(sts_.server().request_count(), 2u);
    EXPECT_EQ(server.requests().back().header("x-amz-security-token"), "session-token-2");
    EXPECT_EQ(server.requests().back().body, "{\"n\":1}");
    EXPECT_NE(server.requests().front().header("authorization"),
              server.requests().back().header("authorization"));
}

// A service says that a session is over with 401, or with 400 or 403 and a code in a header or in the body; with
// another status the text is part of an answer.
TEST_F(Sessions, WhatSaysThatASessionIsOver) {
    struct Case {
        int status;
        const char* body;
        const char* type;
        int sends;
    };
    const Case cases[] = {
        {400, R"({"__type":"ExpiredTokenException"})", "", 2},
        {403, "<Code>ExpiredToken</Code>", "", 2},
        {400, "{}", "ExpiredTokenException:http://x", 2},
        {401, "{}", "", 2},
        {403, "{}", "AccessDeniedException", 1},
        {404, R"({"__type":"ExpiredTokenException"})", "", 1},
        {402, "ExpiredToken", "ExpiredToken", 1},
        {500, "ExpiredToken", "", 1},
    };
    for (const Case& one : cases) {
        TestServer server([&](const Seen&) -> Reply {
            return {one.status, one.body, {{"x-amzn-errortype", one.type}}, "No"};
        });
        Request given = signed_request(server.url("/x"));
        given.run = "run-" + std::to_string(last_id_);
        const Response response = run(std::move(given));
        EXPECT_EQ(response.sends, one.sends) << one.status << " " << one.body;
        EXPECT_EQ(response.status, one.status);
    }
}

// What came unasked on a connection reaches only the same role again.
TEST_F(Sessions, RolesDoNotShareConnections) {
    TestServer server(echo);
    run(signed_request(server.url("/x")));
    run(signed_request(server.url("/x")));
    EXPECT_EQ(server.connections(), 1);
    Request other = signed_request(server.url("/x"));
    auto session = std::make_shared<SessionRequest>(*other.session);
    std::get<AwsRole>(session->what).role_arn = "arn:aws:iam::123456789012:role/billing";
    other.session = session;
    run(std::move(other));
    EXPECT_EQ(server.connections(), 2);
}

// Whoever waits for a session may be cancelled; the last one takes the request with him.
TEST_F(Sessions, NobodyWaitsAnyMore) {
    TestServer server(echo);
    TestServer silent([](const Seen&, Connection& connection) { connection.wait_for_close(); });
    const auto start = [&](const std::string& run) {
        Request given = signed_request(server.url("/x"));
        auto session = std::make_shared<SessionRequest>(*given.session);
        std::get<AwsRole>(session->what).sts_endpoint = silent.url("/");
        given.session = session;
        given.run = run;
        client_.start(std::move(given));
        return last_id_;
    };
    const std::uint64_t first = start("run-1");
    const std::uint64_t second = start("run-1");
    start("run-2");
    ASSERT_TRUE(pump_until(client_, [&] { return silent.request_count() == 2; }));
    client_.cancel(first);
    EXPECT_FALSE(pump_until(
        client_, [&] { return silent.open_connections() < 2; }, std::chrono::milliseconds(200)))
        << "the second one still waits";
    client_.cancel(second);
    EXPECT_TRUE(pump_until(client_, [&] { return silent.open_connections() == 1; }));
    client_.end_run("run-2");
    EXPECT_TRUE(pump_until(client_, [&] { return silent.open_connections() == 0; }));
    EXPECT_EQ(server.request_count(), 0u);
}

TEST_F(Sessions, ARefusalSaysWhyAndNothingIsSent) {
    TestServer server(echo);
    sts_.answer =
        Reply{400,
              "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidIdentityToken</Code><Message>No "
              "OpenIDConnect provider for web-identity-token</Message></Error></ErrorResponse>",
              {},
              "Bad Request"};
    const Response response = run(signed_request(server.url("/x")));
    EXPECT_EQ(response.failure, Failure::Credential);
    EXPECT_TRUE(response.credential_permanent);
    EXPECT_NE(response.message.find("role arn:aws:iam::123456789012:role/orders"), std::string::npos);
    EXPECT_NE(response.message.find("InvalidIdentityToken"), std::string::npos) << response.message;
    EXPECT_EQ(response.message.find("web-identity-token"), std::string::npos) << response.message;
    EXPECT_EQ(server.request_count(), 0u);
    EXPECT_EQ(sts_.server().request_count(), 1u);
}

TEST_F(Sessions, AnswersThatCannotBeUsed) {
    TestServer server(echo);
    for (const char* body :
         {"", "{}", "<a/>", "<a><Credentials><AccessKeyId>A</AccessKeyId></Credentials></a>"}) {
        sts_.answer = Reply{200, body, {}, "OK"};
        EXPECT_EQ(run(signed_request(server.url("/x"))).failure, Failure::Credential) << body;
    }
    sts_.answer.reset();
    sts_.expiration = "2001-01-01T00:00:00Z";
    const Response late = run(signed_request(server.url("/x")));
    EXPECT_EQ(late.failure, Failure::Credential);
    EXPECT_NE(late.message.find("is the clock right?"), std::string::npos);
    EXPECT_EQ(server.request_count(), 0u);
}

TEST_F(Sessions, ABusyServiceIsAskedAgain) {
    TestServer server(echo);
    std::atomic<int> asked = 0;
    TestServer sts([&](const Seen&) -> Reply {
        if (++asked < 3) return {503, "", {}, "Service Unavailable"};
        return {
            200,
            "<a><Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t"
            "</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></a>",
            {},
            "OK"};
    });
    Request given = signed_request(server.url("/x"));
    auto session = sts_.request();
    std::get<AwsRole>(session->what).sts_endpoint = sts.url("/");
    given.session = session;
    EXPECT_EQ(run(std::move(given)).status, 200);
    EXPECT_EQ(asked, 3);
}

TEST_F(Sessions, AServiceAccountOfGoogle) {
    TestServer server(echo);
    TestServer iam([](const Seen&) -> Reply {
        return {200,
                R"({"accessToken":"ya29.service-account-token","expireTime":"2099-01-01T00:00:00Z"})",
                {},
                "OK"};
    });
    auto session = std::make_shared<SessionRequest>();
    GcpAccount account;
    account.iam_endpoint = iam.origin();
    account.email = "orders@project.iam.gserviceaccount.com";
    account.scope = "https://www.googleapis.com/auth/cloud-platform b";
    account.lifetime_seconds = 600;
    session->what = account;
    session->token = TokenInput::held(std::make_shared<const Secret>("federated-token"));
    Request given = request(server.url("/x"), {});
    given.session = session;
    const Response response = run(std::move(given));
    EXPECT_EQ(response.status, 200) << response.message;
    EXPECT_EQ(server.requests().front().header("authorization"), "Bearer ya29.service-account-token");
    EXPECT_EQ(response.body.find("ya29.service-account-token"), std::string::npos);
    const Seen asked = iam.requests().front();
    EXPECT_EQ(asked.target,
              "/v1/projects/-/serviceAccounts/orders%40project.iam.gserviceaccount.com:generateAccessToken");
    EXPECT_EQ(asked.header("authorization"), "Bearer federated-token");
    EXPECT_EQ(asked.body,
              R"({"scope":["https://www.googleapis.com/auth/cloud-platform","b"],"lifetime":"600s"})");
}

TEST(SessionTimes, AreReadAsCloudsWriteThem) {
    const auto seconds = [](std::string_view text) {
        const auto time = read_utc_time(text);
        return time ? std::chrono::system_clock::to_time_t(*time) : -1;
    };
    EXPECT_EQ(seconds("2015-08-30T12:36:00Z"), 1440938160);
    EXPECT_EQ(seconds("2015-08-30T12:36:00.123Z"), 1440938160);
    // As far as the clock reaches: some clouds write the year 9999 for "never".
    for (const char* text : {"9999-12-31T23:59:59Z", "2300-01-01T00:00:00Z", "2255-03-14T16:00:01Z"}) {
        EXPECT_EQ(seconds(text), 9'000'000'000) << text;
        EXPECT_GT(*read_utc_time(text), std::chrono::system_clock::now()) << text;
    }
    EXPECT_EQ(seconds("2255-03-14T15:59:59Z"), 8'999'999'999);
    for (const char* text :
         {"", "2015-08-30", "2015-08-30T12:36:00", "2015-13-30T12:36:00Z", "2015-08-30T25:36:00Z",
          "2015-08-30 12:36:00Z", "2015-08-30T12:36:00+00:00", "x015-08-30T12:36:00Z"})
        EXPECT_EQ(seconds(text), -1) << text;
}

}  // namespace
}  // namespace flowctl::net::test
