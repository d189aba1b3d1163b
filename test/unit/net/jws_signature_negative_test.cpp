// What must never pass as a signature, in the manner of Wycheproof's vectors for JWS: each case takes a token
// that passes and changes the one thing that makes it worthless, or forges one as whoever has no key would.
#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "jws_negative.hpp"
#include "net/crypto/crypto.hpp"

namespace flowctl::net::test {
namespace {

// ------------------------------------------------------------------------------------------- the algorithm

TEST(JwsNegative, NoneInEverySpelling) {
    const Key key = rsa_key();
    for (int bits = 0; bits < 16; ++bits) {
        std::string name = "none";
        for (std::size_t i = 0; i < 4; ++i)
            if ((bits >> i & 1) != 0) name[i] = static_cast<char>(name[i] - 'a' + 'A');
        for (const std::string& head :
             {header(name), R"({"typ":"at+jwt","alg":")" + name + R"(","kid":""})", header(name + " ")}) {
            EXPECT_FALSE(passes(input_for(head) + '.', {public_jwk(key)})) << head;
            EXPECT_FALSE(passes(input_for(head), {public_jwk(key)})) << head;
            // With a signature that would be right under another name.
            EXPECT_FALSE(passes(signed_token(key, "RS256", head, kClaims), {public_jwk(key)})) << head;
        }
    }
}

TEST(JwsNegative, AlgorithmsThatAreNoText) {
    const Key key = ec_key("P-256");
    EXPECT_TRUE(passes(signed_token(key, "ES256", header("ES256"), kClaims), {public_jwk(key)}));
    for (const char* alg : {"null", "7", "true", R"(["ES256"])", R"({"ES256":1})", R"("ES256\u0000")",
                            R"("es256")", R"(" ES256")", R"("ES256,none")", R"("ES256K")", R"("")"}) {
        const std::string head = R"({"typ":"at+jwt","alg":)" + std::string(alg) + "}";
        EXPECT_FALSE(passes(signed_token(key, "ES256", head, kClaims), {public_jwk(key)})) << alg;
    }
}

// Every form in which a public key may have come to whoever forges: it is no secret.
TEST(JwsNegative, PublicKeyAsTheSecretOfAnHmac) {
    for (const Key& key : {rsa_key(), ec_key("P-256"), ec_key("P-521"), ed25519_key()}) {
        std::vector<std::string> secrets{"", public_pem(key), public_jwk(key), jwks({public_jwk(key)})};
        secrets.push_back(secrets[1].substr(0, secrets[1].size() - 1));  // without its last newline
        unsigned char* der = nullptr;
        const int size = i2d_PUBKEY(key.get(), &der);
        secrets.emplace_back(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
        secrets.push_back(base64url_encode(secrets.back()));
        OPENSSL_free(der);
        if (EVP_PKEY_is_a(key.get(), "RSA") == 1) {
            unsigned char* pkcs1 = nullptr;
            const int length = i2d_PublicKey(key.get(), &pkcs1);
            secrets.emplace_back(reinterpret_cast<char*>(pkcs1), static_cast<std::size_t>(length));
            OPENSSL_free(pkcs1);
            secrets.push_back(bytes_of(parameter(key, "n").get(), 256));
            secrets.push_back(base64url_encode(secrets.back()));
        }
        for (const auto& [name, digest] :
             {std::pair{"HS256", "SHA256"}, std::pair{"HS384", "SHA384"}, std::pair{"HS512", "SHA512"}}) {
            for (const std::string& secret : secrets) {
                const std::string input = input_for(header(name));
                EXPECT_FALSE(passes(with_signature(input, hmac(digest, secret, input)),
                                    {public_jwk(key), R"({"kty":"oct","alg":"HS256","k":")" +
                                                          base64url_encode(secret) + R"("})"}))
                    << name << ' ' << secret.size();
            }
        }
    }
}

TEST(JwsNegative, AKeyOfAnotherTypeOrCurve) {
    const std::vector<std::pair<std::string, Key>> keys{
        {"RS256", rsa_key()},       {"ES256", ec_key("P-256")}, {"ES384", ec_key("P-384")},
        {"ES512", ec_key("P-521")}, {"EdDSA", ed25519_key()},
    };
    for (const auto& [right, key] : keys) {
        EXPECT_TRUE(passes(signed_token(key, right, header(right), kClaims), {public_jwk(key)})) << right;
        for (const std::string& named : kAll) {
            if (named == right || (right == "RS256" && (named[0] == 'R' || named[0] == 'P'))) continue;
            EXPECT_FALSE(passes(signed_token(key, right, header(named), kClaims), {public_jwk(key)}))
                << named << " over " << right;
            EXPECT_FALSE(passes(signed_token(key, right, header(right), kClaims),
                                {public_jwk(key, R"(,"alg":")" + named + "\"")}))
                << "the key is for " << named;
        }
    }
    // A digest of the other width over the right curve.
    const Key key = ec_key("P-384");
    EXPECT_FALSE(passes(signed_token(key, "ES256", header("ES256"), kClaims), {public_jwk(key)}));
}

// ------------------------------------------------------------------------------------------- ECDSA

TEST(JwsNegative, EcdsaNumbersOutOfRange) {
    for (const Curve& curve : kCurves) {
        const Key key = ec_key(curve.group);
        const std::string token = signed_token(key, curve.algorithm, header(curve.algorithm), kClaims);
        ASSERT_TRUE(passes(token, {public_jwk(key)}));
        const std::string input = input_of(token);
        const std::string r = signature_of(token).substr(0, curve.width);
        const std::string s = signature_of(token).substr(curve.width);
        const std::string zero(curve.width, '\0');
        std::string one = zero;
        one.back() = '\1';
        const std::string most(curve.width, '\xff');
        const Number order = parameter(key, OSSL_PKEY_PARAM_EC_ORDER);
        const std::string n = bytes_of(order.get(), curve.width);
        const Number above = number(n);
        BN_add_word(above.get(), 1);
        const Number below = number(n);
        BN_sub_word(below.get(), 1);
        const std::vector<std::string> odd{
            zero, one, most, n, bytes_of(above.get(), curve.width), bytes_of(below.get(), curve.width)};
        for (const std::string& first : odd) {
            EXPECT_FALSE(passes(with_signature(input, first + s), {public_jwk(key)})) << curve.algorithm;
            EXPECT_FALSE(passes(with_signature(input, r + first), {public_jwk(key)})) << curve.algorithm;
            for (const std::string& second : odd)
                EXPECT_FALSE(passes(with_signature(input, first + second), {public_jwk(key)}));
        }
        EXPECT_FALSE(passes(with_signature(input, s + r), {public_jwk(key)})) << "the wrong way round";

        // r + n is the same number modulo n, where it has room.
        const Number sum = number(r);
        BN_add(sum.get(), sum.get(), order.get());
        if (static_cast<std::size_t>(BN_num_bytes(sum.get())) <= curve.width) {
            EXPECT_FALSE(
                passes(with_signature(input, bytes_of(sum.get(), curve.width) + s), {public_jwk(key)}));
        }
    }
}

TEST(JwsNegative, EcdsaInAnotherShape) {
    for (const Curve& curve : kCurves) {
        const Key key = ec_key(curve.group);
        const auto refused = [&](const std::string& input, const std::string& signature) {
            return !passes(with_signature(input, signature), {public_jwk(key)});
        };
        const std::string token = signed_token(key, curve.algorithm, header(curve.algorithm), kClaims);
        const std::string input = input_of(token);
        const std::string raw = signature_of(token);
        const std::string r = raw.substr(0, curve.width);
        const std::string s = raw.substr(curve.width);

        const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> pair(ECDSA_SIG_new(), ECDSA_SIG_free);
        ECDSA_SIG_set0(pair.get(), number(r).release(), number(s).release());
        unsigned char* der = nullptr;
        const int size = i2d_ECDSA_SIG(pair.get(), &der);
        EXPECT_TRUE(refused(input, {reinterpret_cast<char*>(der), static_cast<std::size_t>(size)})) << "DER";
        OPENSSL_free(der);

        const std::string zero(1, '\0');
        EXPECT_TRUE(refused(input, zero + raw));
        EXPECT_TRUE(refused(input, raw + zero));
        EXPECT_TRUE(refused(input, zero + r + zero + s)) << "each with a leading zero";
        EXPECT_TRUE(refused(input, r + zero + s));
        EXPECT_TRUE(refused(input, raw.substr(1)));
        EXPECT_TRUE(refused(input, raw.substr(0, raw.size() - 1)));
        EXPECT_TRUE(refused(input, r));
        EXPECT_TRUE(refused(input, ""));
        EXPECT_TRUE(refused(input, raw + raw));
        for (const Curve& other : kCurves)
            if (other.width != curve.width) {
                const Number first = number(r);
                if (static_cast<std::size_t>(BN_num_bytes(first.get())) > other.width) continue;
                EXPECT_TRUE(refused(input, bytes_of(first.get(), other.width) + s))
                    << "as wide as another curve";
            }
    }
    // Numbers that are short by nature must not be sent short.
    const Key key = ec_key("P-256");
    for (int i = 0; i < 5000; ++i) {
        const std::string token =
            signed_token(key, "ES256", header("ES256", R"(,"n":)" + std::to_string(i)), kClaims);
        const std::string raw = signature_of(token);
        if (raw[0] != '\0') continue;
        EXPECT_TRUE(passes(token, {public_jwk(key)}));
        EXPECT_FALSE(passes(with_signature(input_of(token), raw.substr(1)), {public_jwk(key)}));
        return;
    }
    FAIL() << "no signature with a leading zero";
}

// ------------------------------------------------------------------------------------------- RSA

// The private operation on bytes that are as wide as the modulus: padding of our own making.
std::string raw_private(const Key& key, const std::string& message) {
    const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
        EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr), EVP_PKEY_CTX_free);
    std::string out(message.size(), '\0');
    std::size_t size = out.size();
    EXPECT_EQ(EVP_PKEY_sign_init(context.get()), 1);
    EXPECT_EQ(EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_NO_PADDING), 1);
    EXPECT_EQ(EVP_PKEY_sign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size,
                            reinterpret_cast<const unsigned char*>(message.data()), message.size()),
              1);
    return out;
}

const std::string kSha256Info("\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20",
                              19);

// 00 01 FF ... 00 and what follows, as wide as the modulus.
std::string padded(const std::string& content, std::size_t width = 256) {
    return std::string("\0\1", 2) + std::string(width - 3 - content.size(), '\xff') + '\0' + content;
}

TEST(JwsNegative, RsaPaddingIsExact) {
    const Key key = rsa_key();
    const std::string input = input_for(header("RS256"));
    const std::string hash = sha256(input);
    const auto accepted = [&](const std::string& message) {
        return passes(with_signature(input, raw_private(key, message)), {public_jwk(key)});
    };
    const std::string right = padded(kSha256Info + hash);
    ASSERT_TRUE(accepted(right));

    std::string changed = right;
    changed[1] = '\2';
    EXPECT_FALSE(accepted(changed)) << "block type 2";
    changed[1] = '\0';
    EXPECT_FALSE(accepted(changed)) << "block type 0";
    changed = right;
    changed[10] = '\xfe';
    EXPECT_FALSE(accepted(changed)) << "padding that is not all ones";
    EXPECT_FALSE(accepted(std::string("\0\1", 2) + std::string(8, '\xff') + '\0' + kSha256Info + hash +
                          std::string(256 - 11 - 19 - 32, 'x')))
        << "garbage behind the hash";
    EXPECT_FALSE(accepted(padded(kSha256Info + hash + std::string(20, '\0')))) << "zeros behind the hash";
    EXPECT_FALSE(accepted(padded(hash))) << "the bare hash";
    EXPECT_FALSE(accepted(padded(
        std::string("\x30\x2f\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x04\x20", 17) + hash)))
        << "parameters left out";
    std::string other = kSha256Info;
    other[14] = '\2';
    EXPECT_FALSE(accepted(padded(other + hash))) << "the name of another digest";
    other = kSha256Info;
    other[1] = '\x32';
    EXPECT_FALSE(accepted(padded(other + hash))) << "a length that is wrong";
    EXPECT_FALSE(accepted(padded(std::string("\x30\x81\x31", 3) + kSha256Info.substr(2) + hash)))
        << "a length that is not in its shortest form";
    EXPECT_FALSE(accepted(padded(kSha256Info + sha256(input + " "))));
    EXPECT_FALSE(accepted(padded(kSha256Info + hash.substr(0, 31)))) << "a hash cut short";
}

TEST(JwsNegative, RsaSignaturesOfAnotherLength) {
    const Key key = rsa_key();
    for (const char* algorithm : {"RS256", "PS256"}) {
        const auto refused = [&](const std::string& input, const std::string& signature) {
            return !passes(with_signature(input, signature), {public_jwk(key)});
        };
        bool seen = false;
        for (int i = 0; i < 5000 && !seen; ++i) {
            const std::string token =
                signed_token(key, algorithm, header(algorithm, R"(,"n":)" + std::to_string(i)), kClaims);
            const std::string input = input_of(token);
            const std::string raw = signature_of(token);
            if (i == 0) {
                EXPECT_TRUE(passes(token, {public_jwk(key)}));
                for (const std::string& signature :
                     {std::string(1, '\0') + raw, raw + std::string(1, '\0'), raw.substr(1),
                      raw.substr(0, 255), std::string(), std::string(256, '\0'),
                      std::string(255, '\0') + '\1', std::string(256, '\xff'),
                      bytes_of(parameter(key, "n").get(), 256)})
                    EXPECT_TRUE(refused(input, signature)) << algorithm << ' ' << signature.size();
                const Number sum = number(raw);
                BN_add(sum.get(), sum.get(), parameter(key, "n").get());
                EXPECT_TRUE(refused(input, bytes_of(sum.get(), 257))) << "the same modulo n";
            }
            if (raw[0] != '\0') continue;
            seen = true;
            EXPECT_TRUE(passes(token, {public_jwk(key)}));
            EXPECT_TRUE(refused(input, raw.substr(1))) << "a leading zero left out";
        }
        EXPECT_TRUE(seen);
    }
}

TEST(JwsNegative, PssParametersAreTheAlgorithms) {
    const Key key = rsa_key();
    const std::string input = input_for(header("PS256"));
    const auto accepted = [&](int salt, const EVP_MD* mask, const EVP_MD* digest) {
        const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                              EVP_MD_CTX_free);
        EVP_PKEY_CTX* parameters = nullptr;
        EXPECT_EQ(EVP_DigestSignInit(context.get(), &parameters, digest, nullptr, key.get()), 1);
        EXPECT_EQ(EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING), 1);
        EXPECT_EQ(EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, salt), 1);
        EXPECT_EQ(EVP_PKEY_CTX_set_rsa_mgf1_md(parameters, mask), 1);
        std::string signature(256, '\0');
        std::size_t size = signature.size();
        EXPECT_EQ(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                                 reinterpret_cast<const unsigned char*>(input.data()), input.size()),
                  1);
        return passes(with_signature(input, signature), {public_jwk(key)});
    };
    EXPECT_TRUE(accepted(32, EVP_sha256(), EVP_sha256()));
    for (const int salt : {0, 20, 31, 33, 64, RSA_PSS_SALTLEN_MAX})
        EXPECT_FALSE(accepted(salt, EVP_sha256(), EVP_sha256())) << salt;
    EXPECT_FALSE(accepted(32, EVP_sha1(), EVP_sha256())) << "masked with SHA-1";
    EXPECT_FALSE(accepted(32, EVP_sha512(), EVP_sha256()));
    EXPECT_FALSE(accepted(32, EVP_sha256(), EVP_sha512()));
    EXPECT_FALSE(passes(signed_token(key, "PS256", header("RS256"), kClaims), {public_jwk(key)}));
    EXPECT_FALSE(passes(signed_token(key, "RS256", header("PS256"), kClaims), {public_jwk(key)}));
}

Key rsa_with(unsigned bits, unsigned long exponent) {
    const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
        EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr), EVP_PKEY_CTX_free);
    const Number e(BN_new(), BN_free);
    BN_set_word(e.get(), exponent);
    EVP_PKEY* key = nullptr;
    EXPECT_EQ(EVP_PKEY_keygen_init(context.get()), 1);
    EXPECT_EQ(EVP_PKEY_CTX_set_rsa_keygen_bits(context.get(), static_cast<int>(bits)), 1);
    EXPECT_EQ(EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context.get(), e.get()), 1);
    EXPECT_EQ(EVP_PKEY_keygen(context.get(), &key), 1);
    return Key(key, EVP_PKEY_free);
}

TEST(JwsNegative, WeakRsaKeysAreNoKeys) {
    for (const int bits : {512, 1024, 2040, 2047}) {
        const Key key = rsa_with(static_cast<unsigned>(bits), 65537);
        EXPECT_FALSE(passes(signed_token(key, "RS256", header("RS256"), kClaims), {public_jwk(key)})) << bits;
    }
    // e = 1: the padded message is its own signature.
    const std::string input = input_for(header("RS256"));
    const std::string n = base64url_encode(bytes_of(parameter(rsa_key(), "n").get(), 256));
    for (const char* e : {"AQ", "AAAB", "AA", "", "Ag", "AQAA"})
        EXPECT_FALSE(passes(with_signature(input, padded(kSha256Info + sha256(input))),
                            {R"({"kty":"RSA","n":")" + n + R"(","e":")" + e + R"("})"}))
            << e;
}

// Bleichenbacher's forgery: the cube root of a message whose padding is short and whose end nobody looks at.
TEST(JwsNegative, CubeRootsDoNotPassForExponentThree) {
    const Key key = rsa_with(2048, 3);
    ASSERT_TRUE(passes(signed_token(key, "RS256", header("RS256"), kClaims), {public_jwk(key)}));
    const std::string input = input_for(header("RS256"));
    const std::string begin =
        std::string("\0\1", 2) + std::string(8, '\xff') + '\0' + kSha256Info + sha256(input);
    const Number target = number(begin + std::string(256 - begin.size(), '\xff'));
    const std::unique_ptr<BN_CTX, decltype(&BN_CTX_free)> scratch(BN_CTX_new(), BN_CTX_free);
    const Number root(BN_new(), BN_free);
    const Number cube(BN_new(), BN_free);
    const auto cubed = [&] {
        BN_sqr(cube.get(), root.get(), scratch.get());
        BN_mul(cube.get(), cube.get(), root.get(), scratch.get());
    };
    for (int bit = 690; bit >= 0; --bit) {
        BN_set_bit(root.get(), bit);
        cubed();
        if (BN_cmp(cube.get(), target.get()) > 0) BN_clear_bit(root.get(), bit);
    }
    cubed();
    ASSERT_EQ(bytes_of(cube.get(), 256).substr(0, begin.size()), begin)
        << "it looks right from its beginning";
    EXPECT_FALSE(passes(with_signature(input, bytes_of(root.get(), 256)), {public_jwk(key)}));
}

// ------------------------------------------------------------------------------------------- Ed25519

TEST(JwsNegative, Ed25519IsNotMalleable) {
    const Key key = ed25519_key();
    const std::string token = signed_token(key, "EdDSA", header("EdDSA"), kClaims);
    ASSERT_TRUE(passes(token, {public_jwk(key)}));
    const std::string input = input_of(token);
    const std::string raw = signature_of(token);
    const auto refused = [&](const std::string& signature) {
        return !passes(with_signature(input, signature), {public_jwk(key)});
    };
    // S + L, and further multiples, in little endian as S is.
    std::string order = *base64url_decode("7dP1XBpjEljWnPei3vneFAAAAAAAAAAAAAAAAAAAABA");
    std::string sum = raw.substr(32);
    for (int times = 1; times < 8; ++times) {
        int carry = 0;
        for (std::size_t i = 0; i < 32; ++i) {
            const int digit =
                static_cast<unsigned char>(sum[i]) + static_cast<unsigned char>(order[i]) + carry;
            sum[i] = static_cast<char>(digit & 0xff);
            carry = digit >> 8;
        }
        ASSERT_EQ(carry, 0);
        EXPECT_TRUE(refused(raw.substr(0, 32) + sum)) << times;
    }
    EXPECT_TRUE(refused(raw.substr(0, 32) + order)) << "S = L";
    EXPECT_TRUE(refused(std::string(64, '\0')));
    EXPECT_TRUE(refused(std::string(32, '\0') + raw.substr(32)));
    EXPECT_TRUE(refused(raw.substr(0, 32) + std::string(32, '\0')));
    EXPECT_TRUE(refused(raw.substr(32) + raw.substr(0, 32)));
    EXPECT_TRUE(refused(raw.substr(0, 63)));
    EXPECT_TRUE(refused(raw + '\0'));
    EXPECT_TRUE(refused(raw.substr(0, 32)));
    EXPECT_TRUE(refused(""));
    std::string signs = raw;
    signs[31] = static_cast<char>(signs[31] ^ 0x80);
    EXPECT_TRUE(refused(signs)) << "the other sign of R";
    signs = raw;
    signs[63] = static_cast<char>(signs[63] | 0xe0);
    EXPECT_TRUE(refused(signs)) << "the unused bits of S";
}

// With a public key of small order anybody can sign: [S]B = R + [k]A where A vanishes.
TEST(JwsNegative, Ed25519KeysOfSmallOrderAreNoKeys) {
    std::string identity(32, '\0');
    identity[0] = '\1';
    // S = 0 and R the identity satisfy the equation for every message if A is the identity.
    const std::string input = input_for(header("EdDSA"));
    const std::string jwk = R"({"kty":"OKP","crv":"Ed25519","x":")";
    EXPECT_FALSE(passes(with_signature(input, identity + std::string(32, '\0')),
                        {jwk + base64url_encode(identity) + R"("})"}));
    for (const char* point : {"0100000000000000000000000000000000000000000000000000000000000080",
                              "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                              "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
                              "0000000000000000000000000000000000000000000000000000000000000000",
                              "0000000000000000000000000000000000000000000000000000000000000080",
                              "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
                              "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
                              "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
                              "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
                              "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                              "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"}) {
        std::string x;
        for (std::size_t i = 0; i < 64; i += 2)
            x += static_cast<char>(std::stoi(std::string(point + i, 2), nullptr, 16));
        const auto set = KeySet::parse(jwks({jwk + base64url_encode(x) + R"("})"}));
        EXPECT_EQ(std::get<KeySet>(set).size(), 0u) << point;
    }
}

}  // namespace
}  // namespace flowctl::net::test
