// Both sides of the bounds of what protects: redaction, headers, circuits, nonces, refusals, keys.
#include <gtest/gtest.h>

#include "base/base64.hpp"
#include "net/crypto/encoding.hpp"
#include "net/http/dispatcher.hpp"
#include "net/http/header_rules.hpp"
#include "net/http/redact.hpp"
#include "net/http/url.hpp"
#include "net/proofs/call_auth.hpp"
#include "net/proofs/session.hpp"
#include "net/tokens/dpop.hpp"
#include "net/tokens/issuer_circuit.hpp"
#include "net/tokens/issuer_trouble.hpp"
#include "net/tokens/token_cache.hpp"

namespace flowctl::net {
namespace {

using Time = IssuerCircuit::Time;

Time at(double seconds) {
    return Time(std::chrono::hours(1'000)) +
           std::chrono::duration_cast<std::chrono::steady_clock::duration>(Seconds(seconds));
}

std::string redacted(std::string text, std::string_view secret) {
    Redactor redactor;
    redactor.add(secret);
    redactor.apply(text);
    return text;
}

// A digit that is none ends an escape; it is not a digit of the value -1.
TEST(NetEdges, WhatIsNoDigitIsNoEscape) {
    EXPECT_EQ(redacted("a%3gb", "a/b"), "a%3gb");
    EXPECT_EQ(redacted("a%g/b", "a/b"), "a%g/b");
    EXPECT_EQ(redacted(R"(a\u003gb)", "a/b"), R"(a\u003gb)");
    EXPECT_EQ(redacted("a&#4;7;b", "a/b"), "a&#4;7;b");
    EXPECT_EQ(redacted("a&#x3g;b", "a/b"), "a&#x3g;b");
}

// What encodes a neighbour's bits as well goes, too, at the very end and beginning of a text.
TEST(NetEdges, Base64AtTheEndsOfAText) {
    const std::string secret = "the-secret-itself";
    for (std::size_t before = 0; before < 3; ++before) {
        const std::string encoded = base64_encode(std::string(before, 'B') + secret);
        std::string bare = encoded;
        while (bare.ends_with('='))
            bare.pop_back();
        const std::string out = redacted(bare, secret);
        EXPECT_EQ(out, bare.substr(0, before * 8 / 6) + "[redacted]") << before;
    }
}

TEST(NetEdges, HeadersAsLongAsTheyMayBe) {
    constexpr std::size_t kMost = 65'536;
    const auto objection = [](std::size_t bytes) {
        return objection_to_headers({{"X", std::string(bytes - 5, 'x')}}).has_value();
    };
    EXPECT_FALSE(objection(kMost));
    EXPECT_TRUE(objection(kMost + 1));
}

TEST(NetEdges, ACircuitOpensAgainWhenItsPauseIsOver) {
    IssuerCircuit circuit;
    for (int i = 1; i <= 4; ++i)
        EXPECT_FALSE(circuit.failed("k", at(i), at(i + 0.5))) << i;
    EXPECT_EQ(circuit.failed("k", at(5), at(5.5)), at(6.5)) << "one second";
    EXPECT_EQ(circuit.look("k", at(6.4)).state, CircuitState::Open);
    EXPECT_EQ(circuit.look("k", at(6.5)).state, CircuitState::HalfOpen);
    // At the very end of the pause it is over, so a failure makes the next one, twice as long.
    EXPECT_EQ(circuit.failed("k", at(6.5), at(6.5)), at(8.5));
    EXPECT_EQ(circuit.look("nobody", at(7)).state, CircuitState::Closed);
    EXPECT_EQ(circuit.enter("nobody", at(7)).state, CircuitState::Closed);
    EXPECT_EQ(circuit.enter("k", at(8)).state, CircuitState::Open);
    EXPECT_EQ(circuit.enter("k", at(9)).state, CircuitState::Closed) << "the probe";
    EXPECT_EQ(circuit.enter("k", at(9)).state, CircuitState::HalfOpen) << "one only";
    EXPECT_EQ(circuit.enter("k", at(23.9)).state, CircuitState::HalfOpen);
    EXPECT_EQ(circuit.enter("k", at(24)).state, CircuitState::Closed) << "the probe said nothing";
}

// Whoever can name issuers can name many.
TEST(NetEdges, CircuitsAreBounded) {
    IssuerCircuit circuit;
    circuit.pause("a", Seconds(3'600), at(0));
    for (int i = 0; i < 999; ++i)
        circuit.pause("m" + std::to_string(i), Seconds(10), at(0));
    EXPECT_EQ(circuit.look("a", at(1)).state, CircuitState::Paused);
    // Pauses that ended long ago make room first.
    circuit.pause("z1", Seconds(10), at(610));
    EXPECT_EQ(circuit.look("a", at(610)).state, CircuitState::Paused);
    for (int i = 0; i < 1'500; ++i)
        circuit.pause("z" + std::to_string(i), Seconds(3'600), at(611));
    EXPECT_EQ(circuit.look("a", at(612)).state, CircuitState::Closed) << "the first one had to go";
}

TEST(NetEdges, PausesOfRequestsThatWereUnderWayTogether) {
    IssuerCircuit circuit;
    EXPECT_EQ(circuit.pause("k", std::nullopt, at(0)), at(1));
    EXPECT_EQ(circuit.pause("k", std::nullopt, at(0.5)), at(1)) << "the same pause";
    EXPECT_EQ(circuit.pause("k", std::nullopt, at(1)), at(3)) << "over, so the next";
    EXPECT_EQ(circuit.pause("k", Seconds(100'000), at(3)), at(3'603));
    EXPECT_EQ(circuit.pause("k", Seconds(1), at(4)), at(3'603)) << "a shorter one does not end it";
}

Answer with_nonce(const std::string& nonce) {
    Answer answer;
    answer.status = 401;
    answer.headers = {{"dpop-nonce", nonce}};
    return answer;
}

TEST(NetEdges, NoncesAreBounded) {
    DpopNonces nonces;
    EXPECT_TRUE(nonces.learn("https://a.example", "app", with_nonce(std::string(512, 'n'))));
    EXPECT_FALSE(nonces.learn("https://a.example", "app", with_nonce(std::string(513, 'n'))));
    EXPECT_FALSE(nonces.learn("no url", "app", with_nonce("n")));
    EXPECT_EQ(nonces.find("no url", "app"), "");
    EXPECT_EQ(nonces.find("https://a.example/path", "app"), std::string(512, 'n'));
    for (int i = 0; i < 1'500; ++i)
        EXPECT_TRUE(nonces.learn("https://h" + std::to_string(i) + ".example", "app", with_nonce("n")));
    EXPECT_EQ(nonces.find("https://a.example", "app"), "") << "the first one had to go";
    EXPECT_EQ(nonces.find("https://h1499.example", "app"), "n");
    // One that is known is replaced, and nobody has to go for it.
    DpopNonces full;
    for (int i = 0; i < 1'000; ++i)
        full.learn("https://h" + std::to_string(i) + ".example", "app", with_nonce("n"));
    full.learn("https://h5.example", "app", with_nonce("m"));
    EXPECT_EQ(full.find("https://h5.example", "app"), "m");
    EXPECT_EQ(full.find("https://h0.example", "app"), "n");
}

TEST(NetEdges, AProofIsForAUrl) {
    const DpopKey key;
    const auto now = std::chrono::system_clock::time_point(std::chrono::seconds(1'700'000'000));
    EXPECT_TRUE(key.proof("GET", "https://a.example/x", "", now, ""));
    EXPECT_FALSE(key.proof("GET", "no url", "", now, ""));
}

TEST(NetEdges, OnlyUnauthorizedAsksForANonce) {
    Answer answer = with_nonce("n");
    answer.headers.emplace_back("www-authenticate", R"(DPoP error="use_dpop_nonce")");
    EXPECT_TRUE(asks_for_nonce(answer));
    answer.status = 400;
    EXPECT_FALSE(asks_for_nonce(answer));
    answer.status = 401;
    answer.headers.pop_back();
    EXPECT_FALSE(asks_for_nonce(answer));
}

LiveToken live(std::uint64_t generation, const std::string& run = "run") {
    LiveToken out;
    out.token.access_token = std::make_shared<const Secret>("t" + std::to_string(generation));
    out.token.generation = generation;
    out.ends_at = at(100);
    out.usable_until = at(99);
    Credential credential;
    credential.issuer.url = "https://idp.example";
    out.grant = make_grant(credential, run, "role");
    return out;
}

// The newest tokens of a run, so many and no more, whether they are given out or not.
TEST(NetEdges, TheNumberOfTokensKept) {
    TokenCache cache;
    for (std::uint64_t i = 1; i <= 5; ++i)
        cache.put("k" + std::to_string(i % 2), live(i), at(0));
    cache.put("other", live(6, "another run"), at(0));
    const auto newest = [&](std::size_t most) {
        std::vector<std::uint64_t> generations;
        for (const Token& token : cache.newest_of("run", most))
            generations.push_back(token.generation);
        return generations;
    };
    using Generations = std::vector<std::uint64_t>;
    EXPECT_EQ(newest(0), Generations{});
    EXPECT_EQ(newest(1), Generations{5});
    EXPECT_EQ(newest(4), (Generations{5, 4, 3, 2}));
    EXPECT_EQ(newest(5), (Generations{5, 4, 3, 2, 1}));
    EXPECT_EQ(newest(6), (Generations{5, 4, 3, 2, 1}));
    EXPECT_TRUE(cache.newest_of("no run", 5).empty());
    cache.drop("another run", 5);
    EXPECT_TRUE(cache.find("k1", at(1))) << "only its own run drops a token";
    cache.drop("run", 5);
    EXPECT_FALSE(cache.find("k1", at(1)));
    EXPECT_TRUE(cache.find("other", at(1)));
    EXPECT_EQ(cache.count_of("https://idp.example"), 6);
    EXPECT_EQ(cache.count_of("nobody"), 0);
}

TEST(NetEdges, RefusalsAreBoundedAndTheOldGoFirst) {
    TokenCache cache;
    const TokenResult no{std::nullopt, "no", true, std::nullopt, CredentialFault::InteractionRequired};
    for (int i = 0; i < 500; ++i)
        cache.remember_refusal("old" + std::to_string(i), no, at(10), at(0));
    for (int i = 0; i < 500; ++i)
        cache.remember_refusal("new" + std::to_string(i), no, at(100), at(0));
    EXPECT_TRUE(cache.refusal("old0", at(9)));
    EXPECT_FALSE(cache.refusal("old0", at(10)));
    cache.remember_refusal("one", no, at(100), at(10));
    EXPECT_TRUE(cache.refusal("new0", at(11))) << "what had passed made room";
    for (int i = 0; i < 1'000; ++i)
        cache.remember_refusal("more" + std::to_string(i), no, at(100), at(11));
    EXPECT_FALSE(cache.refusal("new0", at(12)));
    EXPECT_TRUE(cache.refusal("more999", at(12)));
}

TEST(NetEdges, WebhookKeysAsLongAsTheyMayBe) {
    const auto takes = [](const std::string& key) {
        return std::holds_alternative<std::vector<Secret>>(read_webhook_keys(Secret("whsec_" + key)));
    };
    EXPECT_FALSE(takes(base64_encode(std::string(23, 'k'))));
    EXPECT_TRUE(takes(base64_encode(std::string(24, 'k'))));
    EXPECT_TRUE(takes(base64_encode(std::string(64, 'k'))));
    EXPECT_FALSE(takes(base64_encode(std::string(65, 'k'))));
    EXPECT_FALSE(takes(base64_encode(std::string(24, 'k')) + "A")) << "one digit encodes nothing";
    // Both alphabets.
    const std::string odd(24, '\xff');
    EXPECT_TRUE(takes(base64_encode(odd)));
    EXPECT_TRUE(takes(base64url_encode(odd)));
    std::string keys;
    for (int i = 0; i < 4; ++i)
        keys += (i > 0 ? "\nwhsec_" : "") + base64_encode(std::string(24, static_cast<char>('a' + i)));
    EXPECT_TRUE(takes(keys));
    EXPECT_TRUE(takes("\n\nwhsec_" + keys + "\r\n") == false) << "a line without a key";
    EXPECT_TRUE(takes(keys + "\n\n"));
    EXPECT_FALSE(takes(keys + "\nwhsec_" + base64_encode(std::string(24, 'z')))) << "five";
}

TEST(NetEdges, PartsOfAScope) {
    using Parts = std::vector<std::string>;
    EXPECT_EQ(split_scope(""), Parts{});
    EXPECT_EQ(split_scope(" "), Parts{});
    EXPECT_EQ(split_scope("b a  b "), (Parts{"a", "b"}));
}

// What a cloud's refusal says of another attempt.
TEST(NetEdges, RefusalsOfSessions) {
    SessionRequest aws;
    AwsRole role;
    role.sts_endpoint = "https://sts.example";
    role.role_arn = "arn:aws:iam::123456789012:role/r";
    aws.what = role;
    SessionRequest google;
    GcpAccount account;
    account.iam_endpoint = "https://iam.example";
    account.email = "a@b.example";
    google.what = account;
    const auto now = std::chrono::system_clock::time_point(std::chrono::seconds(1'700'000'000));
    const std::pair<int, Remedy> cases[] = {
        {400, Remedy::None},    {403, Remedy::None}, {407, Remedy::None},  {408, Remedy::Retry},
        {409, Remedy::None},    {424, Remedy::None}, {425, Remedy::Retry}, {426, Remedy::None},
        {429, Remedy::BackOff}, {499, Remedy::None}, {500, Remedy::Retry}, {502, Remedy::Retry},
        {503, Remedy::BackOff}, {504, Remedy::Retry}};
    for (const SessionRequest* what : {&aws, &google})
        for (const auto& [status, remedy] : cases)
            for (const char* body : {"", "{}", R"({"error": "text"})", "<x/>", "<"}) {
                Answer answer;
                answer.status = status;
                answer.body = body;
                const SessionAnswer read = read_session_answer(*what, "token", answer, now);
                ASSERT_FALSE(read.session);
                ASSERT_TRUE(read.trouble) << status;
                EXPECT_EQ(read.trouble->remedy, remedy) << status;
                EXPECT_NE(read.trouble->message.find("HTTP " + std::to_string(status)), std::string::npos);
            }
}

TEST(NetEdges, ScopesOfAServiceAccount) {
    SessionRequest google;
    GcpAccount account;
    account.iam_endpoint = "https://iam.example";
    account.email = "a@b.example";
    account.scope = " one  two ";
    account.lifetime_seconds = 60;
    google.what = account;
    const Exchange exchange = session_request(google, "token", "run", "role", {});
    EXPECT_EQ(exchange.body, R"({"scope":["one","two"],"lifetime":"60s"})");
}

// A pause is as long as the issuer says, where it says so in a way that can be understood.
TEST(NetEdges, PausesThatIssuersAskFor) {
    const auto pause = [](const std::string& value) {
        Answer answer;
        answer.status = 429;
        answer.headers = {{"x-rate-limit-reset", value}};
        const Trouble trouble = refusal_trouble(Issuer(), "the token request", answer, {}).trouble;
        return trouble.retry_after ? trouble.retry_after->count() : -1.0;
    };
    const auto now =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
            .count();
    EXPECT_NEAR(pause(std::to_string(now + 60)), 60, 2);
    EXPECT_NEAR(pause(std::to_string(now + 86'390)), 86'390, 2);
    EXPECT_EQ(pause(std::to_string(now + 86'410)), -1);
    EXPECT_EQ(pause(std::to_string(now - 1)), -1);
    EXPECT_EQ(pause(std::to_string(now + 60) + "x"), -1);
    EXPECT_EQ(pause("x"), -1);
    EXPECT_EQ(pause(""), -1);
    EXPECT_EQ(pause("99999999999999999999"), -1);
}

}  // namespace
}  // namespace flowctl::net
