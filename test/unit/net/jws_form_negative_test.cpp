// Headers, encodings, shapes and keys that must never pass, in the manner of Wycheproof's vectors for JWS and
// JWK: the signature is right each time, so it is by the form alone that they fail.
#include "base/base64.hpp"
#include "jws_negative.hpp"

namespace flowctl::net::test {
namespace {

// ------------------------------------------------------------------------------------------- the header

TEST(JwsNegative, KeysThatTheTokenBringsAreIgnored) {
    const Key ours = ec_key("P-256");
    const Key theirs = ec_key("P-256");
    for (const std::string& more : {
             R"(,"jwk":)" + public_jwk(theirs),
             std::string(R"(,"jku":"https://evil.example/jwks.json")"),
             std::string(R"(,"x5u":"https://evil.example/cert.pem")"),
             R"(,"x5c":[")" + base64_encode(public_pem(theirs)) + "\"]",
             std::string(R"(,"x5t":"AAAA","x5t#S256":"AAAA")"),
             std::string(R"(,"kid":"")"),
         }) {
        EXPECT_FALSE(
            passes(signed_token(theirs, "ES256", header("ES256", more), kClaims), {public_jwk(ours)}))
            << more;
        EXPECT_TRUE(passes(signed_token(ours, "ES256", header("ES256", more), kClaims), {public_jwk(ours)}))
            << more;
    }
    for (const char* kid :
         {"../../../../dev/null", "/dev/null", "' OR 1=1 --", "one\\u0000two", "ONE", "one "}) {
        const std::string head = header("ES256", R"(,"kid":")" + std::string(kid) + "\"");
        EXPECT_FALSE(
            passes(signed_token(ours, "ES256", head, kClaims), {public_jwk(ours, R"(,"kid":"one")")}))
            << kid;
    }
}

TEST(JwsNegative, HeadersThatAreRefused) {
    const Key key = ec_key("P-256");
    const auto accepted = [&](const std::string& head) {
        return passes(signed_token(key, "ES256", head, kClaims), {public_jwk(key)});
    };
    ASSERT_TRUE(accepted(R"({"alg":"ES256","typ":"at+jwt","x":1})"));
    ASSERT_TRUE(accepted(" {\"alg\" : \"ES256\",\r\n\t\"typ\" : \"at+jwt\"} ")) << "white space is JSON's";
    for (const std::string& head : {
             std::string(R"({"alg":"ES256","typ":"at+jwt","crit":["b64"],"b64":false})"),
             std::string(R"({"alg":"ES256","typ":"at+jwt","crit":["b64"],"b64":true})"),
             std::string(R"({"alg":"ES256","typ":"at+jwt","crit":[]})"),
             std::string(R"({"alg":"ES256","typ":"at+jwt","crit":null})"),
             std::string(R"({"alg":"ES256","typ":"at+jwt","crit":["alg"]})"),
             std::string(R"({"alg":"ES256","typ":"at+jwt","crit":"exp"})"),
             std::string(R"({"alg":"none","alg":"ES256","typ":"at+jwt"})"),
             std::string(R"({"alg":"ES256","typ":"at+jwt","alg":"none"})"),
             std::string(R"({"alg":"ES256","typ":"at+jwt","\u0061lg":"none"})"),
             std::string(R"({"\u0063rit":["b64"],"alg":"ES256","typ":"at+jwt"})"),
             std::string(R"({"alg":"ES256","typ":"at+jwt","kid":"a","kid":"b"})"),
             std::string(R"({"alg":"ES256","typ":"at+jwt","x":{"y":1,"y":2}})"),
             std::string("\xef\xbb\xbf") + R"({"alg":"ES256","typ":"at+jwt"})",
             std::string(R"({"alg":"ES256","typ":"at+jwt"}})"),
             std::string(R"({"alg":"ES256","typ":"at+jwt"}{})"),
             std::string(R"({"alg":"ES256","typ":"at+jwt"} x)"),
             std::string(R"({"alg":"ES256","typ":"at+jwt",})"),
             std::string(R"({"alg":"ES256","typ":"at+jwt")"),
             std::string(R"({'alg':'ES256','typ':'at+jwt'})"),
             std::string(R"({"alg":"ES256","typ":"at+jwt"} // x)"),
             R"({"alg":"ES256","typ":"at+jwt"})" + std::string(1, '\0'),
             std::string("{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"x\":\"\xff\"}"),
             R"({"alg":"ES256","typ":"at+jwt","x":)" + std::string(100, '[') + std::string(100, ']') + "}",
             std::string("null"),
             std::string(),
         })
        EXPECT_FALSE(accepted(head)) << head;
}

// ------------------------------------------------------------------------------------------- the form

TEST(JwsNegative, EncodingIsStrict) {
    const Key key = ed25519_key();
    // Lengths of 1 and 2 modulo 3, so that every segment's last character has unused bits.
    std::string head = header("EdDSA");
    while (head.size() % 3 == 0)
        head += ' ';
    std::string claims = kClaims;
    while (claims.size() % 3 == 0)
        claims += ' ';
    const std::string token = signed_token(key, "EdDSA", head, claims);
    ASSERT_TRUE(passes(token, {public_jwk(key)}));
    const std::size_t first = token.find('.');
    const std::size_t second = token.rfind('.');
    const auto refused = [&](const std::string& changed) { return !passes(changed, {public_jwk(key)}); };
    for (const std::size_t end : {first, second, token.size()}) {
        for (const std::string& junk :
             {std::string("="), std::string("=="), std::string(" "), std::string("\n"), std::string("\r\n"),
              std::string("\t"), std::string(1, '\0'), std::string("A"), std::string("AAAA"),
              std::string("%3D")}) {
            std::string changed = token;
            EXPECT_TRUE(refused(changed.insert(end, junk))) << end << junk;
        }
        // The same bytes, spelt with other unused bits.
        std::string changed = token;
        changed[end - 1] = static_cast<char>(changed[end - 1] + 1);
        EXPECT_TRUE(refused(changed)) << end;
    }
    for (const std::size_t at : {std::size_t{0}, std::size_t{5}, first + 1, second + 1, second + 9}) {
        for (const char* junk : {" ", "\n", "=", "+", "/", "\xc3\xa9"}) {
            std::string changed = token;
            EXPECT_TRUE(refused(changed.insert(at, junk))) << at << junk;
        }
    }
    // base64 of the other alphabet.
    std::string plain = token;
    for (char& c : plain)
        c = c == '-' ? '+' : c == '_' ? '/' : c;
    if (plain != token) {
        EXPECT_TRUE(refused(plain));
    }
}

// The unused bits of the unencoded last character are also checked where the bytes are the signature's own.
TEST(JwsNegative, NonCanonicalLastCharacters) {
    EXPECT_TRUE(base64url_decode("AA"));
    for (const char* text :
         {"AB", "AP", "A_", "AAB", "AAC", "AAD", "A", "AAAAA", "AA=", "AA==", "AAA=", "A A"})
        EXPECT_FALSE(base64url_decode(text)) << text;
}

TEST(JwsNegative, SegmentsThatAreTooManyOrTooFew) {
    const Key key = ec_key("P-256");
    const std::string token = signed_token(key, "ES256", header("ES256"), kClaims);
    const std::string input = input_of(token);
    const std::string signature = token.substr(token.rfind('.') + 1);
    const std::string head = token.substr(0, token.find('.'));
    const std::string claims = input.substr(input.find('.') + 1);
    const auto refused = [&](const std::string& text) { return !passes(text, {public_jwk(key)}); };
    ASSERT_FALSE(refused(token));
    for (const std::string& text :
         {token + ".", "." + token, token + ".e30", token + "." + token, token + ".AAAA.AAAA",
          head + "." + claims, head + ".." + signature, "." + claims + "." + signature,
          head + "." + claims + ".", token + " ", "Bearer " + token,
          head + "." + claims + "." + signature + "." + signature + "." + signature})
        EXPECT_TRUE(refused(text)) << text;
    // A detached payload, and one that is signed as it is (RFC 7797).
    EXPECT_TRUE(refused(signed_token(key, "ES256", header("ES256"), "")));
    const std::string unencoded = header("ES256", R"(,"b64":false,"crit":["b64"])");
    EXPECT_TRUE(refused(base64url_encode(unencoded) + '.' + kClaims + '.' + signature));
    // JSON serializations of the same token.
    EXPECT_TRUE(refused(R"({"payload":")" + claims + R"(","protected":")" + head + R"(","signature":")" +
                        signature + R"("})"));
    EXPECT_TRUE(refused(R"({"payload":")" + claims + R"(","signatures":[{"protected":")" + head +
                        R"(","signature":")" + signature + R"("}]})"));
}

// ------------------------------------------------------------------------------------------- the key set

TEST(JwkNegative, KeysThatAreNotWhole) {
    const auto count = [](const std::string& jwk) {
        const auto set = KeySet::parse(jwks({jwk}));
        return set.index() == 0 ? std::get<KeySet>(set).size() : std::size_t{0};
    };
    for (const Curve& curve : kCurves) {
        const Key key = ec_key(curve.group);
        const std::string x = bytes_of(parameter(key, OSSL_PKEY_PARAM_EC_PUB_X).get(), curve.width);
        const std::string y = bytes_of(parameter(key, OSSL_PKEY_PARAM_EC_PUB_Y).get(), curve.width);
        const Number p = parameter(key, OSSL_PKEY_PARAM_EC_P);
        const auto ec = [&](const std::string& first, const std::string& second) {
            return count(R"({"kty":"EC","crv":")" + std::string(curve.group) + R"(","x":")" +
                         base64url_encode(first) + R"(","y":")" + base64url_encode(second) + R"("})");
        };
        ASSERT_EQ(ec(x, y), 1u);
        const std::string zero(curve.width, '\0');
        std::string off = y;
        off.back() = static_cast<char>(off.back() ^ 1);
        EXPECT_EQ(ec(x, off), 0u) << "not on the curve";
        EXPECT_EQ(ec(zero, zero), 0u);
        EXPECT_EQ(ec("", ""), 0u) << "the point at infinity";
        EXPECT_EQ(ec(bytes_of(p.get(), curve.width), y), 0u) << "a coordinate that is p";
        EXPECT_EQ(ec(std::string(curve.width, '\xff'), y), 0u);
        EXPECT_EQ(ec(std::string(1, '\0') + x, y), 0u);
        EXPECT_EQ(ec(x.substr(1), y), 0u);
        EXPECT_EQ(ec(x + y, ""), 0u);
        EXPECT_EQ(ec(x, std::string(1, '\3')), 0u) << "compressed";
        const Number sum = number(x);
        BN_add(sum.get(), sum.get(), p.get());
        if (static_cast<std::size_t>(BN_num_bytes(sum.get())) <= curve.width) {
            EXPECT_EQ(ec(bytes_of(sum.get(), curve.width), y), 0u) << "the same modulo p";
        }
        for (const char* name :
             {"P-256", "P-384", "P-521", "p-256", "secp256r1", "prime256v1", "P-256K", "1.2.840.10045.3.1.7"})
            if (name != std::string(curve.group)) {
                EXPECT_EQ(count(R"({"kty":"EC","crv":")" + std::string(name) + R"(","x":")" +
                                base64url_encode(x) + R"(","y":")" + base64url_encode(y) + R"("})"),
                          0u)
                    << name;
            }
    }
    const std::string rsa = public_jwk(rsa_key());
    ASSERT_EQ(count(rsa), 1u);
    for (const auto& [from, to] :
         {std::pair{R"("kty":"RSA")", R"("kty":"rsa")"}, std::pair{R"("kty":"RSA")", R"("kty":"EC")"},
          std::pair{R"("kty":"RSA")", R"("kty":"oct")"}, std::pair{R"("kty":"RSA",)", ""},
          std::pair{R"("kty":"RSA")", R"("kty":"RSA","\u006b\u0074\u0079":"EC")"},
          std::pair{R"("e":"AQAB")", R"("e":"AQAB=")"}, std::pair{R"("e":"AQAB")", R"("e":65537)"},
          std::pair{R"("e":"AQAB")", R"("e":"AQAB","e":"AQAB")"}, std::pair{R"("n":")", R"("n":" )"},
          std::pair{R"("n":")", R"("N":")"}}) {
        std::string changed = rsa;
        ASSERT_NE(changed.find(from), std::string::npos) << from;
        changed.replace(changed.find(from), std::string(from).size(), to);
        EXPECT_EQ(count(changed), 0u) << to;
    }
}

}  // namespace
}  // namespace flowctl::net::test
