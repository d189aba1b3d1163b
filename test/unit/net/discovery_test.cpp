// Discovery: where the document is, what it may say, how long it is kept.
#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "net/tokens/discovery.hpp"
#include "token_test_support.hpp"

namespace flowctl::net::test {
namespace {

Issuer issuer(const std::string& url, Discovery discovery = Discovery::Oidc) {
    Issuer out;
    out.url = url;
    out.discovery = discovery;
    return out;
}

std::string where(const std::string& url, Discovery discovery) {
    const auto result = discovery_url(issuer(url, discovery));
    return result.index() == 0 ? std::get<0>(result) : "";
}

TEST(DiscoveryUrl, OidcAppends) {
    const auto oidc = [](const char* url) { return where(url, Discovery::Oidc); };
    EXPECT_EQ(oidc("https://idp.example"), "https://idp.example/.well-known/openid-configuration");
    EXPECT_EQ(oidc("https://idp.example/"), "https://idp.example/.well-known/openid-configuration");
    EXPECT_EQ(oidc("https://idp.example/realms/a"),
              "https://idp.example/realms/a/.well-known/openid-configuration");
    EXPECT_EQ(oidc("https://idp.example:8443/t/"),
              "https://idp.example:8443/t/.well-known/openid-configuration");
}

TEST(DiscoveryUrl, OAuthInserts) {
    const auto oauth = [](const char* url) { return where(url, Discovery::OAuth); };
    EXPECT_EQ(oauth("https://idp.example"), "https://idp.example/.well-known/oauth-authorization-server");
    EXPECT_EQ(oauth("https://idp.example/"), "https://idp.example/.well-known/oauth-authorization-server");
    EXPECT_EQ(oauth("https://idp.example:8443/realms/a"),
              "https://idp.example:8443/.well-known/oauth-authorization-server/realms/a");
}

TEST(DiscoveryUrl, RefusesWhatIsNoIssuer) {
    for (const char* url : {"", "idp.example", "ftp://idp.example", "https://", "https://user@idp.example",
                            "https://idp.example?x=1", "https://idp.example/#f", "file:///etc/passwd"}) {
        EXPECT_EQ(where(url, Discovery::Oidc), "") << url;
    }
}

std::string document(const std::string& endpoint, const std::string& name = "https://idp.example/t") {
    return R"({"issuer":")" + name + R"(","token_endpoint":")" + endpoint + "\"}";
}

std::string endpoint_fault(const std::string& endpoint, const std::string& of = "https://idp.example/t") {
    const auto result = read_discovery(issuer(of), document(endpoint, of));
    if (const auto* message = std::get_if<std::string>(&result)) return *message;
    EXPECT_EQ(std::get<Endpoints>(result).token, endpoint);
    return "";
}

TEST(DiscoveryDocument, EndpointsOfRealIssuersPass) {
    EXPECT_EQ(endpoint_fault("https://idp.example/t/token"), "");
    EXPECT_EQ(endpoint_fault("https://idp.example:8443/token"), "");
    EXPECT_EQ(endpoint_fault("https://oauth2.googleapis.com/token", "https://accounts.google.com"), "");
    EXPECT_EQ(endpoint_fault("http://127.0.0.1:3000/token", "http://127.0.0.1:3000"), "");
    EXPECT_EQ(endpoint_fault("https://10.1.2.3/token", "https://10.1.2.3"), "");
}

TEST(DiscoveryDocument, EndpointsThatLeadAstray) {
    for (const char* endpoint :
         {"http://idp.example/token", "http://127.0.0.1/token", "https://127.0.0.1/token",
          "https://[::1]/token", "https://169.254.169.254/token", "https://0x7f000001/token",
          "https://2130706433/token", "https://localhost/token", "https://metadata/token",
          "https://other.example:8443/token", "ftp://idp.example/token", "/token", "",
          "https://user:pw@idp.example/token", "https://idp.example/token#x", "file:///etc/passwd",
          "https://idp.example /token", "javascript:alert(1)"}) {
        EXPECT_NE(endpoint_fault(endpoint), "") << endpoint;
    }
    EXPECT_NE(endpoint_fault("http://127.0.0.1:3001/token", "http://127.0.0.1:3000"), "") << "another origin";
}

TEST(DiscoveryDocument, IssuerIsComparedByteForByte) {
    for (const char* name :
         {"https://idp.example/t/", "https://idp.example/T", "https://IDP.example/t",
          "https://idp.example:443/t", "https://idp.example", "https://evil.example/t", ""}) {
        const auto result =
            read_discovery(issuer("https://idp.example/t"), document("https://idp.example/token", name));
        EXPECT_EQ(result.index(), 1u) << name;
    }
}

TEST(DiscoveryDocument, MalformedOnes) {
    for (const std::string text :
         {"", "[]", "<html>", "{}", R"({"issuer":"https://idp.example/t"})",
          R"({"token_endpoint":"https://idp.example/token"})",
          R"({"issuer":["https://idp.example/t"],"token_endpoint":"https://idp.example/token"})",
          R"({"issuer":"https://idp.example/t","token_endpoint":7})",
          R"({"issuer":"https://idp.example/t","issuer":"https://idp.example/t",)"
          R"("token_endpoint":"https://idp.example/token"})"}) {
        EXPECT_EQ(read_discovery(issuer("https://idp.example/t"), text).index(), 1u) << text;
    }
}

TEST(DiscoveryDocument, GivenEndpointsWin) {
    Issuer given = issuer("https://idp.example/t");
    given.revocation_endpoint = "http://10.0.0.1/given";
    const auto result = read_discovery(given, document("https://idp.example/token"));
    ASSERT_EQ(result.index(), 0u);
    EXPECT_EQ(std::get<Endpoints>(result).token, "https://idp.example/token");
    EXPECT_EQ(std::get<Endpoints>(result).revocation, "http://10.0.0.1/given");
}

TEST(DiscoveryDocument, ABadRevocationEndpointIsNone) {
    const auto result =
        read_discovery(issuer("https://idp.example"),
                       R"({"issuer":"https://idp.example","token_endpoint":"https://idp.example/token",)"
                       R"("revocation_endpoint":"http://idp.example/revoke"})");
    ASSERT_EQ(result.index(), 0u);
    EXPECT_EQ(std::get<Endpoints>(result).revocation, "");
}

TEST(DiscoveryDocument, WhereTheKeysAre) {
    const auto found = [](const std::string& members, const std::string& name = "https://idp.example/t") {
        return read_key_set_url(issuer("https://idp.example/t"),
                                R"({"issuer":")" + name + "\"" + members + "}");
    };
    const auto given = [&](const std::string& url) { return found(R"(,"jwks_uri":")" + url + "\""); };
    for (const std::string url :
         {"https://idp.example/keys", "https://idp.example:8443/keys", "https://keys.example.org/v3"}) {
        const auto result = given(url);
        ASSERT_EQ(result.index(), 0u) << std::get<1>(result);
        EXPECT_EQ(std::get<0>(result), url);
    }
    for (const std::string url :
         {"http://idp.example/keys", "https://10.0.0.5/keys", "https://localhost/keys",
          "https://keys.example.org:8443/v3", "file:///etc/passwd", ""})
        EXPECT_EQ(given(url).index(), 1u) << url;
    EXPECT_EQ(std::get<1>(found("")), "its discovery document names no jwks_uri");
    EXPECT_EQ(found(R"(,"jwks_uri":7)").index(), 1u);
    EXPECT_NE(std::get<1>(found(R"(,"jwks_uri":"https://idp.example/keys")", "https://idp.example"))
                  .find("of another issuer"),
              std::string::npos);
    EXPECT_EQ(read_key_set_url(issuer("https://idp.example/t"), "[]").index(), 1u);
}

TEST(Discovery, IssuerWithAPathIsFoundByBothRules) {
    FakeIssuer idp("/realms/one");
    TokenLoop loop;
    EXPECT_EQ(text_of(loop.get(idp.credential())), "token-1-visible");
    EXPECT_EQ(idp.server().request_count("/realms/one/.well-known/openid-configuration"), 1u);

    idp.on_discovery([&](const Seen& seen) {
        return seen.path() == "/.well-known/oauth-authorization-server/realms/one"
                   ? FakeIssuer::json(idp.metadata())
                   : Reply{404, "", {}, "No"};
    });
    Credential credential = idp.credential();
    credential.issuer.discovery = Discovery::OAuth;
    EXPECT_EQ(text_of(loop.get(credential)), "token-2-visible");
}

TEST(Discovery, OneFetchForManyAndKeptForAWhile) {
    FakeIssuer idp;
    std::promise<void> open;
    const std::shared_future<void> gate = open.get_future().share();
    idp.on_discovery([&, gate](const Seen&) {
        gate.wait();
        return FakeIssuer::json(idp.metadata());
    });
    TokenLoop loop;
    std::vector<std::uint64_t> asked;
    for (int i = 0; i < 20; ++i)
        asked.push_back(loop.ask(idp.credential(), "run-" + std::to_string(i)));
    loop.settle();
    open.set_value();
    for (const auto id : asked)
        EXPECT_TRUE(loop.wait(id).token);
    const auto fetches = [&] { return idp.server().request_count("/.well-known/openid-configuration"); };
    EXPECT_EQ(fetches(), 1u);
    loop.pass(Seconds(590));
    EXPECT_TRUE(loop.get(idp.credential(), "later").token);
    EXPECT_EQ(fetches(), 1u);
    loop.pass(Seconds(20));
    EXPECT_TRUE(loop.get(idp.credential(), "much later").token);
    EXPECT_EQ(fetches(), 2u);

    // What one role fetched, or by one CA, does not answer for another.
    EXPECT_TRUE(loop.wait(loop.ask(idp.credential(), "run", Seconds(15), "another role")).token);
    EXPECT_EQ(fetches(), 3u);
}

TEST(Discovery, AHangingFetchHoldsUpOnlyWhoIsAsPatient) {
    FakeIssuer idp;
    std::promise<void> open;
    const std::shared_future<void> gate = open.get_future().share();
    std::atomic<int> fetches = 0;
    idp.on_discovery([&, gate](const Seen&) {
        if (++fetches == 1) gate.wait();
        return FakeIssuer::json(idp.metadata());
    });
    TokenLoop loop;
    Credential patient = idp.credential();
    patient.issuer.timeout = Seconds(100);
    const auto first = loop.ask(patient, "patient", Seconds(100));
    while (fetches == 0)
        loop.settle();
    EXPECT_TRUE(loop.get(idp.credential(), "hasty").token);
    EXPECT_FALSE(loop.answers.contains(first));
    open.set_value();
    EXPECT_TRUE(loop.wait(first).token);
}

TEST(Discovery, GivenEndpointsNeedNoDocument) {
    FakeIssuer idp;
    TokenLoop loop;
    Credential credential = idp.credential();
    credential.issuer.token_endpoint = idp.url("/token");
    EXPECT_TRUE(loop.get(credential).token);
    credential.issuer.discovery = Discovery::None;
    EXPECT_TRUE(loop.get(credential).token);
    EXPECT_EQ(idp.server().request_count("/.well-known/openid-configuration"), 0u);

    credential.issuer.token_endpoint.clear();
    const TokenResult result = loop.get(credential);
    EXPECT_TRUE(result.permanent);
    EXPECT_NE(result.message.find("no token endpoint"), std::string::npos) << result.message;
}

TEST(Discovery, WrongDocumentsEndPermanentlyAndAreAskedForAgainLater) {
    FakeIssuer idp;
    TokenLoop loop;
    const std::string other =
        R"({"issuer":"https://evil.example","token_endpoint":")" + idp.url("/token") + "\"}";
    const std::vector<Reply> wrong{
        FakeIssuer::json(other),
        FakeIssuer::json("{"),
        {404, "", {}, "Not Found"},
        {302, "", {{"Location", idp.url("/elsewhere")}}, "Found"},
        {307, "", {{"Location", idp.url("/token")}}, "Found"},
    };
    for (const Reply& reply : wrong) {
        idp.on_discovery([reply](const Seen&) { return reply; });
        const std::size_t before = idp.server().request_count();
        for (int i = 0; i < 3; ++i) {
            const TokenResult result = loop.get(idp.credential(), "run-" + std::to_string(i));
            EXPECT_FALSE(result.token);
            EXPECT_TRUE(result.permanent) << result.message;
        }
        EXPECT_EQ(idp.server().request_count(), before + 1);
        EXPECT_EQ(idp.token_requests(), 0u);
        loop.pass(Seconds(25));
    }
    idp.on_discovery(nullptr);
    EXPECT_TRUE(loop.get(idp.credential()).token);
}

TEST(Discovery, AnEncodingThatNobodyAskedForIsNamed) {
    FakeIssuer idp;
    TokenLoop loop;
    idp.on_discovery([](const Seen&) {
        return Reply{
            200, "\x1f\x8b\x08", {{"Content-Type", "application/json"}, {"Content-Encoding", "gzip"}}, "OK"};
    });
    const TokenResult result = loop.get(idp.credential());
    EXPECT_NE(result.message.find("its discovery document is encoded (gzip), which was not asked for"),
              std::string::npos)
        << result.message;
}

TEST(Discovery, OversizedDocuments) {
    FakeIssuer idp;
    TokenLoop loop;
    idp.on_discovery(
        [&](const Seen&) { return FakeIssuer::json(R"({"x":")" + std::string(1 << 20, 'x') + "\"}"); });
    const TokenResult result = loop.get(idp.credential());
    EXPECT_FALSE(result.token);
    EXPECT_LE(idp.server().request_count(), 2u);
    EXPECT_EQ(idp.token_requests(), 0u);
}

TEST(Discovery, TransientFailuresAreTriedAgain) {
    FakeIssuer idp;
    std::atomic<int> asked = 0;
    idp.on_discovery([&](const Seen&) {
        return ++asked < 3 ? Reply{502, "", {}, "Bad"} : FakeIssuer::json(idp.metadata());
    });
    TokenLoop loop;
    EXPECT_TRUE(loop.get(idp.credential()).token);
    EXPECT_EQ(asked, 3);
}

TEST(Discovery, APauseThatTheIssuerAsksFor) {
    FakeIssuer idp;
    idp.on_discovery([](const Seen&) { return Reply{503, "", {{"Retry-After", "30"}}, "Busy"}; });
    TokenLoop loop;
    for (int i = 0; i < 3; ++i) {
        const TokenResult result = loop.get(idp.credential(), "run-" + std::to_string(i));
        EXPECT_FALSE(result.permanent);
        ASSERT_TRUE(result.retry_after) << result.message;
        EXPECT_NEAR(result.retry_after->count(), 30, 3);
    }
    EXPECT_EQ(idp.server().request_count(), 1u);
}

}  // namespace
}  // namespace flowctl::net::test
