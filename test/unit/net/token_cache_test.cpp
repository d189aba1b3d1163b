// TokenCache by itself: keys, times, bounds.
#include "net/tokens/token_cache.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "net/tokens/issuer_circuit.hpp"

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
        [](Credential& c) { c.issuer.name = "x"; },
        [](Credential& c) { c.issuer.assertion_typ = "x"; },
        [](Credential& c) { c.client.key_x5t = "x"; },
        [](Credential& c) { c.client.assertion = TokenInput::file("x", "y"); },
        [](Credential& c) {
            c.client.certificate = std::make_shared<const ClientCertificate>("c", Secret("k"), "x5t");
        },
        [](Credential& c) { c.grant = GrantType::TokenExchange; },
        [](Credential& c) { c.subject = TokenInput::held(std::make_shared<const Secret>("alice")); },
        [](Credential& c) { c.subject = TokenInput::held(std::make_shared<const Secret>("bob")); },
        [](Credential& c) { c.actor = TokenInput::held(std::make_shared<const Secret>("alice")); },
        [](Credential& c) { c.subject_token_type = "x"; },
        [](Credential& c) { c.actor_token_type = "x"; },
        [](Credential& c) { c.requested_token_type = "x"; },
        [](Credential& c) {
            c.refresh_file = {"d", "x"};
        },
        [](Credential& c) { c.dpop = true; },
        [](Credential& c) { c.certificate_bound = true; },
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
    other.resource = "urn:b urn:a";
    Credential sorted = credential();
    sorted.resource = "urn:a urn:b";
    EXPECT_EQ(token_key(sorted, "r", "x").token, token_key(other, "r", "x").token);
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
    const TokenResult no{std::nullopt, "no", true, std::nullopt, CredentialFault::InteractionRequired};
    cache.remember_refusal("r", no, at(10), kStart);
    ASSERT_TRUE(cache.refusal("r", at(9)));
    EXPECT_TRUE(cache.refusal("r", at(9))->permanent);
    EXPECT_EQ(cache.refusal("r", at(9))->message, "no");
    EXPECT_EQ(cache.refusal("r", at(9))->fault, CredentialFault::InteractionRequired);
    EXPECT_FALSE(cache.refusal("r", at(10)));
    EXPECT_FALSE(cache.refusal("s", at(1)));
    for (int i = 0; i < 5000; ++i)
        cache.remember_refusal(std::to_string(i), no, at(10), kStart);
    EXPECT_TRUE(cache.refusal("4999", kStart));
}

CircuitState state_at(IssuerCircuit& circuit, const std::string& key, double seconds) {
    return circuit.look(key, at(seconds)).state;
}

TEST(IssuerCircuit, PausesGrowUntilAnAnswer) {
    IssuerCircuit circuit;
    double now = 0;
    for (const double expected : {1, 2, 4, 8, 16, 32, 60, 60, 60}) {
        EXPECT_EQ(circuit.pause("k", std::nullopt, at(now)), at(now + expected));
        EXPECT_EQ(circuit.pause("k", std::nullopt, at(now)), at(now + expected))
            << "the same failure, met twice";
        EXPECT_EQ(circuit.enter("k", at(now + expected - 0.5)).until, at(now + expected));
        EXPECT_EQ(state_at(circuit, "k", now + expected - 0.5), CircuitState::Paused);
        EXPECT_EQ(circuit.enter("k", at(now + expected)).state, CircuitState::Closed);
        now += expected;
    }
    EXPECT_EQ(circuit.enter("l", kStart).state, CircuitState::Closed);
    circuit.pause("k", std::nullopt, at(now));
    circuit.answered("k");
    EXPECT_EQ(circuit.enter("k", at(now)).state, CircuitState::Closed);
    EXPECT_EQ(circuit.pause("k", std::nullopt, at(now)), at(now + 1));
}

TEST(IssuerCircuit, PausesAreAsAskedWithinReason) {
    IssuerCircuit circuit;
    EXPECT_EQ(circuit.pause("k", Seconds(100), kStart), at(100));
    EXPECT_EQ(circuit.pause("k", Seconds(5), kStart), at(100)) << "never shorter than asked before";
    EXPECT_EQ(circuit.pause("l", Seconds(1e12), kStart), at(3600));
    EXPECT_EQ(circuit.pause("m", Seconds(-5), kStart), kStart);
    for (int i = 0; i < 5000; ++i)
        circuit.pause(std::to_string(i), Seconds(1), kStart);
    EXPECT_EQ(circuit.enter("4999", kStart).state, CircuitState::Paused);
}

TEST(IssuerCircuit, FiveFailuresOpenItAndOneRequestGoesFirst) {
    IssuerCircuit circuit;
    for (int i = 0; i < 4; ++i)
        EXPECT_FALSE(circuit.failed("k", at(i), at(i + 0.5)));
    EXPECT_EQ(state_at(circuit, "k", 4), CircuitState::Closed);
    EXPECT_EQ(circuit.failed("k", at(4), at(4.5)), at(5.5));
    EXPECT_EQ(circuit.enter("k", at(5)).state, CircuitState::Open);
    EXPECT_EQ(circuit.enter("k", at(5)).until, at(5.5));
    EXPECT_EQ(circuit.enter("other", at(5)).state, CircuitState::Closed) << "nobody else suffers";

    EXPECT_EQ(circuit.enter("k", at(5.5)).state, CircuitState::Closed) << "the probe";
    EXPECT_EQ(circuit.enter("k", at(5.6)).state, CircuitState::HalfOpen) << "the others wait for it";
    EXPECT_EQ(circuit.failed("k", at(5.5), at(6)), at(8)) << "twice as long";
    EXPECT_EQ(circuit.enter("k", at(8)).state, CircuitState::Closed);
    circuit.answered("k");
    EXPECT_EQ(circuit.enter("k", at(8.1)).state, CircuitState::Closed);
    EXPECT_EQ(circuit.enter("k", at(8.1)).state, CircuitState::Closed) << "and everybody may again";
    EXPECT_FALSE(circuit.failed("k", at(9), at(9))) << "it counts from the beginning";
}

TEST(IssuerCircuit, WhatFailsTogetherIsOneFailure) {
    IssuerCircuit circuit;
    for (int i = 0; i < 100; ++i)
        EXPECT_FALSE(circuit.failed("k", at(0), at(1)));
    EXPECT_EQ(state_at(circuit, "k", 1), CircuitState::Closed);
}

TEST(IssuerCircuit, AProbeThatSaysNothingIsGivenUp) {
    IssuerCircuit circuit;
    for (int i = 0; i < 5; ++i)
        circuit.failed("k", at(i), at(i));
    EXPECT_EQ(circuit.enter("k", at(10)).state, CircuitState::Closed);
    EXPECT_EQ(circuit.enter("k", at(24)).state, CircuitState::HalfOpen);
    EXPECT_EQ(circuit.enter("k", at(25)).state, CircuitState::Closed);
}

}  // namespace
}  // namespace flowctl::net
