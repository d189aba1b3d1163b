// The end of a run: its tokens are forgotten, revoked as the client that got them, and each gives one
// receipt.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <set>

#include "jose_test_support.hpp"
#include "token_test_support.hpp"

namespace flowctl::net::test {
namespace {

TEST(EndRun, RevokesEveryLiveTokenOfTheRunOnly) {
    FakeIssuer idp;
    TokenLoop loop;
    EXPECT_EQ(text_of(loop.get(idp.credential("a"))), "token-1-visible");
    EXPECT_EQ(text_of(loop.get(idp.credential("b"))), "token-2-visible");
    const TokenResult other = loop.get(idp.credential("a"), "run-2");
    loop.end_run("run-1");
    std::set<std::string> fingerprints;
    for (const Revocation& receipt : loop.revocations(2)) {
        EXPECT_TRUE(receipt.revoked) << receipt.message;
        EXPECT_EQ(receipt.run, "run-1");
        EXPECT_EQ(receipt.message, "");
        EXPECT_LT(std::chrono::system_clock::now() - receipt.at, std::chrono::seconds(30));
        fingerprints.insert(receipt.fingerprint);
    }
    EXPECT_EQ(fingerprints.size(), 2u);
    EXPECT_FALSE(fingerprints.contains(other.token->info.fingerprint));
    std::set<std::string> revoked;
    for (const Form& form : idp.forms("/revoke")) {
        EXPECT_EQ(form.at("token_type_hint"), "access_token");
        EXPECT_EQ(form.size(), 2u);
        revoked.insert(form.at("token"));
    }
    EXPECT_EQ(revoked, (std::set<std::string>{"token-1-visible", "token-2-visible"}));
    EXPECT_EQ(idp.server().requests().back().header("authorization").substr(0, 6), "Basic ");

    EXPECT_EQ(text_of(loop.get(idp.credential("a"), "run-2")), text_of(other));
    EXPECT_EQ(text_of(loop.get(idp.credential("a"))), "token-4-visible")
        << "a run that begins again has its own";
    loop.end_run("run-1");
    loop.end_run("never seen");
    EXPECT_EQ(loop.revocations(3).size(), 3u);
}

TEST(EndRun, AlsoTokensThatWereDroppedReplacedOrRefused) {
    FakeIssuer idp;
    TokenLoop loop;
    const TokenResult first = loop.get(idp.credential());
    loop.source.drop(idp.credential(), "run-1", first.token->generation);
    loop.get(idp.credential());
    loop.pass(Seconds(3580));  // within the margin: replaced, not yet ended
    loop.get(idp.credential());
    idp.on_token([&](const Seen&) { return idp.mint(R"(,"scope":"less")"); });
    EXPECT_FALSE(loop.get(idp.credential("less more")).token);
    loop.end_run("run-1");
    loop.revocations(4);
    loop.settle();
    EXPECT_EQ(loop.receipts.size(), 4u);
    EXPECT_EQ(idp.server().request_count("/revoke"), 4u);
}

TEST(EndRun, TokensThatEndedAreForgotten) {
    FakeIssuer idp;
    TokenLoop loop;
    loop.get(idp.credential());
    loop.pass(Seconds(3601));
    loop.end_run("run-1");
    loop.settle();
    EXPECT_TRUE(loop.receipts.empty());
    EXPECT_EQ(idp.server().request_count("/revoke"), 0u);
}

TEST(EndRun, ATokenThatArrivesLaterIsRevokedAtOnce) {
    FakeIssuer idp;
    std::promise<void> open;
    const std::shared_future<void> gate = open.get_future().share();
    std::atomic<int> asked = 0;
    idp.on_token([&, gate](const Seen&) {
        if (++asked == 1) gate.wait();
        return idp.mint();
    });
    TokenLoop loop;
    const auto first = loop.ask(idp.credential());
    ASSERT_TRUE(pump_until(loop.dispatcher, [&] { return asked == 1; }));
    loop.end_run("run-1");
    // The run begins again: what is asked now is not answered by the old request.
    const TokenResult again = loop.get(idp.credential());
    EXPECT_TRUE(again.token);
    open.set_value();
    loop.revocations(1);
    loop.settle();
    ASSERT_EQ(loop.receipts.size(), 1u);
    EXPECT_TRUE(loop.receipts[0].revoked);
    EXPECT_NE(loop.receipts[0].fingerprint, again.token->info.fingerprint);
    EXPECT_NE(idp.forms("/revoke").at(0).at("token"), text_of(again));
    EXPECT_FALSE(loop.answers.contains(first)) << "a wait of an ended run is not answered";
    EXPECT_EQ(text_of(loop.get(idp.credential())), text_of(again));
}

TEST(EndRun, AWaitThatHasNotLeftIsGivenUp) {
    FakeIssuer idp;
    TokenLoop loop;
    loop.ask(idp.credential());
    loop.end_run("run-1");
    loop.settle();
    EXPECT_TRUE(loop.answers.empty());
    EXPECT_EQ(idp.token_requests(), 0u);
}

TEST(EndRun, RevokesWithAFreshAssertion) {
    const Key key = ec_key("P-256");
    FakeIssuer idp;
    TokenLoop loop;
    Credential credential = idp.credential();
    credential.client.method = AuthMethod::PrivateKeyJwt;
    credential.client.private_key = Secret(private_pem(key));
    loop.get(credential);
    loop.end_run("run-1");
    EXPECT_TRUE(loop.revocations(1)[0].revoked);
    const auto minted = check_jwt(idp.forms("/token").at(0).at("client_assertion"), key, "ES256");
    const auto revoked = check_jwt(idp.forms("/revoke").at(0).at("client_assertion"), key, "ES256");
    ASSERT_TRUE(minted && revoked);
    EXPECT_NE(minted->claims.string("jti"), revoked->claims.string("jti"));
    EXPECT_EQ(revoked->claims.string("aud"), idp.identifier());
}

TEST(EndRun, ReceiptsSayWhyNot) {
    FakeIssuer idp;
    const auto receipt_for = [&](Reply reply) {
        idp.on_revoke([reply](const Seen&) { return reply; });
        TokenLoop loop;
        EXPECT_TRUE(loop.get(idp.credential()).token);
        loop.end_run("run-1");
        const Revocation receipt = loop.revocations(1)[0];
        EXPECT_FALSE(receipt.revoked);
        EXPECT_EQ(receipt.message.find("-visible"), std::string::npos) << receipt.message;
        EXPECT_EQ(receipt.message.find("open-sesame-57"), std::string::npos) << receipt.message;
        return receipt.message;
    };
    std::size_t before = idp.server().request_count("/revoke");
    EXPECT_NE(receipt_for(FakeIssuer::json(R"({"error":"unsupported_token_type"})", 400))
                  .find("cannot revoke this kind"),
              std::string::npos);
    EXPECT_EQ(idp.server().request_count("/revoke"), ++before) << "not worth a retry";
    EXPECT_NE(receipt_for(FakeIssuer::json(
                              R"({"error":"invalid_client","error_description":"no open-sesame-57"})", 401))
                  .find("invalid_client"),
              std::string::npos);
    EXPECT_EQ(idp.server().request_count("/revoke"), ++before);
    EXPECT_NE(receipt_for(FakeIssuer::json(R"({"error":"unsupported_token_type"})", 200))
                  .find("cannot revoke this kind"),
              std::string::npos)
        << "a refusal that says success";
    EXPECT_NE(receipt_for({202, "", {}, "Accepted"}).find("202"), std::string::npos) << "it may live on";
    receipt_for({400, "token-1-visible token-2-visible", {}, "Bad"});
    EXPECT_NE(receipt_for({503, "", {{"Retry-After", "600"}}, "Busy"}).find("503"), std::string::npos);
    idp.on_discovery([&](const Seen&) {
        return FakeIssuer::json(R"({"issuer":")" + idp.identifier() + R"(","token_endpoint":")" +
                                idp.url("/token") + "\"}");
    });
    EXPECT_NE(receipt_for({200, "", {}, "OK"}).find("no revocation endpoint"), std::string::npos);
}

TEST(EndRun, NoContentIsASuccessToo) {
    FakeIssuer idp;
    idp.on_revoke([](const Seen&) { return Reply{204, "", {}, "No Content"}; });
    TokenLoop loop;
    loop.get(idp.credential());
    loop.end_run("run-1");
    EXPECT_TRUE(loop.revocations(1)[0].revoked);
}

TEST(EndRun, TransientFailuresAreTriedAgain) {
    FakeIssuer idp;
    std::atomic<int> asked = 0;
    idp.on_revoke([&](const Seen&) {
        return ++asked < 2 ? Reply{502, "", {}, "Bad"} : Reply{200, "", {}, "OK"};
    });
    TokenLoop loop;
    loop.get(idp.credential());
    loop.end_run("run-1");
    EXPECT_TRUE(loop.revocations(1)[0].revoked);
    EXPECT_EQ(asked, 2);
}

TEST(EndRun, GivenRevocationEndpointWithoutDiscovery) {
    FakeIssuer idp;
    TokenLoop loop;
    Credential credential = idp.credential();
    credential.issuer.discovery = Discovery::None;
    credential.issuer.token_endpoint = idp.url("/token");
    loop.get(credential, "with none");
    loop.end_run("with none");
    EXPECT_FALSE(loop.revocations(1)[0].revoked);
    credential.issuer.revocation_endpoint = idp.url("/revoke");
    loop.get(credential, "with one");
    loop.end_run("with one");
    EXPECT_TRUE(loop.revocations(2)[1].revoked);
}

}  // namespace
}  // namespace flowctl::net::test
