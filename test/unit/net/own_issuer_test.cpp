// Our own issuer: what its tokens say, how long they live, whom they may be for, what is published.
#include <gtest/gtest.h>

#include "jose_test_support.hpp"
#include "net/crypto/jose_verify.hpp"
#include "net/tokens/own_issuer.hpp"

namespace flowctl::net {
namespace {

using test::Key;
using Time = StepIdentity::Time;
using std::chrono::seconds;

const Time kNow{seconds(1'800'000'000)};
constexpr const char* kIssuer = "https://id.example/shop";

std::vector<OwnKeys::Pem> pems(const std::vector<Key>& keys) {
    std::vector<OwnKeys::Pem> files;
    for (const Key& key : keys)
        files.push_back({"key" + std::to_string(files.size()) + ".pem", Secret(test::private_pem(key))});
    return files;
}

OwnKeys own_keys(const std::vector<Key>& keys) {
    auto read = OwnKeys::read(pems(keys));
    EXPECT_TRUE(std::holds_alternative<OwnKeys>(read)) << std::get<std::string>(read);
    return std::get<OwnKeys>(std::move(read));
}

StepIdentity::Facts facts() {
    StepIdentity::Facts facts;
    facts.issuer = kIssuer;
    facts.subject = flow_subject("app", "fulfil");
    facts.claims.add("state", "Charge \"now\"").add("version", 3);
    facts.identity = "Charge";
    facts.not_after = kNow + seconds(60);
    facts.audiences.origins = {"https://billing.example"};
    return facts;
}

std::string reason(const std::variant<MintedToken, std::string>& minted) {
    const auto* why = std::get_if<std::string>(&minted);
    return why == nullptr ? "" : *why;
}

JsonObject verified(const MintedToken& minted, const std::string& key_set, const std::string& type,
                    Time now = kNow) {
    auto keys = KeySet::parse(key_set);
    JwtExpectation expected;
    expected.issuer = kIssuer;
    expected.audience = "https://billing.example/charges";
    expected.algorithms = {"ES256", "RS256", "EdDSA", "ES512"};
    expected.types = {type};
    expected.now = now;
    auto claims = verify_jwt(minted.token.reveal(), std::get<KeySet>(keys), expected);
    if (auto* refusal = std::get_if<JwtRefusal>(&claims)) {
        ADD_FAILURE() << refusal->message;
        return std::get<JsonObject>(JsonObject::parse("{}"));
    }
    return std::get<JsonObject>(std::move(claims));
}

TEST(OwnIssuer, TokensVerifyAgainstWhatIsPublished) {
    for (const Key& key :
         {test::ec_key("P-256"), test::ec_key("P-521"), test::rsa_key(), test::ed25519_key()}) {
        const OwnKeys keys = own_keys({key});
        const StepIdentity identity(keys, facts());
        const auto minted = identity.mint("https://billing.example/charges", "at+jwt", kNow);
        ASSERT_EQ(reason(minted), "");
        const JsonObject claims =
            verified(std::get<MintedToken>(minted), own_key_set(keys.published()), "at+jwt");
        EXPECT_EQ(claims.string("sub"), "flow:app:fulfil");
        EXPECT_EQ(claims.string("client_id"), "flow:app:fulfil");
        EXPECT_EQ(claims.string("state"), "Charge \"now\"");
        EXPECT_EQ(claims.number("version"), 3);
        EXPECT_EQ(claims.number("iat"), 1'800'000'000);
        EXPECT_EQ(claims.number("nbf"), 1'800'000'000);
        EXPECT_EQ(claims.number("exp"), 1'800'000'060);
        EXPECT_EQ(claims.string("jti"), std::get<MintedToken>(minted).jti);
    }
}

TEST(OwnIssuer, EveryTokenIsAnother) {
    const StepIdentity identity(own_keys({test::ec_key("P-256")}), facts());
    const auto first = identity.mint("https://billing.example/", "JWT", kNow);
    const auto second = identity.mint("https://billing.example/", "JWT", kNow);
    EXPECT_NE(std::get<MintedToken>(first).jti, std::get<MintedToken>(second).jti);
}

TEST(OwnIssuer, LivesAsLongAsTheStepAndNoLongerThanTheCap) {
    const OwnKeys keys = own_keys({test::ec_key("P-256")});
    StepIdentity::Facts long_step = facts();
    long_step.not_after = kNow + seconds(3600);
    long_step.cap = seconds(120);
    const auto capped = StepIdentity(keys, long_step).mint("https://billing.example", "JWT", kNow);
    EXPECT_EQ(std::get<MintedToken>(capped).expires_at, kNow + seconds(120));
    EXPECT_EQ(reason(StepIdentity(keys, facts()).mint("https://billing.example", "JWT", kNow + seconds(60))),
              "the step's time is over");
}

TEST(OwnIssuer, AnAudienceElsewhereNeedsTrust) {
    const OwnKeys keys = own_keys({test::ec_key("P-256")});
    const StepIdentity bound(keys, facts());
    for (const char* audience :
         {"sts.amazonaws.com", "https://billing.example.evil.example", "https://other.example",
          "http://billing.example", "https://billing.example:8443/", "api://AzureADTokenExchange"})
        EXPECT_NE(reason(bound.mint(audience, "JWT", kNow)), "") << audience;
    EXPECT_NE(reason(bound.mint("", "JWT", kNow)), "");
    StepIdentity::Facts trusted = facts();
    trusted.audiences.any = true;
    EXPECT_EQ(reason(StepIdentity(keys, trusted).mint("sts.amazonaws.com", "JWT", kNow)), "");
}

TEST(OwnIssuer, TheFirstKeySignsAndAllArePublished) {
    const Key old_key = test::rsa_key();
    const Key new_key = test::ec_key("P-256");
    const OwnKeys before = own_keys({old_key, new_key});
    const OwnKeys after = own_keys({new_key, old_key});
    const auto minted = StepIdentity(before, facts()).mint("https://billing.example/charges", "JWT", kNow);
    // Signed before the rotation, verified by the set of after it, and the other way round.
    verified(std::get<MintedToken>(minted), own_key_set(after.published()), "jwt");
    const auto later = StepIdentity(after, facts()).mint("https://billing.example/charges", "JWT", kNow);
    verified(std::get<MintedToken>(later), own_key_set(before.published()), "jwt");
    EXPECT_NE(before.current_id(), after.current_id());
    EXPECT_EQ(after.algorithms(), (std::vector<std::string>{"ES256", "RS256"}));
}

TEST(OwnIssuer, NothingPrivateIsPublished) {
    for (const Key& key : {test::ec_key("P-256"), test::rsa_key(), test::ed25519_key()}) {
        const auto parsed = JsonObject::parse(own_key_set(own_keys({key}).published()));
        const auto jwks = std::get<JsonObject>(parsed).objects("keys");
        ASSERT_TRUE(jwks);
        ASSERT_EQ(jwks->size(), 1U);
        for (const char* name : {"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
            EXPECT_EQ(jwks->front().kind(name), JsonObject::Kind::Absent) << name;
    }
}

TEST(OwnIssuer, SaysWhichKeyIsWrong) {
    std::vector<OwnKeys::Pem> files = pems({test::ec_key("P-256")});
    files.push_back({"second.pem", Secret("no key")});
    const auto read = OwnKeys::read(files);
    ASSERT_TRUE(std::holds_alternative<std::string>(read));
    EXPECT_EQ(std::get<std::string>(read), "\"second.pem\": private key is not a PEM private key");
    EXPECT_TRUE(std::holds_alternative<std::string>(OwnKeys::read({})));
}

TEST(OwnIssuer, SubjectsAreUriPartsThatNobodyElseCanHave) {
    EXPECT_EQ(flow_subject("app", "fulfil_2-b"), "flow:app:fulfil_2-b");
    EXPECT_EQ(flow_subject("Some Role:x", "f"), "flow:Some%20Role%3Ax:f");
    EXPECT_EQ(flow_subject("r\xc3\xb6le%3A", "f"), "flow:r%C3%B6le%253A:f");
}

TEST(OwnIssuer, ConfigurationNamesIssuerAndKeys) {
    const auto parsed = JsonObject::parse(own_openid_configuration(kIssuer, {"ES256"}));
    const auto& document = std::get<JsonObject>(parsed);
    EXPECT_EQ(document.string("issuer"), kIssuer);
    EXPECT_EQ(document.string("jwks_uri"), std::string(kIssuer) + "/.well-known/jwks.json");
    EXPECT_EQ(document.strings("id_token_signing_alg_values_supported")->front(), "ES256");
}

TEST(OwnIssuer, AsTokenInputItMintsForWhoeverItIsHandedTo) {
    const OwnKeys keys = own_keys({test::ec_key("P-256")});
    const TokenInput input = StepIdentity(keys, facts()).input();
    StepIdentity::Facts other = facts();
    other.identity = "Ship";
    EXPECT_NE(input.identity(), StepIdentity(keys, other).input().identity());
    TokenUse use;
    use.purpose = TokenUse::Purpose::Bearer;
    use.audience = "https://billing.example/charges";
    use.now = kNow;
    const auto given = input.get(use);
    ASSERT_TRUE(std::holds_alternative<Secret>(given));
    use.audience = "https://elsewhere.example";
    EXPECT_TRUE(std::holds_alternative<TokenInputFault>(input.get(use)));
}

}  // namespace
}  // namespace flowctl::net
