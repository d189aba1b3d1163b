// What issuers may answer at the token endpoint, from odd to hostile; and that no message tells a secret.
#include <gtest/gtest.h>

#include "base/base64.hpp"
#include "net/crypto/encoding.hpp"
#include "net/tokens/issuer_trouble.hpp"
#include "net/tokens/token_endpoint.hpp"
#include "token_test_support.hpp"

namespace flowctl::net::test {
namespace {

constexpr const char* kSecret = "open-sesame+57 /x";

Credential credential(const std::string& scope = "") {
    Credential out;
    out.issuer.url = "https://idp.example";
    out.client.client_id = "orders";
    out.client.secret = Secret(kSecret);
    out.scope = scope;
    return out;
}

TokenAnswer read(const std::string& body, int status = 200, const std::string& scope = "") {
    Answer answer;
    answer.status = status;
    answer.body = body;
    TokenAnswer result = read_token_answer(credential(scope), answer);
    EXPECT_EQ(answer.body, "") << "the body is wiped";
    return result;
}

std::string fault(const std::string& body, int status = 200, const std::string& scope = "") {
    const TokenAnswer result = read(body, status, scope);
    return result.trouble ? result.trouble->message : "";
}

std::string success(const std::string& more, const std::string& type = "Bearer") {
    return R"({"access_token":"opaque-1","token_type":")" + type + "\"" + more + "}";
}

TEST(TokenAnswer, TokenTypeInAnyCase) {
    for (const char* type : {"Bearer", "bearer", "BEARER"})
        EXPECT_EQ(fault(success("", type)), "") << type;
    for (const char* type : {"", "DPoP", "mac", "Bearer ", "bearerx", "N_A"}) {
        EXPECT_NE(fault(success("", type)).find("not of type Bearer"), std::string::npos) << type;
    }
    for (const char* body :
         {R"({"access_token":"opaque-1"})", R"({"access_token":"opaque-1","token_type":7})"}) {
        EXPECT_NE(fault(body).find("holds no token_type"), std::string::npos) << body;
        EXPECT_TRUE(read(body).token) << "it lives, and must be revoked";
    }
}

TEST(TokenAnswer, AByteOrderMarkIsPassedOver) {
    EXPECT_EQ(fault("\xef\xbb\xbf" + success("")), "");
    EXPECT_NE(fault("\xef\xbb\xbf"
                    R"({"error":"invalid_client"})",
                    401)
                  .find("invalid_client"),
              std::string::npos);
}

TEST(TokenAnswer, CreatedIsASuccessToo) {
    EXPECT_EQ(fault(success(""), 201), "");
    EXPECT_TRUE(read(success(""), 201).token);
    EXPECT_NE(fault(success(""), 202), "");
    EXPECT_NE(fault(success(""), 204), "");
    EXPECT_NE(fault("{}", 201).find("holds no access_token"), std::string::npos);
}

// Some issuers refuse with 200.
TEST(TokenAnswer, ARefusalThatSaysSuccess) {
    const TokenAnswer refused = read(R"({"error":"invalid_client","error_description":"no such client"})");
    ASSERT_TRUE(refused.trouble);
    EXPECT_FALSE(refused.token);
    EXPECT_NE(refused.trouble->message.find("HTTP 200: invalid_client (no such client)"), std::string::npos)
        << refused.trouble->message;
    EXPECT_EQ(refused.trouble->remedy, Remedy::None);
    EXPECT_EQ(read(R"({"error":"temporarily_unavailable"})").trouble->remedy, Remedy::Retry);
    EXPECT_EQ(read(R"({"error":"slow_down"})").trouble->remedy, Remedy::BackOff);
    EXPECT_EQ(read(R"({"error":"interaction_required"})").trouble->fault,
              CredentialFault::InteractionRequired);
    EXPECT_EQ(read(R"({"error":""})").trouble->remedy, Remedy::Later);
    // An answer with a token is judged by the token.
    EXPECT_EQ(fault(success(R"(,"error":"none")")), "");
}

TEST(TokenAnswer, AnEncodingThatNobodyAskedFor) {
    const auto message = [](const char* encoding, const std::string& body) {
        Answer answer;
        answer.status = 200;
        answer.body = body;
        answer.headers = {{"content-encoding", encoding}};
        const TokenAnswer result = read_token_answer(credential(""), answer);
        return result.trouble ? result.trouble->message : "";
    };
    EXPECT_NE(message("gzip", "\x1f\x8b").find("is encoded (gzip), which was not asked for"),
              std::string::npos);
    EXPECT_EQ(message("Identity", "\x1f\x8b").find("encoded"), std::string::npos);
    EXPECT_EQ(message("gzip", success("")), "") << "it says so and is not";
}

TEST(TokenAnswer, ExpiresInAsIssuersWriteIt) {
    const auto lifetime = [](const std::string& value) {
        const TokenAnswer result = read(success(",\"expires_in\":" + value));
        EXPECT_FALSE(result.trouble) << value;
        return result.token->lifetime.count();
    };
    EXPECT_EQ(lifetime("3600"), 3600);
    EXPECT_EQ(lifetime("3600.0"), 3600);
    EXPECT_EQ(lifetime("\"3600\""), 3600);
    EXPECT_EQ(lifetime("0.5"), 0.5);
    EXPECT_EQ(lifetime("null"), 60);
    EXPECT_EQ(lifetime("1e300"), 86400);
    EXPECT_EQ(lifetime("99999999999999999999999"), 86400);
    EXPECT_EQ(read(success("")).token->lifetime.count(), 60);
    for (const char* value : {"0", "-1", "\"\"", "\"soon\"", "\"12x\"", "\" 12\"", "\"nan\"", "\"inf\"",
                              "\"-inf\"", "\"-5\"", "true", "[]", "{}", "\"1e999\""}) {
        EXPECT_NE(fault(success(std::string(",\"expires_in\":") + value)), "") << value;
    }
}

TEST(TokenAnswer, ScopeMustCoverWhatWasAsked) {
    const auto with = [](const char* granted) { return success(std::string(",\"scope\":") + granted); };
    EXPECT_EQ(fault(success(""), 200, "a b"), "");
    EXPECT_EQ(fault(with("\"b  c a\""), 200, "a b"), "");
    EXPECT_EQ(fault(with(R"(["a","b"])"), 200, "a b"), "");
    EXPECT_EQ(fault(with("null"), 200, "a b"), "");
    EXPECT_EQ(fault(with("\"api://x/Read\""), 200, "api://x/.default"), "");
    EXPECT_NE(fault(with("\"a\""), 200, "a b").find("scope \"b\" is missing"), std::string::npos);
    EXPECT_NE(fault(with("\"A b\""), 200, "a b"), "");
    EXPECT_NE(fault(with("\"\""), 200, "a"), "");
    EXPECT_NE(fault(with("\"ab\""), 200, "a"), "");
    const TokenAnswer narrowed = read(with("\"a\""), 200, "a b");
    EXPECT_TRUE(narrowed.token) << "it lives and must be revoked";
    EXPECT_EQ(narrowed.trouble->remedy, Remedy::None);
}

TEST(TokenAnswer, AccessTokenMustBePrintableAndShort) {
    const auto with = [](const std::string& token) {
        return R"({"token_type":"bearer","access_token":)" + token + "}";
    };
    EXPECT_EQ(fault(with("\"" + std::string(16 * 1024, 'x') + "\"")), "");
    EXPECT_NE(fault(with("\"" + std::string(16 * 1024 + 1, 'x') + "\"")), "");
    for (const char* token : {"\"\"", "\"a b\"", "\"a\\r\\nX-Evil: 1\"", "\"a\\u0000b\"", "\"\xc3\xa9\"",
                              "\"\\u007f\"", "7", "null", "{}", "[\"x\"]"}) {
        EXPECT_NE(fault(with(token)), "") << token;
    }
}

TEST(TokenAnswer, FingerprintIsTheJtiOrAHash) {
    const std::string jwt =
        base64url_encode(R"({"alg":"RS256"})") + '.' + base64url_encode(R"({"jti":"log-me"})") + ".c2ln";
    EXPECT_EQ(read(R"({"token_type":"bearer","access_token":")" + jwt + "\"}").token->info.fingerprint,
              "log-me");
    EXPECT_EQ(read(success("")).token->info.fingerprint.size(), 16u);
}

TEST(TokenAnswer, MalformedSuccess) {
    for (const char* body :
         {"", "null", "[]", "\"token\"", "{", "{}", "access_token=x&token_type=bearer", "<html>hi</html>",
          R"({"access_token":"a","access_token":"b","token_type":"bearer"})", "\xff\xfe",
          "{\"access_token\":\"opaque-1\""}) {
        const TokenAnswer result = read(body);
        ASSERT_TRUE(result.trouble) << body;
        EXPECT_FALSE(result.token) << body;
        EXPECT_EQ(result.trouble->remedy, Remedy::Later) << body;
        EXPECT_EQ(result.trouble->message.find("opaque-1"), std::string::npos);
    }
    EXPECT_NE(fault("{\"a\":" + std::string(50000, '[')), "");
    EXPECT_NE(fault("{\"a\":\"" + std::string(70000, 'x') + "\"}"), "");
    for (const int status : {202, 204, 206})
        EXPECT_NE(fault(success(""), status), "") << status;
}

TEST(TokenAnswer, RemedyByStatus) {
    const auto remedy = [](int status, const std::string& body) {
        return read(body, status).trouble->remedy;
    };
    for (const int status : {400, 401, 403}) {
        EXPECT_EQ(remedy(status, ""), Remedy::None) << status;
        EXPECT_EQ(remedy(status, "<html>forbidden</html>"), Remedy::None) << status;
        EXPECT_EQ(remedy(status, R"({"error":"server_error"})"), Remedy::Retry) << status;
        EXPECT_EQ(remedy(status, R"({"error":"slow_down"})"), Remedy::BackOff) << status;
    }
    for (const int status : {408, 500, 502, 504})
        EXPECT_EQ(remedy(status, ""), Remedy::Retry) << status;
    for (const int status : {429, 503}) {
        EXPECT_EQ(remedy(status, R"({"error":"invalid_client"})"), Remedy::BackOff) << status;
    }
    for (const int status : {301, 302, 307, 308})
        EXPECT_EQ(remedy(status, ""), Remedy::None) << status;
    for (const int status : {404, 405, 415, 501})
        EXPECT_EQ(remedy(status, ""), Remedy::Later) << status;
}

TEST(TokenAnswer, ErrorIsToldWithItsDescription) {
    EXPECT_EQ(
        fault(R"({"error":"invalid_scope","error_description":"no such scope: x"})", 400),
        "issuer https://idp.example: token request answered HTTP 400: invalid_scope (no such scope: x)");
    EXPECT_EQ(fault("", 403), "issuer https://idp.example: token request answered HTTP 403");
    EXPECT_EQ(fault(R"({"error":{"code":1}})", 400),
              "issuer https://idp.example: token request answered HTTP 400");
}

TEST(TokenAnswer, ErrorsTellNoSecret) {
    const std::string basic = base64_encode(form_encode("orders") + ":" + form_encode(kSecret));
    const std::string jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJvcmRlcnMifQ.c2lnbmF0dXJlc2lnbmF0dXJl";
    for (const std::string& echoed : {std::string(kSecret), form_encode(kSecret), basic, jwt}) {
        for (const char* field : {"error", "error_description"}) {
            std::string other = std::string(field) == "error" ? "" : R"("error":"invalid_client",)";
            const std::string body =
                "{" + other + "\"" + field + "\":\"bad (" + echoed + ") " + echoed + " again\"}";
            const std::string message = fault(body, 401);
            EXPECT_EQ(message.find(echoed), std::string::npos) << message;
            EXPECT_NE(message.find("[redacted]"), std::string::npos) << message;
        }
    }
}

TEST(QuoteForeign, StripsAndShortens) {
    EXPECT_EQ(quote_foreign("a\x01\x1b[31mb\nc\x7f\xc3\xa9", {}, 100), "a[31mb c");
    EXPECT_EQ(quote_foreign(std::string(1000, ' '), {}, 10), std::string(10, ' ') + "...");
    // A secret that the cut would halve is gone before the cut.
    EXPECT_EQ(quote_foreign("0123456 secret word", {"secret word"}, 12), "0123456 [red...");
    // A control character inside does not hide it.
    EXPECT_EQ(quote_foreign("se\x01"
                            "cret word",
                            {"secret word"}, 50),
              "[redacted]");
    EXPECT_EQ(quote_foreign("Trace ID: 0000aaaa-11bb-cccc-dddd-eeeeee222222.", {}, 100),
              "Trace ID: 0000aaaa-11bb-cccc-dddd-eeeeee222222.");
    EXPECT_EQ(quote_foreign("x 0123456789012345678901234567890z y", {}, 100), "x [redacted] y");
    EXPECT_EQ(quote_foreign("", {"", "a"}, 100), "");
}

}  // namespace
}  // namespace flowctl::net::test
