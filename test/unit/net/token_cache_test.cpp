// TokenCache by itself: keys, times, bounds.
#include "net/token_cache.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "net/issuer_backoff.hpp"

namespace flowctl::net {
namespace {

const SteadyTime kStart = SteadyTime(std::chrono::hours(1000));

SteadyTime at(double seconds) {
    return kStart + std::chrono::duration_cast<SteadyTime::duration>(Seconds(seconds));
}

Credential credential() {
    Credential out;
    out.issuer.url = "https://idp.example";
    out.client.client_id = "orders";
    out.client.secret = Secret("s");
    out.scope = "a b";
    return out;
}

LiveToken live(std::uint64_t generation, double ends, const std::string& run = "run",
               std::size_t bytes = 10) {
    LiveToken out;
    out.token.access_token = std::make_shared<const Secret>(std::string(bytes, 't'));
    out.token.generation = generation;
    out.ends_at = at(ends);
    out.usable_until = at(ends - 1);
    out.grant = make_grant(credential(), run, "role");
    return out;
}

TEST(TokenKeys, EverythingCounts) {
    const std::vector<std::function<void(Credential&)>> changes{
        [](Credential& c) { c.issuer.url += "/"; },
        [](Credential& c) { c.issuer.discovery = Discovery::OAuth; },
        [](Credential& c) { c.issuer.token_endpoint = "https://x"; },
        [](Credential& c) { c.issuer.revocation_endpoint = "https://x"; },
        [](Credential& c) { c.issuer.assertion_audience = AssertionAudience::Given; },
        [](Credential& c) { c.issuer.assertion_audience_uri = "https://x"; },
        [](Credential& c) { c.issuer.ca_file = "https://x"; },
        [](Credential& c) { c.client.client_id = "x"; },
        [](Credential& c) { c.client.method = AuthMethod::ClientSecretPost; },
        [](Credential& c) { c.client.secret = Secret("x"); },
        [](Credential& c) { c.client.private_key = Secret("x"); },
        [](Credential& c) { c.client.signing_alg = "x"; },
        [](Credential& c) { c.client.key_id = "x"; },
        [](Credential& c) { c.scope = "a"; },
        [](Credential& c) { c.scope = "a b c"; },
        [](Credential& c) { c.audience = "x"; },
        [](Credential& c) { c.resource = "x"; },
    };
    std::set<std::string> tokens{token_key(credential(), "run", "role").token};
    std::set<std::string> registrations{token_key(credential(), "run", "role").registration};
    for (std::size_t i = 0; i < changes.size(); ++i) {
        Credential changed = credential();
        changes[i](changed);
        EXPECT_TRUE(tokens.insert(token_key(changed, "run", "role").token).second) << i;
        EXPECT_TRUE(registrations.insert(token_key(changed, "run", "role").registration).second) << i;
    }
    EXPECT_TRUE(tokens.insert(token_key(credential(), "run 2", "role").token).second);
    EXPECT_TRUE(tokens.insert(token_key(credential(), "run", "role 2").token).second);
    EXPECT_FALSE(registrations.insert(token_key(credential(), "run 2", "role").registration).second);
}

TEST(TokenKeys, OrderAndRepetitionOfScopesDoNotCount) {
    Credential other = credential();
    other.scope = " b  a b ";
    EXPECT_EQ(token_key(credential(), "r", "x").token, token_key(other, "r", "x").token);
    EXPECT_EQ(split_scope(" b  a b "), (std::vector<std::string>{"a", "b"}));
    EXPECT_TRUE(split_scope("   ").empty());
}

TEST(TokenKeys, PartsDoNotRunIntoEachOther) {
    Credential one = credential();
    one.audience = "ab";
    one.resource = "c";
    Credential two = credential();
    two.audience = "a";
    two.resource = "bc";
    EXPECT_NE(token_key(one, "r", "x").token, token_key(two, "r", "x").token);
    EXPECT_NE(token_key(one, "r", "xy").token, token_key(one, "yr", "x").token);
}

TEST(UsableUntil, LeavesAMargin) {
    const auto seconds = [](double lifetime) {
        return Seconds(usable_until(kStart, Seconds(lifetime)) - kStart).count();
    };
    EXPECT_DOUBLE_EQ(seconds(3600), 3570);
    EXPECT_DOUBLE_EQ(seconds(150), 120);
    EXPECT_DOUBLE_EQ(seconds(100), 80);
    EXPECT_DOUBLE_EQ(seconds(2), 1.6);
}

TEST(TokenCache, GivesOutUntilTheMargin) {
    TokenCache cache;
    cache.put("k", live(1, 10), kStart);
    EXPECT_TRUE(cache.find("k", at(8.9)));
    EXPECT_FALSE(cache.find("k", at(9)));
    EXPECT_FALSE(cache.find("other", kStart));
    EXPECT_EQ(cache.next_end(), at(10));
    cache.sweep(at(9.5));
    EXPECT_EQ(cache.size(), 1u) << "still to be revoked";
    cache.sweep(at(10));
    EXPECT_EQ(cache.size(), 0u);
    EXPECT_FALSE(cache.next_end());
}

TEST(TokenCache, ReplacedAndDroppedTokensStayForRevocation) {
    TokenCache cache;
    cache.put("k", live(1, 10), kStart);
    cache.put("k", live(2, 20), kStart);
    EXPECT_EQ(cache.find("k", kStart)->generation, 2u);
    cache.drop("run", 1);
    EXPECT_EQ(cache.find("k", kStart)->generation, 2u);
    cache.drop("run", 2);
    cache.drop("run", 2);
    EXPECT_FALSE(cache.find("k", kStart));
    cache.keep_for_revocation(live(3, 30), kStart);
    cache.put("k", live(4, 5, "another run"), kStart);
    EXPECT_EQ(cache.take_run("run", kStart).size(), 3u);
    EXPECT_EQ(cache.take_run("run", kStart).size(), 0u);
    EXPECT_EQ(cache.find("k", kStart)->generation, 4u);
    EXPECT_EQ(cache.take_run("another run", at(5)).size(), 0u) << "it has ended by itself";
}

TEST(TokenCache, MemoryIsBoundedAndTheFirstToEndGoes) {
    TokenCache cache(64 * 1024);
    for (std::uint64_t i = 1; i <= 1000; ++i) {
        cache.put("k" + std::to_string(i),
                  live(i, 1000.0 - static_cast<double>(i) / 10, "r" + std::to_string(i), 1000), kStart);
        EXPECT_LE(cache.size(), 40u);
    }
    EXPECT_TRUE(cache.find("k1", kStart)) << "ends last";
    EXPECT_TRUE(cache.find("k1000", kStart)) << "the newest is in";
    EXPECT_FALSE(cache.find("k999", kStart));
}

TEST(TokenCache, RefusalsPassAndAreBounded) {
    TokenCache cache;
    cache.remember_refusal("r", "no", at(10), kStart);
    ASSERT_TRUE(cache.refusal("r", at(9)));
    EXPECT_TRUE(cache.refusal("r", at(9))->permanent);
    EXPECT_EQ(cache.refusal("r", at(9))->message, "no");
    EXPECT_FALSE(cache.refusal("r", at(10)));
    EXPECT_FALSE(cache.refusal("s", at(1)));
    for (int i = 0; i < 5000; ++i)
        cache.remember_refusal(std::to_string(i), "no", at(10), kStart);
    EXPECT_TRUE(cache.refusal("4999", kStart));
}

TEST(IssuerBackoff, GrowsUntilASuccess) {
    IssuerBackoff backoff;
    double now = 0;
    for (const double expected : {1, 2, 4, 8, 16, 32, 60, 60, 60}) {
        EXPECT_EQ(backoff.pause("k", std::nullopt, at(now)), at(now + expected));
        EXPECT_EQ(backoff.pause("k", std::nullopt, at(now)), at(now + expected))
            << "the same failure, met twice";
        EXPECT_EQ(backoff.paused_until("k", at(now + expected - 0.5)), at(now + expected));
        EXPECT_FALSE(backoff.paused_until("k", at(now + expected)));
        now += expected;
    }
    EXPECT_FALSE(backoff.paused_until("l", kStart));
    backoff.pause("k", std::nullopt, at(now));
    backoff.succeeded("k");
    EXPECT_FALSE(backoff.paused_until("k", at(now)));
    EXPECT_EQ(backoff.pause("k", std::nullopt, at(now)), at(now + 1));
}

TEST(IssuerBackoff, DoesWhatIsAskedWithinReason) {
    IssuerBackoff backoff;
    EXPECT_EQ(backoff.pause("k", Seconds(100), kStart), at(100));
    EXPECT_EQ(backoff.pause("k", Seconds(5), kStart), at(100)) << "never shorter than asked before";
    EXPECT_EQ(backoff.pause("l", Seconds(1e12), kStart), at(3600));
    EXPECT_EQ(backoff.pause("m", Seconds(-5), kStart), kStart);
    for (int i = 0; i < 5000; ++i)
        backoff.pause(std::to_string(i), Seconds(1), kStart);
    EXPECT_TRUE(backoff.paused_until("4999", kStart));
}

}  // namespace
}  // namespace flowctl::net
