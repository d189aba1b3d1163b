// Redactor: an echoed token is found in the shapes that servers write it, and nothing else is touched.
#include "net/http/redact.hpp"

#include <gtest/gtest.h>

#include <chrono>

#include "base/base64.hpp"
#include "net/crypto/encoding.hpp"
#include "net/http/url.hpp"

namespace flowctl::net {
namespace {

constexpr std::string_view kToken = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.ab-c_d/e+f=~g";

std::string redacted(std::string text, std::string_view secret = kToken) {
    Redactor redactor;
    redactor.add(secret);
    const std::string before = text;
    const bool replaced = redactor.apply(text);
    EXPECT_EQ(replaced, text != before);
    return text;
}

TEST(Redactor, Verbatim) {
    const std::string token(kToken);
    EXPECT_EQ(redacted(token), "[redacted]");
    EXPECT_EQ(redacted("Bearer " + token + "!"), "Bearer [redacted]!");
    EXPECT_EQ(redacted(token + token), "[redacted][redacted]");
    EXPECT_EQ(redacted("a" + token + "b" + token + "c"), "a[redacted]b[redacted]c");
}

TEST(Redactor, Escaped) {
    std::string json;
    std::string slashes;
    std::string all_percent;
    std::string entities;
    static constexpr char kHex[] = "0123456789abcdef";
    for (unsigned char c : kToken) {
        json += std::string("\\u00") + kHex[c >> 4] + kHex[c & 15];
        all_percent += std::string("%") + kHex[c >> 4] + kHex[c & 15];
        entities += c == '/' ? "&#x2F;" : c == '+' ? "&#43;" : std::string(1, static_cast<char>(c));
        slashes += c == '/' ? "\\/" : std::string(1, static_cast<char>(c));
    }
    EXPECT_EQ(redacted("{\"a\":\"" + json + "\"}"), "{\"a\":\"[redacted]\"}");
    EXPECT_EQ(redacted("{\"a\":\"" + slashes + "\"}"), "{\"a\":\"[redacted]\"}");
    EXPECT_EQ(redacted("<p>" + entities + "</p>"), "<p>[redacted]</p>");
    EXPECT_EQ(redacted("?t=" + percent_encode(kToken) + "&x=%41"), "?t=[redacted]&x=%41");
    EXPECT_EQ(redacted("?t=" + all_percent), "?t=[redacted]");
    EXPECT_EQ(redacted("?t=" + percent_encode(percent_encode(kToken))), "?t=[redacted]") << "two deep";
    EXPECT_EQ(redacted("%" + std::string(kToken) + "\\u12"), "%[redacted]\\u12")
        << "broken escapes around it";
}

// A password may hold what JSON has to escape, and each escape is found by itself.
TEST(Redactor, EscapesOfJson) {
    EXPECT_EQ(redacted(R"(<a\"b>)", R"(a"b)"), "<[redacted]>");
    EXPECT_EQ(redacted(R"(<a\\b>)", R"(a\b)"), "<[redacted]>");
    EXPECT_EQ(redacted(R"(<a\/b>)", "a/b"), "<[redacted]>");
    EXPECT_EQ(redacted(R"({"p":"q\"u\\o\/te","x":1})", R"(q"u\o/te)"), R"({"p":"[redacted]","x":1})");
    EXPECT_EQ(redacted(R"(JSON in JSON: {\"p\":\"q\\\"u\\\\o\\\/te\"})", R"(q"u\o/te)"),
              R"(JSON in JSON: {\"p\":\"[redacted]\"})");
    for (const char* text :
         {R"(a\nb)", R"(a\'b)", R"(a\)", R"(a\u)", R"(a\u002)", R"(a\u00g2b)", R"(a\U0022b)"})
        EXPECT_EQ(redacted(text, R"(a"b)"), text) << "no escape of a quote";
    EXPECT_EQ(redacted(R"(<\u007e\u007E>)", "~~"), "<[redacted]>");
    EXPECT_EQ(redacted(R"(<a\u0080b>)",
                       "a\x80"
                       "b"),
              R"(<a\u0080b>)")
        << "a character, not a byte";
    EXPECT_EQ(redacted(R"(<a\u0041b>)", "aAb"), "<[redacted]>");
    EXPECT_EQ(redacted(R"(<a\u0141b>)", "aAb"), R"(<a\u0141b>)");
}

TEST(Redactor, EntitiesOfHtml) {
    for (const char* text :
         {"<a&#47;b>", "<a&#x2f;b>", "<a&#X2F;b>", "<a&#0047;b>", "<a&#00047;b>", "<a&#x0002f;b>"})
        EXPECT_EQ(redacted(text, "a/b"), "<[redacted]>") << text;
    for (const char* text :
         {"a&#;b", "a&#x;b", "a&#47b", "a&#4g;b", "a&#000047;b", "a&#303;b", "a&47;b", "a&#", "a&#x"})
        EXPECT_EQ(redacted(text, "a/b"), text) << "no entity of a slash";
    EXPECT_EQ(redacted("<&#126;&#x7E;>", "~~"), "<[redacted]>");
    EXPECT_EQ(redacted("<a&#128;b>",
                       "a\x80"
                       "b"),
              "<a&#128;b>");
}

TEST(Redactor, PercentEncoding) {
    EXPECT_EQ(redacted("<a%2fb>", "a/b"), "<[redacted]>");
    EXPECT_EQ(redacted("<a%2Fb>", "a/b"), "<[redacted]>");
    EXPECT_EQ(redacted("<a%C3%a4>", "a\xc3\xa4"), "<[redacted]>");
    for (const char* text : {"a%2gb", "a%g2b", "a%2", "a%"})
        EXPECT_EQ(redacted(text, "a/b"), text);
}

// Twice escaped is found, and three times is not: somebody who wants to hide it can anyway.
TEST(Redactor, TwoDeepAndNoMore) {
    const std::string once = percent_encode("a/b");
    const std::string twice = percent_encode(once);
    const std::string thrice = percent_encode(twice);
    EXPECT_EQ(redacted(once, "a/b"), "[redacted]");
    EXPECT_EQ(redacted(twice, "a/b"), "[redacted]");
    EXPECT_EQ(redacted(thrice, "a/b"), thrice);
}

TEST(Redactor, Base64OfSixBytesAndNoFewer) {
    EXPECT_EQ(redacted("<" + base64_encode("sixbyt") + ">", "sixbyt"), "<[redacted]>");
    const std::string short_one = "<" + base64_encode("fiveb") + ">";
    EXPECT_EQ(redacted(short_one, "fiveb"), short_one);
}

TEST(Redactor, Base64AtEveryOffset) {
    for (const std::string before : {"", "x", "xy", "Bearer ", "user:pw:"})
        for (const std::string behind : {"", "z", "zz", "zzz"}) {
            const std::string plain = before + std::string(kToken) + behind;
            for (const std::string& encoded : {base64_encode(plain), base64url_encode(plain)}) {
                const std::string out = redacted("<" + encoded + ">");
                EXPECT_NE(out.find("[redacted]"), std::string::npos) << plain;
                // What stays is what encodes the neighbours.
                EXPECT_LE(out.size(), (before.size() + behind.size()) * 4 / 3 + 20) << out;
            }
        }
}

// Every character goes that holds a bit of the secret, and no other one.
TEST(Redactor, Base64ToTheBit) {
    const std::string letters = "the-secret-itself!";
    for (std::size_t length = 9; length <= 14; ++length)
        for (std::size_t before = 0; before <= 4; ++before)
            for (std::size_t behind = 0; behind <= 4; ++behind) {
                const std::string secret = letters.substr(0, length);
                const std::string plain = std::string(before, 'B') + secret + std::string(behind, 'C');
                const std::string encoded = base64_encode(plain);
                const std::size_t begin = before * 8 / 6;
                const std::size_t end = ((before + length) * 8 + 5) / 6;
                EXPECT_EQ(redacted(encoded, secret),
                          encoded.substr(0, begin) + "[redacted]" + encoded.substr(end))
                    << plain;
            }
}

TEST(Redactor, LeavesTheRest) {
    const std::string most(kToken.substr(0, kToken.size() - 1));
    for (const std::string& text : {std::string(), std::string("hello %41 \\u0041 &#65; % \\"), most,
                                    most + "x", std::string("eyJhbGciOiJSUzI1NiJ9"), std::string(3, '\0')})
        EXPECT_EQ(redacted(text), text);
    EXPECT_EQ(redacted("anything", ""), "anything");
    EXPECT_EQ(redacted("a short xyz here", "xyz"), "a short [redacted] here");
}

TEST(Redactor, SeveralSecretsAndOverlaps) {
    Redactor redactor;
    redactor.add("first-token");
    redactor.add("token-second");
    std::string text = "first-token-second first-token token-second";
    EXPECT_TRUE(redactor.apply(text));
    EXPECT_EQ(text, "[redacted] [redacted] [redacted]");
}

// The other side knows the token and can write text made to slow a search down.
TEST(Redactor, LinearInHostileText) {
    const std::string token = std::string(20000, 'a') + "b";
    std::string text(4 << 20, 'a');
    std::string escapes;
    while (escapes.size() < (2U << 20))
        escapes += "%61";
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(redacted(text, token), text);
    EXPECT_EQ(redacted(escapes, token), escapes);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10))
        << "quadratic would be minutes";
}

}  // namespace
}  // namespace flowctl::net
