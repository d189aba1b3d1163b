// Client certificates: what makes one, that the connection shows it, to whom, and tokens bound to it.
#include "net/crypto/client_certificate.hpp"

#include <gtest/gtest.h>

#include "jose_test_support.hpp"
#include "loop.hpp"
#include "net/crypto/encoding.hpp"
#include "token_test_support.hpp"

namespace flowctl::net::test {
namespace {

std::shared_ptr<const ClientCertificate> made(const TlsIdentity& identity) {
    auto certificate = ClientCertificate::from_pem(identity.certificate, identity.key);
    EXPECT_EQ(certificate.index(), 0u);
    return std::get<0>(certificate);
}

std::string fault_of(const std::string& certificate, const std::string& key) {
    const auto result = ClientCertificate::from_pem(certificate, key);
    return result.index() == 1 ? std::get<1>(result) : "";
}

TEST(ClientCertificates, ConsistOfWhatBelongsTogether) {
    TestCa ca;
    const TlsIdentity one = ca.issue("DNS:one");
    const TlsIdentity two = ca.issue("DNS:two");
    EXPECT_EQ(made(one)->thumbprint().size(), 43u);
    EXPECT_NE(made(one)->thumbprint(), made(two)->thumbprint());
    EXPECT_EQ(fault_of(one.certificate + two.certificate, one.key), "") << "the first counts";
    EXPECT_EQ(fault_of(one.certificate, two.key), "the private key is not the certificate's");
    EXPECT_EQ(fault_of("x", one.key), "the certificate is not a PEM certificate");
    EXPECT_EQ(fault_of("", one.key), "the certificate is not a PEM certificate");
    EXPECT_NE(fault_of(one.certificate, "x"), "");
    EXPECT_NE(fault_of(one.certificate, encrypted_pem(ec_key("P-256"))).find("passphrase"),
              std::string::npos);
}

class Mtls : public ::testing::Test {
  protected:
    std::string shown(const TestServer& server, std::shared_ptr<const ClientCertificate> certificate) {
        Exchange exchange = post(server.url("/"));
        exchange.ca_file = ca.file();
        exchange.certificate = std::move(certificate);
        EXPECT_EQ(loop.run(std::move(exchange)).status, 200);
        return server.requests().back().certificate;
    }

    TestCa ca;
    Loop loop;
};

// Connections are kept and used again, but never for a call with another certificate or with none.
TEST_F(Mtls, ACertificateIsShownByItsOwnCallsOnly) {
    TestServer server([](const Seen&) { return Reply{200, "", {}, "OK"}; }, ca.issue("DNS:localhost"));
    const auto one = made(ca.issue("DNS:one"));
    const auto two = made(ca.issue("DNS:two"));
    EXPECT_EQ(shown(server, one), one->thumbprint());
    EXPECT_EQ(shown(server, nullptr), "");
    EXPECT_EQ(shown(server, two), two->thumbprint());
    EXPECT_EQ(shown(server, one), one->thumbprint());
    EXPECT_EQ(shown(server, nullptr), "");
    EXPECT_LE(server.connections(), 3);
}

class MtlsIssuer : public ::testing::Test {
  protected:
    MtlsIssuer() : idp("", ca.issue("DNS:localhost")), certificate(made(ca.issue("DNS:worker"))) {
        idp.on_token([this](const Seen& seen) {
            seen_certificate = seen.certificate;
            const std::string confirmation = bound_to.empty() ? seen.certificate : bound_to;
            const std::string token =
                signed_token(ec_key("P-256"), "ES256", R"({"alg":"ES256"})",
                             R"({"cnf":{"x5t#S256":")" + confirmation + R"("},"jti":"j"})");
            return FakeIssuer::json(R"({"access_token":")" + token + R"(","token_type":"Bearer"})");
        });
    }
    Credential credential() {
        Credential out = idp.credential();
        out.issuer.ca_file = ca.file();
        out.client = ClientRegistration{};
        out.client.client_id = "worker";
        out.client.method = AuthMethod::TlsClientAuth;
        out.client.certificate = certificate;
        return out;
    }

    TestCa ca;
    FakeIssuer idp;
    std::shared_ptr<const ClientCertificate> certificate;
    TokenLoop loop;
    std::string seen_certificate;
    std::string bound_to;
};

TEST_F(MtlsIssuer, TheCertificateAuthenticates) {
    const TokenResult result = loop.get(credential());
    ASSERT_TRUE(result.token) << result.message;
    EXPECT_EQ(seen_certificate, certificate->thumbprint());
    const Form form = idp.forms("/token").back();
    EXPECT_EQ(form.at("client_id"), "worker");
    EXPECT_FALSE(form.contains("client_assertion"));
    EXPECT_FALSE(form.contains("client_secret"));
}

TEST_F(MtlsIssuer, TheAliasIsWhereCertificatesAreLookedAt) {
    FakeIssuer aliased("", ca.issue("DNS:localhost"));
    idp.on_discovery([&](const Seen&) {
        std::string text = idp.metadata();
        text.pop_back();
        return FakeIssuer::json(text + R"(,"mtls_endpoint_aliases":{"token_endpoint":")" + idp.url("/token") +
                                R"(?by=certificate"}})");
    });
    EXPECT_TRUE(loop.get(credential()).token);
    EXPECT_EQ(idp.server().requests().back().target, "/token?by=certificate");
    Credential by_secret = credential();
    by_secret.client.method = AuthMethod::ClientSecretBasic;
    by_secret.client.secret = Secret("open-sesame-57");
    EXPECT_TRUE(loop.get(by_secret).token);
    EXPECT_EQ(idp.server().requests().back().target, "/token");
}

TEST_F(MtlsIssuer, ABoundTokenMustBeBoundToOurCertificate) {
    Credential credential = this->credential();
    credential.certificate_bound = true;
    EXPECT_TRUE(loop.get(credential).token);
    bound_to = "somebody-elses";
    const TokenResult result = loop.get(credential, "run-2");
    EXPECT_TRUE(result.permanent);
    EXPECT_NE(result.message.find("not bound to the client's certificate"), std::string::npos)
        << result.message;
}

TEST_F(MtlsIssuer, WithoutACertificateNothingIsSent) {
    Credential credential = this->credential();
    credential.client.certificate = nullptr;
    EXPECT_FALSE(loop.get(credential).token);
    EXPECT_EQ(idp.token_requests(), 0u);
}

}  // namespace
}  // namespace flowctl::net::test
