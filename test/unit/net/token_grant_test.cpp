// Grants beyond client_credentials, and the ways of a client to authenticate that need no secret: what is
// sent, what is believed, and whose token serves whom.
#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "jose_test_support.hpp"
#include "net/crypto/crypto.hpp"
#include "net/crypto/encoding.hpp"
#include "net/crypto/jose.hpp"
#include "token_test_support.hpp"

namespace flowctl::net::test {
namespace {

constexpr const char* kExchange = "urn:ietf:params:oauth:grant-type:token-exchange";
constexpr const char* kJwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer";
constexpr const char* kAccessToken = "urn:ietf:params:oauth:token-type:access_token";
constexpr const char* kJwtType = "urn:ietf:params:oauth:token-type:jwt";
constexpr const char* kIssued =
    R"(,"expires_in":3600,"issued_token_type":"urn:ietf:params:oauth:token-type:access_token")";

TokenInput held(const std::string& text) {
    return TokenInput::held(std::make_shared<const Secret>(text));
}

// A folder that goes with the test.
class Folder {
  public:
    Folder() {
        char path[] = "/tmp/flowctl-test-XXXXXX";
        path_ = mkdtemp(path);
    }
    ~Folder() {
        for (const std::string& name : names_)
            unlink((path_ + "/" + name).c_str());
        rmdir(path_.c_str());
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    void put(const std::string& name, const std::string& content, mode_t mode = 0600) {
        names_.push_back(name);
        std::ofstream(path_ + "/" + name) << content;
        chmod((path_ + "/" + name).c_str(), mode);
    }
    void link(const std::string& to, const std::string& name) {
        names_.push_back(name);
        EXPECT_EQ(symlink(to.c_str(), (path_ + "/" + name).c_str()), 0);
    }
    const std::string& path() const { return path_; }

  private:
    std::string path_;
    std::vector<std::string> names_;
};

class Grants : public ::testing::Test {
  protected:
    Credential exchange() {
        Credential credential = idp.credential("read");
        credential.grant = GrantType::TokenExchange;
        credential.subject = held("alices-token");
        credential.audience = "https://billing.example";
        return credential;
    }
    Form last_form() {
        const auto forms = idp.forms("/token");
        return forms.empty() ? Form{} : forms.back();
    }
    void answer(const std::string& more) {
        idp.on_token([this, more](const Seen&) { return idp.mint(more); });
    }

    FakeIssuer idp;
    TokenLoop loop;
};

TEST_F(Grants, ImpersonationSendsTheSubjectAlone) {
    answer(kIssued);
    EXPECT_EQ(text_of(loop.get(exchange())), "token-1-visible");
    const Form form = last_form();
    EXPECT_EQ(form.at("grant_type"), kExchange);
    EXPECT_EQ(form.at("subject_token"), "alices-token");
    EXPECT_EQ(form.at("subject_token_type"), kAccessToken);
    EXPECT_EQ(form.at("audience"), "https://billing.example");
    EXPECT_EQ(form.at("scope"), "read");
    for (const char* name :
         {"actor_token", "actor_token_type", "requested_token_type", "resource", "assertion"})
        EXPECT_FALSE(form.contains(name)) << name;
}

TEST_F(Grants, DelegationSendsTheActorWithItsType) {
    answer(R"(,"issued_token_type":"urn:ietf:params:oauth:token-type:jwt")");
    Credential credential = exchange();
    credential.subject_token_type = kJwtType;
    credential.actor = held("the-flows-token");
    credential.requested_token_type = kJwtType;
    EXPECT_EQ(text_of(loop.get(credential)), "token-1-visible");
    const Form form = last_form();
    EXPECT_EQ(form.at("subject_token_type"), kJwtType);
    EXPECT_EQ(form.at("actor_token"), "the-flows-token");
    EXPECT_EQ(form.at("actor_token_type"), kAccessToken);
    EXPECT_EQ(form.at("requested_token_type"), kJwtType);
}

TEST_F(Grants, SeveralResourcesAreSeveralFields) {
    std::string body;
    idp.on_token([&](const Seen& seen) {
        body = seen.body;
        return idp.mint();
    });
    Credential credential = idp.credential();
    credential.resource = "https://b.example https://a.example";
    EXPECT_EQ(text_of(loop.get(credential)), "token-1-visible");
    EXPECT_NE(body.find("&resource=https%3A%2F%2Fa.example&resource=https%3A%2F%2Fb.example"),
              std::string::npos)
        << body;
}

TEST_F(Grants, AnExchangeMustSayWhatItIssued) {
    for (const std::string more :
         {R"(,"expires_in":60)", R"(,"issued_token_type":"urn:ietf:params:oauth:token-type:refresh_token")",
          R"(,"issued_token_type":7)"}) {
        answer(more);
        const TokenResult result = loop.get(exchange(), "run " + more);
        EXPECT_FALSE(result.token) << more;
        EXPECT_TRUE(result.permanent);
        EXPECT_NE(result.message.find("issue"), std::string::npos) << result.message;
        loop.pass(Seconds(60));  // past the memory of the refusal
    }
}

TEST_F(Grants, ATokenOfAnotherTypeThanRequestedIsRefused) {
    answer(kIssued);
    Credential credential = exchange();
    credential.requested_token_type = "urn:ietf:params:oauth:token-type:id_token";
    EXPECT_FALSE(loop.get(credential).token);
    idp.on_token([](const Seen&) {
        return FakeIssuer::json(R"({"access_token":"for-somebody","token_type":"N_A",)"
                                R"("issued_token_type":"urn:ietf:params:oauth:token-type:id_token"})");
    });
    loop.pass(Seconds(60));
    EXPECT_EQ(text_of(loop.get(credential)), "for-somebody");
}

// Whoever left the subject out of the key would give Bob's call Alice's token.
TEST_F(Grants, SubjectsAndActorsNeverShareATokenEvenWithinARun) {
    answer(kIssued);
    Credential alice = exchange();
    Credential bob = exchange();
    bob.subject = held("bobs-token");
    Credential delegated = exchange();
    delegated.actor = held("the-flows-token");
    EXPECT_EQ(text_of(loop.get(alice)), "token-1-visible");
    EXPECT_EQ(text_of(loop.get(bob)), "token-2-visible");
    EXPECT_EQ(text_of(loop.get(delegated)), "token-3-visible");
    EXPECT_EQ(text_of(loop.get(alice)), "token-1-visible");
    EXPECT_EQ(text_of(loop.get(alice, "run-2")), "token-4-visible");
}

TEST_F(Grants, AssertionGrants) {
    Credential credential = idp.credential("read");
    credential.grant = GrantType::JwtBearer;
    credential.subject = held("an-assertion");
    EXPECT_EQ(text_of(loop.get(credential)), "token-1-visible");
    EXPECT_EQ(last_form().at("grant_type"), kJwtBearer);
    EXPECT_EQ(last_form().at("assertion"), "an-assertion");
    EXPECT_FALSE(last_form().contains("requested_token_use"));

    credential.grant = GrantType::OnBehalfOf;
    EXPECT_EQ(text_of(loop.get(credential)), "token-2-visible");
    EXPECT_EQ(last_form().at("grant_type"), kJwtBearer);
    EXPECT_EQ(last_form().at("requested_token_use"), "on_behalf_of");
}

TEST_F(Grants, InteractionRequiredIsPermanentAndHasAName) {
    idp.on_token([](const Seen&) {
        return FakeIssuer::json(R"({"error":"interaction_required","error_description":"AADSTS50076"})", 400);
    });
    Credential credential = idp.credential();
    credential.grant = GrantType::OnBehalfOf;
    credential.subject = held("an-assertion");
    const TokenResult result = loop.get(credential);
    EXPECT_TRUE(result.permanent);
    EXPECT_EQ(result.fault, CredentialFault::InteractionRequired);
    EXPECT_EQ(idp.token_requests(), 1u);
    EXPECT_EQ(loop.get(credential, "another run").fault, CredentialFault::InteractionRequired)
        << "remembered";
    EXPECT_EQ(idp.token_requests(), 1u);
}

TEST_F(Grants, ALostSubjectTokenFailsByItsName) {
    Credential credential = exchange();
    credential.subject = TokenInput::made("gone", [](const TokenUse&) -> TokenInputResult {
        return TokenInputFault{"it ended before it was exchanged", true, CredentialFault::SubjectTokenLost};
    });
    const TokenResult result = loop.get(credential);
    EXPECT_EQ(result.fault, CredentialFault::SubjectTokenLost);
    EXPECT_NE(result.message.find("it ended before it was exchanged"), std::string::npos);
    EXPECT_EQ(idp.token_requests(), 0u);
}

TEST_F(Grants, ATokenIsMadeForEachRequestAndToldWhatItIsFor) {
    answer(kIssued);
    std::vector<TokenUse> uses;
    int made = 0;
    const auto maker = [&](const TokenUse& use) -> TokenInputResult {
        uses.push_back(use);
        return Secret("made-" + std::to_string(++made));
    };
    Credential credential = exchange();
    credential.subject = TokenInput::made("subject", maker);
    credential.actor = TokenInput::made("actor", maker);
    credential.client.method = AuthMethod::AssertionToken;
    credential.client.assertion = TokenInput::made("client", maker);
    credential.issuer.assertion_audience = AssertionAudience::TokenEndpoint;
    EXPECT_EQ(text_of(loop.get(credential)), "token-1-visible");
    const Form form = last_form();
    EXPECT_EQ(form.at("subject_token"), "made-1");
    EXPECT_EQ(form.at("actor_token"), "made-2");
    EXPECT_EQ(form.at("client_assertion"), "made-3");
    EXPECT_EQ(form.at("client_assertion_type"), "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    EXPECT_EQ(form.at("client_id"), "orders");
    EXPECT_FALSE(form.contains("client_secret"));
    ASSERT_EQ(uses.size(), 3u);
    EXPECT_EQ(uses[0].purpose, TokenUse::Purpose::Subject);
    EXPECT_EQ(uses[1].purpose, TokenUse::Purpose::Actor);
    EXPECT_EQ(uses[2].purpose, TokenUse::Purpose::ClientAssertion);
    for (const TokenUse& use : uses) {
        EXPECT_EQ(use.audience, idp.url("/token"));
        EXPECT_EQ(use.client_id, "orders");
    }
    EXPECT_EQ(text_of(loop.get(credential)), "token-1-visible") << "what it was exchanged for is cached";
    EXPECT_EQ(uses.size(), 3u);
}

TEST_F(Grants, AWorkloadTokenIsReadAgainAtEachUse) {
    Folder folder;
    folder.put("..first", "platform-token-1\n", 0644);
    folder.link("..first", "token");
    Credential credential = idp.credential();
    credential.client.method = AuthMethod::AssertionToken;
    credential.client.assertion = TokenInput::file(folder.path(), "token");
    EXPECT_EQ(text_of(loop.get(credential)), "token-1-visible");
    EXPECT_EQ(last_form().at("client_assertion"), "platform-token-1");
    folder.put("..first", "platform-token-2\n", 0644);  // as the kubelet does, behind the link
    EXPECT_EQ(text_of(loop.get(credential, "run-2")), "token-2-visible");
    EXPECT_EQ(last_form().at("client_assertion"), "platform-token-2");
}

TEST_F(Grants, WorkloadTokenFilesThatAreRefused) {
    Folder folder;
    folder.put("writable", "token", 0666);
    folder.put("empty", "\n");
    folder.put("spaces", "two words");
    for (const char* name : {"writable", "empty", "spaces", "missing", "../x", ""}) {
        Credential credential = idp.credential();
        credential.client.method = AuthMethod::AssertionToken;
        credential.client.assertion = TokenInput::file(folder.path(), name);
        EXPECT_FALSE(loop.get(credential).token) << name;
    }
    EXPECT_EQ(idp.token_requests(), 0u);
}

TEST_F(Grants, ClientSecretJwt) {
    Credential credential = idp.credential();
    credential.client.method = AuthMethod::ClientSecretJwt;
    const std::string secret = "0123456789abcdef0123456789abcdef";
    credential.client.secret = Secret(secret);
    EXPECT_EQ(text_of(loop.get(credential)), "token-1-visible");
    const Form form = last_form();
    EXPECT_FALSE(form.contains("client_secret"));
    const std::string assertion = form.at("client_assertion");
    const std::size_t dot = assertion.rfind('.');
    EXPECT_EQ(assertion.substr(dot + 1),
              base64url_encode(hmac("SHA256", secret, std::string_view(assertion).substr(0, dot))));
    EXPECT_EQ(*base64url_decode(assertion.substr(0, assertion.find('.'))),
              R"({"alg":"HS256","typ":"client-authentication+jwt"})");

    credential.client.secret = Secret("too short for HS256");
    const TokenResult result = loop.get(credential, "run-2");
    EXPECT_FALSE(result.token);
    EXPECT_NE(result.message.find("32 bytes"), std::string::npos) << result.message;
}

TEST_F(Grants, PrivateKeyJwtWithAThumbprintAndAnotherType) {
    const Key key = rsa_key();
    Credential credential = idp.credential();
    credential.client.method = AuthMethod::PrivateKeyJwt;
    credential.client.private_key = Secret(private_pem(key));
    credential.client.signing_alg = "PS256";
    credential.client.key_x5t = "dGh1bWI";
    credential.issuer.assertion_typ = "JWT";
    EXPECT_EQ(text_of(loop.get(credential)), "token-1-visible");
    const auto checked = check_jwt(last_form().at("client_assertion"), key, "PS256");
    ASSERT_TRUE(checked);
    EXPECT_EQ(checked->header.string("typ"), "JWT");
    EXPECT_EQ(checked->header.string("x5t#S256"), "dGh1bWI");
    EXPECT_FALSE(checked->header.string("kid"));
}

TEST_F(Grants, AServiceThatKnowsNoClients) {
    answer(kIssued);
    Credential credential = exchange();
    credential.client = ClientRegistration{};
    credential.client.method = AuthMethod::None;
    EXPECT_EQ(text_of(loop.get(credential)), "token-1-visible");
    EXPECT_FALSE(last_form().contains("client_id"));
    for (const Seen& seen : idp.server().requests())
        EXPECT_EQ(seen.count("authorization"), 0);
}

TEST_F(Grants, ADirectTokenNeedsNoIssuer) {
    const Key key = ec_key("P-256");
    const auto now =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
            .count();
    int made = 0;
    Credential credential;
    credential.grant = GrantType::Direct;
    credential.audience = "https://billing.example";
    std::string audience;
    credential.subject = TokenInput::made("own", [&](const TokenUse& use) -> TokenInputResult {
        audience = use.audience;
        EXPECT_EQ(use.purpose, TokenUse::Purpose::Bearer);
        return Secret(
            signed_token(key, "ES256", R"({"alg":"ES256"})",
                         R"({"sub":"flow:app:fulfil","aud":["a","b"],"scope":"x y","act":{"sub":"one",)"
                         R"("act":{"sub":"two"}},"jti":"n)" +
                             std::to_string(++made) + R"(","exp":)" + std::to_string(now + 100) + "}"));
    });
    const TokenResult result = loop.get(credential);
    ASSERT_TRUE(result.token) << result.message;
    EXPECT_EQ(audience, "https://billing.example");
    EXPECT_EQ(result.token->info.fingerprint, "n1");
    EXPECT_EQ(result.token->info.subject, "flow:app:fulfil");
    EXPECT_EQ(result.token->info.actor, "one < two");
    EXPECT_EQ(result.token->info.audience, "a b");
    EXPECT_EQ(result.token->info.scope, "x y");
    EXPECT_TRUE(loop.get(credential).token);
    EXPECT_EQ(made, 1) << "cached";
    loop.pass(Seconds(90));
    EXPECT_TRUE(loop.get(credential).token);
    EXPECT_EQ(made, 2) << "until shortly before its end";
    loop.end_run("run-1");
    loop.settle();
    EXPECT_TRUE(loop.receipts.empty()) << "there is nobody to revoke it at";
    EXPECT_EQ(idp.server().request_count(), 0u);
}

TEST_F(Grants, ADirectTokenThatHasEndedIsNotSent) {
    Credential credential;
    credential.grant = GrantType::Direct;
    credential.subject =
        held(signed_token(ec_key("P-256"), "ES256", R"({"alg":"ES256"})", R"({"exp":1000})"));
    EXPECT_FALSE(loop.get(credential).token);
}

TEST_F(Grants, FiguresTellWhatHappenedWithoutAToken) {
    Credential credential = idp.credential();
    credential.issuer.name = "corp";
    loop.get(credential);
    idp.on_token([](const Seen&) { return FakeIssuer::json(R"({"error":"invalid_client"})", 401); });
    loop.get(credential, "run-2");
    const auto figures = loop.source.figures();
    ASSERT_EQ(figures.size(), 1u);
    EXPECT_EQ(figures[0].name, "corp");
    EXPECT_EQ(figures[0].url, idp.identifier());
    EXPECT_EQ(figures[0].token_requests, 2);
    EXPECT_EQ(figures[0].tokens_issued, 1);
    EXPECT_EQ(figures[0].failures, 1);
    EXPECT_EQ(figures[0].cached_tokens, 1);
    EXPECT_TRUE(figures[0].last_success);
    EXPECT_TRUE(figures[0].last_failure);
    EXPECT_NE(figures[0].last_failure_message.find("invalid_client"), std::string::npos);
    loop.end_run("run-1");
    EXPECT_EQ(loop.source.figures()[0].cached_tokens, 0);
}

// Servers are made and dropped; what is counted of them is bounded.
TEST_F(Grants, FiguresOfMostlyTheLatestIssuers) {
    idp.on_token([](const Seen&) { return FakeIssuer::json(R"({"error":"invalid_client"})", 401); });
    Credential credential = idp.credential();
    for (int i = 0; i < 510; ++i) {
        credential.issuer.name = "corp " + std::to_string(i);
        loop.get(credential);
        if (i % 100 != 0) continue;
        credential.issuer.name = "busy";
        loop.pass(Seconds(11));  // until when a refusal is remembered
        loop.get(credential);
    }
    const auto figures = loop.source.figures();
    EXPECT_EQ(figures.size(), 500u);
    const auto has = [&](const std::string& name) {
        return std::any_of(figures.begin(), figures.end(), [&](const auto& one) { return one.name == name; });
    };
    EXPECT_TRUE(has("busy"));
    EXPECT_TRUE(has("corp 509"));
    EXPECT_FALSE(has("corp 0"));
}

TEST_F(Grants, ADeadIssuerIsNotWaitedForByEverybody) {
    std::string address;
    {
        FakeIssuer gone;
        address = gone.identifier();
    }
    Credential credential = idp.credential();
    credential.issuer.url = address;
    credential.issuer.token_endpoint = address + "/token";
    loop.get(credential, "run-1");
    const TokenResult second = loop.get(credential, "run-2");
    EXPECT_FALSE(second.permanent);
    EXPECT_TRUE(second.retry_after) << second.message;
    const auto before = loop.source.figures()[0].token_requests;
    const TokenResult third = loop.get(credential, "run-3");
    EXPECT_NE(third.message.find("did not answer of late"), std::string::npos) << third.message;
    EXPECT_EQ(loop.source.figures()[0].token_requests, before) << "nobody was sent";
    EXPECT_EQ(loop.source.figures()[0].circuit, CircuitState::Open);
    EXPECT_TRUE(loop.get(idp.credential(), "run-4").token) << "another issuer is asked as ever";
}

// --- refresh tokens

class Refresh : public Grants {
  protected:
    Refresh() {
        folder.put("refresh", "refresh-0\n");
        folder.put("refresh.lock", "");
        idp.on_token([this](const Seen& seen) { return rotate(read_form(seen.body)); });
    }
    Credential credential() {
        Credential out = idp.credential();
        out.grant = GrantType::RefreshToken;
        out.refresh_file = {folder.path(), "refresh"};
        return out;
    }
    std::string stored() {
        const auto read = read_secret_file(folder.path(), "refresh");
        return read.index() == 0 ? std::string(std::get<Secret>(read).reveal()) : std::get<std::string>(read);
    }
    // As a strict issuer: a used token ends the family.
    Reply rotate(const Form& form) {
        EXPECT_EQ(form.at("grant_type"), "refresh_token");
        stored_at_request.push_back(form.at("refresh_token"));
        if (dead || form.at("refresh_token") != "refresh-" + std::to_string(used)) {
            dead = true;
            return FakeIssuer::json(R"({"error":"invalid_grant"})", 400);
        }
        return idp.mint(R"(,"expires_in":3600,"refresh_token":"refresh-)" + std::to_string(++used) + "\"");
    }

    Folder folder;
    int used = 0;
    bool dead = false;
    std::vector<std::string> stored_at_request;
};

TEST_F(Refresh, TheNextTokenIsStoredAndUsed) {
    EXPECT_EQ(text_of(loop.get(credential(), "run-1")), "token-1-visible");
    EXPECT_EQ(stored(), "refresh-1");
    EXPECT_EQ(text_of(loop.get(credential(), "run-1")), "token-1-visible") << "cached";
    EXPECT_EQ(text_of(loop.get(credential(), "run-2")), "token-2-visible");
    EXPECT_EQ(stored(), "refresh-2");
    struct stat status {};
    ASSERT_EQ(stat((folder.path() + "/refresh").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(Refresh, RunsThatWantItAtOnceTakeTurns) {
    std::vector<std::uint64_t> asked;
    for (int i = 0; i < 10; ++i)
        asked.push_back(loop.ask(credential(), "run-" + std::to_string(i)));
    for (const std::uint64_t id : asked)
        EXPECT_TRUE(loop.wait(id).token) << loop.answers[id].message;
    EXPECT_FALSE(dead) << "no token was used twice";
    EXPECT_EQ(stored(), "refresh-10");
}

TEST_F(Refresh, AnIssuerThatKeepsTheTokenLeavesTheFileAlone) {
    idp.on_token([this](const Seen&) { return idp.mint(); });
    EXPECT_TRUE(loop.get(credential()).token);
    EXPECT_EQ(stored(), "refresh-0");
}

TEST_F(Refresh, ARefusedTokenIsPermanentUntilTheFileIsReplaced) {
    used = 7;
    EXPECT_TRUE(loop.get(credential()).permanent);
    dead = false;
    folder.put("refresh", "refresh-7");
    loop.pass(Seconds(60));
    EXPECT_TRUE(loop.get(credential(), "run-2").token);
}

TEST_F(Refresh, ATokenThatCannotBeStoredIsNotUsedAndNotLost) {
    const std::string in_the_way = folder.path() + "/refresh.new";
    ASSERT_EQ(mkdir(in_the_way.c_str(), 0700), 0);
    const TokenResult result = loop.get(credential());
    EXPECT_FALSE(result.token);
    EXPECT_FALSE(result.permanent);
    EXPECT_NE(result.message.find("cannot be replaced"), std::string::npos) << result.message;
    EXPECT_EQ(stored(), "refresh-0");
    ASSERT_EQ(rmdir(in_the_way.c_str()), 0);
    EXPECT_TRUE(loop.get(credential(), "run-2").token) << "the one from memory";
    EXPECT_EQ(stored(), "refresh-2");
    EXPECT_FALSE(dead);
}

}  // namespace
}  // namespace flowctl::net::test
