// What must never open as a JWE although its tag is right: made here with OpenSSL's own calls, by somebody
// who may encrypt to the server's public key, as everybody may.
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "jose_test_support.hpp"
#include "net/crypto/encoding.hpp"
#include "net/crypto/jwe.hpp"

namespace flowctl::net {
namespace {

using test::Key;

const unsigned char* data_of(const std::string& text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

unsigned char* data_of(std::string& text) {
    return reinterpret_cast<unsigned char*>(text.data());
}

struct Oaep {
    int padding = RSA_PKCS1_OAEP_PADDING;
    const EVP_MD* digest = EVP_sha256();
    const EVP_MD* mask = EVP_sha256();
    std::string label{};
};

std::string encrypted_key(const Key& key, const std::string& content_key, const Oaep& how = {}) {
    const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
        EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr), EVP_PKEY_CTX_free);
    EXPECT_EQ(EVP_PKEY_encrypt_init(context.get()), 1);
    EXPECT_EQ(EVP_PKEY_CTX_set_rsa_padding(context.get(), how.padding), 1);
    if (how.padding == RSA_PKCS1_OAEP_PADDING) {
        EXPECT_EQ(EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), how.digest), 1);
        EXPECT_EQ(EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), how.mask), 1);
        if (!how.label.empty()) {
            void* label = OPENSSL_memdup(how.label.data(), how.label.size());
            EXPECT_EQ(
                EVP_PKEY_CTX_set0_rsa_oaep_label(context.get(), label, static_cast<int>(how.label.size())),
                1);
        }
    }
    std::string out(512, '\0');
    std::size_t size = out.size();
    EXPECT_EQ(EVP_PKEY_encrypt(context.get(), data_of(out), &size, data_of(content_key), content_key.size()),
              1);
    return out.substr(0, size);
}

constexpr const char* kHeader = R"({"alg":"RSA-OAEP-256","enc":"A256GCM"})";
constexpr std::size_t kTagBytes = 16;

struct Content {
    std::string header = kHeader;
    std::string iv = std::string(12, '\7');
    std::string plain = "a.token.inside";
    std::size_t tag = kTagBytes;  // bytes of it that are sent
    std::string authenticated{};  // instead of the header
};

// The whole token, its content encrypted as GCM has it under the key, by its length with AES-256 or AES-128.
std::string jwe(const std::string& encrypted, const std::string& content_key, const Content& what = {}) {
    const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(EVP_CIPHER_CTX_new(),
                                                                                  EVP_CIPHER_CTX_free);
    const std::string head = base64url_encode(what.header);
    const std::string authenticated = what.authenticated.empty() ? head : what.authenticated;
    const EVP_CIPHER* cipher = content_key.size() == 32 ? EVP_aes_256_gcm() : EVP_aes_128_gcm();
    std::string text(what.plain.size(), '\0');
    std::string tag(kTagBytes, '\0');
    int length = 0;
    EXPECT_EQ(EVP_EncryptInit_ex(context.get(), cipher, nullptr, nullptr, nullptr), 1);
    EXPECT_EQ(
        EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_IVLEN, static_cast<int>(what.iv.size()), nullptr),
        1);
    EXPECT_EQ(EVP_EncryptInit_ex(context.get(), nullptr, nullptr, data_of(content_key), data_of(what.iv)), 1);
    EXPECT_EQ(EVP_EncryptUpdate(context.get(), nullptr, &length, data_of(authenticated),
                                static_cast<int>(authenticated.size())),
              1);
    EXPECT_EQ(EVP_EncryptUpdate(context.get(), data_of(text), &length, data_of(what.plain),
                                static_cast<int>(what.plain.size())),
              1);
    EXPECT_EQ(EVP_EncryptFinal_ex(context.get(), data_of(text) + length, &length), 1);
    EXPECT_EQ(
        EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, static_cast<int>(tag.size()), tag.data()),
        1);
    return head + '.' + base64url_encode(encrypted) + '.' + base64url_encode(what.iv) + '.' +
           base64url_encode(text) + '.' + base64url_encode(tag.substr(0, what.tag));
}

class JweNegative : public testing::Test {
  protected:
    JweNegative() {
        auto loaded = DecryptionKey::from_pem(test::private_pem(key));
        EXPECT_EQ(loaded.index(), 0u);
        keys.push_back(std::get<DecryptionKey>(std::move(loaded)));
    }
    bool opens(const std::string& token) const { return decrypt_jwe(token, keys).index() == 0; }
    std::string message(const std::string& token) const {
        const auto result = decrypt_jwe(token, keys);
        return result.index() == 1 ? std::get<std::string>(result) : "it opens";
    }

    const Key key = test::rsa_key();
    const std::string content_key = std::string(32, '\5');
    std::vector<DecryptionKey> keys;
};

TEST_F(JweNegative, KeyEncryptionIsTheOneThatIsNamed) {
    ASSERT_TRUE(opens(jwe(encrypted_key(key, content_key), content_key)));
    EXPECT_FALSE(opens(jwe(encrypted_key(key, content_key, {.padding = RSA_PKCS1_PADDING}), content_key)));
    EXPECT_FALSE(
        opens(jwe(encrypted_key(key, content_key, {.digest = EVP_sha1(), .mask = EVP_sha1()}), content_key)))
        << "RSA-OAEP";
    EXPECT_FALSE(opens(jwe(encrypted_key(key, content_key, {.mask = EVP_sha1()}), content_key)));
    EXPECT_FALSE(opens(
        jwe(encrypted_key(key, content_key, {.digest = EVP_sha512(), .mask = EVP_sha512()}), content_key)));
    EXPECT_FALSE(opens(jwe(encrypted_key(key, content_key, {.label = "label"}), content_key)));
    for (const char* algorithm :
         {"RSA1_5", "RSA-OAEP", "RSA-OAEP-512", "dir", "A256KW", "A256GCMKW", "ECDH-ES", "ECDH-ES+A256KW",
          "ECDH-ES+A128KW", "PBES2-HS512+A256KW", "none", "rsa-oaep-256"}) {
        const Content content{.header = R"({"alg":")" + std::string(algorithm) + R"(","enc":"A256GCM"})"};
        EXPECT_FALSE(opens(jwe(encrypted_key(key, content_key), content_key, content))) << algorithm;
        EXPECT_FALSE(
            opens(jwe(encrypted_key(key, content_key, {.padding = RSA_PKCS1_PADDING}), content_key, content)))
            << algorithm;
        EXPECT_FALSE(opens(jwe("", content_key, content))) << algorithm;
    }
}

TEST_F(JweNegative, TheContentKeyIsAsWideAsItsCipherWants) {
    for (const std::size_t size : {0u, 1u, 16u, 24u, 31u, 33u, 64u}) {
        const std::string other(size, '\5');
        const std::string encrypting = size == 16 ? other : content_key;
        EXPECT_FALSE(opens(jwe(encrypted_key(key, other), encrypting))) << size;
    }
    // One that is known without decrypting anything.
    for (const char c : {'\0', '\xff'})
        for (const std::string& encrypted : {std::string(256, '\0'), std::string(256, '\xff'), std::string()})
            EXPECT_FALSE(opens(jwe(encrypted, std::string(32, c))));
}

// Whatever was wrong with the key, the message is the one of a tag that is wrong.
TEST_F(JweNegative, NoMessageTellsWhatWasWrong) {
    const std::string good = jwe(encrypted_key(key, content_key), content_key);
    std::string bad_tag = good;
    bad_tag[bad_tag.size() - 3] = bad_tag[bad_tag.size() - 3] == 'A' ? 'B' : 'A';
    const std::string expected = message(bad_tag);
    EXPECT_NE(expected, "it opens");
    for (const std::string& token :
         {jwe(encrypted_key(key, content_key, {.padding = RSA_PKCS1_PADDING}), content_key),
          jwe(encrypted_key(key, std::string(16, '\5')), std::string(16, '\5')),
          jwe(std::string(256, '\1'), content_key), jwe(std::string(255, '\1'), content_key),
          jwe("", content_key), jwe(encrypted_key(key, content_key), content_key, {.tag = 12})})
        EXPECT_EQ(message(token), expected);
}

TEST_F(JweNegative, TagsAndVectorsAreWhole) {
    const std::string encrypted = encrypted_key(key, content_key);
    for (const std::size_t size : {0u, 1u, 4u, 8u, 12u, 13u, 14u, 15u})
        EXPECT_FALSE(opens(jwe(encrypted, content_key, {.tag = size}))) << size;
    for (const std::size_t size : {1u, 8u, 11u, 13u, 16u, 64u})
        EXPECT_FALSE(opens(jwe(encrypted, content_key, {.iv = std::string(size, '\7')}))) << size;
    EXPECT_FALSE(opens(jwe(encrypted, content_key, {.authenticated = "x"})));
    EXPECT_FALSE(opens(jwe(encrypted, content_key, {.authenticated = kHeader}))) << "not as it was sent";
}

TEST_F(JweNegative, HeadersThatAreRefused) {
    const std::string encrypted = encrypted_key(key, content_key);
    const auto with = [&](const std::string& header) {
        return opens(jwe(encrypted, content_key, {.header = header}));
    };
    ASSERT_TRUE(with(R"({"alg":"RSA-OAEP-256","enc":"A256GCM","x":1})"));
    for (const char* header : {
             R"({"alg":"RSA-OAEP-256","enc":"A256GCM","zip":"DEF"})",
             R"({"alg":"RSA-OAEP-256","enc":"A256GCM","zip":null})",
             R"({"alg":"RSA-OAEP-256","enc":"A256GCM","\u007aip":"DEF"})",
             R"({"alg":"RSA-OAEP-256","enc":"A256GCM","crit":["x"],"x":1})",
             R"({"alg":"RSA-OAEP-256","enc":"A256GCM","crit":[]})",
             R"({"alg":"RSA-OAEP-256","enc":"A256GCM","enc":"A128GCM"})",
             R"({"alg":"RSA-OAEP-256","\u0065nc":"A128GCM","enc":"A256GCM"})",
             R"({"alg":"RSA-OAEP-256","enc":"a256gcm"})",
             R"({"alg":"RSA-OAEP-256","enc":["A256GCM"]})",
             R"({"alg":"RSA-OAEP-256","enc":"A128GCM"})",
             R"({"alg":"RSA-OAEP-256","enc":"A256CBC-HS512"})",
             R"({"alg":"RSA-OAEP-256"})",
             R"({"alg":"RSA-OAEP-256","enc":"A256GCM"} x)",
             R"([{"alg":"RSA-OAEP-256","enc":"A256GCM"}])",
         })
        EXPECT_FALSE(with(header)) << header;
    EXPECT_FALSE(with(R"({"alg":"RSA-OAEP-256","enc":"A256GCM","x":")" + std::string(4096, 'x') + "\"}"));
    // The same as a JSON serialization.
    const std::string token = jwe(encrypted, content_key);
    EXPECT_FALSE(opens(R"({"protected":")" + token.substr(0, token.find('.')) + R"("})"));
}

TEST_F(JweNegative, EncodingIsStrict) {
    const std::string token = jwe(encrypted_key(key, content_key), content_key);
    ASSERT_TRUE(opens(token));
    std::size_t end = 0;
    do {
        end = std::min(token.find('.', end + 1), token.size());
        for (const char* junk : {"=", "==", " ", "\n", "A", "AAAA", ".", "+"}) {
            std::string changed = token;
            EXPECT_FALSE(opens(changed.insert(end, junk))) << end << junk;
        }
    } while (end < token.size());
    EXPECT_FALSE(opens("." + token));
    EXPECT_FALSE(opens(token.substr(0, token.rfind('.'))));
}

}  // namespace
}  // namespace flowctl::net
