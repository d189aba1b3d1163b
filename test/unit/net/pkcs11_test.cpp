// Names of keys in PKCS#11 tokens, and keys that sign elsewhere. The module itself runs in
// test/t/034_pkcs11.pl.
#include "net/crypto/pkcs11.hpp"

#include <gtest/gtest.h>

#include "jose_test_support.hpp"
#include "net/crypto/jose_algorithm.hpp"
#include "net/tokens/own_issuer.hpp"

namespace flowctl::net::test {
namespace {

std::string fault(const std::string& text) {
    const auto read = read_pkcs11_uri(text);
    const auto* why = std::get_if<std::string>(&read);
    return why == nullptr ? "" : *why;
}

TEST(Pkcs11Uri, NamesAKey) {
    const auto read = read_pkcs11_uri(
        "pkcs11:token=My%20token;serial=01%3b;object=a=b;id=%00%ff;type=private?pin-source=hsm-pin");
    ASSERT_EQ(read.index(), 0u) << std::get<1>(read);
    const auto& uri = std::get<0>(read);
    EXPECT_EQ(uri.token, "My token");
    EXPECT_EQ(uri.serial, "01;");
    EXPECT_EQ(uri.object, "a=b");
    EXPECT_EQ(uri.id, std::string("\0\xff", 2));
    EXPECT_EQ(uri.pin_file, "hsm-pin");
    EXPECT_EQ(fault("pkcs11:serial=1;id=%01?pin-source=p"), "");
}

TEST(Pkcs11Uri, WhatIsRefused) {
    for (const auto& [text, part] : std::vector<std::pair<std::string, std::string>>{
             {"", "no PKCS#11 URI"},
             {"PKCS11:token=t;object=o?pin-source=p", "no PKCS#11 URI"},
             {"pkcs11:", "names no token"},
             {"pkcs11:object=o?pin-source=p", "names no token"},
             {"pkcs11:token=t?pin-source=p", "names no key"},
             {"pkcs11:token=t;object=o", "no file for the PIN"},
             {"pkcs11:token=t;object=o?pin-value=1234", "may not hold a PIN"},
             {"pkcs11:token=t;object=o?pin-source=/etc/pin", "plain name"},
             {"pkcs11:token=t;object=o?pin-source=..", "plain name"},
             {"pkcs11:token=t;object=o?pin-source=file:pin&module-path=/tmp/x.so", "another attribute"},
             {"pkcs11:token=t;object=o?pin-source=p&module-path=/tmp/x.so", "another attribute"},
             {"pkcs11:token=t;object=o;slot-id=1?pin-source=p", "another attribute"},
             {"pkcs11:token=t;object=o;pin-source=p", "another attribute"},
             {"pkcs11:token=t;object=o;type=public?pin-source=p", "no private key"},
             {"pkcs11:token=t;token=u;object=o?pin-source=p", "twice"},
             {"pkcs11:token=t;object=o?pin-source=p&pin-source=q", "twice"},
             {"pkcs11:token;object=o?pin-source=p", "without a value"},
             {"pkcs11:token=;object=o?pin-source=p", "no readable value"},
             {"pkcs11:token=%2;object=o?pin-source=p", "no readable value"},
             {"pkcs11:token=%zz;object=o?pin-source=p", "no readable value"},
             {"pkcs11:token=" + std::string(2000, 't'), "longer than"},
         }) {
        EXPECT_NE(fault(text).find(part), std::string::npos) << text << ": " << fault(text);
        EXPECT_EQ(fault(text).find("1234"), std::string::npos) << "a PIN is not quoted";
    }
}

// Signs with a key of the test's.
class Elsewhere : public RemoteKey {
  public:
    explicit Elsewhere(std::string pem) : pem_(std::move(pem)) {}
    std::optional<std::string> sign(const JoseAlgorithm& algorithm, std::string_view digest) override {
        asked.emplace_back(std::string(algorithm.name) + ' ' + std::to_string(digest.size()));
        if (pem_.empty()) {
            trouble_ = "nobody is there";
            return std::nullopt;
        }
        return std::string(2 * algorithm.coordinate, '\1');
    }
    const std::string& trouble() const override { return trouble_; }
    std::vector<std::string> asked;

  private:
    std::string pem_;
    std::string trouble_;
};

TEST(RemoteKey, WhatDoesNotFitThePublicKeyDoesNotLeave) {
    for (const auto& [group, asked] :
         {std::pair{"P-256", "ES256 32"}, std::pair{"P-384", "ES384 48"}, std::pair{"P-521", "ES512 64"}}) {
        const Key key = ec_key(group);
        const auto elsewhere = std::make_shared<Elsewhere>("x");
        const auto made = SigningKey::of_remote(public_pem(key), elsewhere);
        ASSERT_EQ(made.index(), 0u) << std::get<1>(made);
        const auto& signer = std::get<SigningKey>(made);
        EXPECT_EQ(signer.sign_jwt("JWT", "", {}), std::nullopt);
        EXPECT_EQ(elsewhere->asked, std::vector<std::string>{asked});
        EXPECT_NE(signer.trouble().find("another key"), std::string::npos);
    }
    const auto silent = SigningKey::of_remote(public_pem(rsa_key()), std::make_shared<Elsewhere>(""));
    EXPECT_EQ(std::get<SigningKey>(silent).sign_jwt("JWT", "", {}), std::nullopt);
    EXPECT_EQ(std::get<SigningKey>(silent).trouble(), "nobody is there");
}

TEST(RemoteKey, PublicKeysThatAreNone) {
    for (const std::string& pem :
         {std::string(), std::string("x"), private_pem(ec_key("P-256")), public_pem(rsa_key(1024)),
          public_pem(ed25519_key()), public_pem(ec_key("secp256k1"))})
        EXPECT_EQ(SigningKey::of_remote(pem, std::make_shared<Elsewhere>("x")).index(), 1u) << pem;
}

TEST(Pkcs11Keys, ArePublishedWithoutAModule) {
    const Key key = ec_key("P-256");
    const std::string uri = "pkcs11:token=t;object=o?pin-source=p\n";
    const auto read = [](const std::string& text) {
        std::vector<OwnKeys::Pem> files;
        files.push_back({"hsm", Secret(text)});
        return OwnKeys::read(files);
    };
    const auto keys = read(uri + public_pem(key));
    ASSERT_EQ(keys.index(), 0u) << std::get<1>(keys);
    std::vector<OwnKeys::Pem> plain;
    plain.push_back({"pem", Secret(private_pem(key))});
    EXPECT_EQ(std::get<OwnKeys>(keys).published().front().text(),
              std::get<OwnKeys>(OwnKeys::read(plain)).published().front().text());
    EXPECT_EQ(std::get<OwnKeys>(keys).current().sign_jwt("JWT", "", {}), std::nullopt);
    EXPECT_NE(std::get<OwnKeys>(keys).current().trouble().find("flowctl.pkcs11_module is not set"),
              std::string::npos);
    EXPECT_EQ(std::get<std::string>(read(uri)), "\"hsm\": it holds no PEM public key");
    EXPECT_EQ(std::get<std::string>(read("pkcs11:token=t\n")),
              "\"hsm\": its PKCS#11 URI names no key (object or id)");
}

}  // namespace
}  // namespace flowctl::net::test
