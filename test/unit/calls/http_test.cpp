// Plain HTTP, :invoke, AWS's HTTP Task and Lambda's convention: requests, results, errors.
#include "calls/http_answer.hpp"
#include "calls_support.hpp"

namespace flowctl::calls {
namespace {

// ----------------------------------------------------------------------------------------------- plain

TEST(Plain, PostsTheInput) {
    const RequestParts parts = accepted(TaskOf("flowctl:http:a", R"({"n": 1.50})").request(plain()));
    EXPECT_EQ(parts.method, "POST");
    EXPECT_EQ(parts.url, "https://api.example.com/v1");
    EXPECT_EQ(header(parts, "Content-Type"), "application/json");
    EXPECT_EQ(parts.body, R"({"n":1.50})");
}

TEST(Plain, ResultIsTheBody) {
    EXPECT_EQ(text_of(plain().result(answered(200, R"({"a": [1, 2.0]})"), "a")), R"({"a":[1,2.0]})");
    EXPECT_EQ(text_of(plain().result(answered(204, ""), "a")), "null");
    EXPECT_EQ(
        text_of(plain().result(answered(299, "1", {{"content-type", "application/problem+json"}}), "a")),
        "1");
    EXPECT_EQ(text_of(plain().result(answered(200, "{x", {{"content-type", "text/plain"}}), "a")), R"("{x")");
}

TEST(Plain, BodyThatCannotBeUsed) {
    const Refusal json_failure = failure(plain().result(answered(200, R"({"a": )"), "pay"));
    EXPECT_EQ(json_failure.error, "Flowctl.InvalidResponse");
    EXPECT_NE(json_failure.cause.find("endpoint \"pay\": the answer is not usable JSON"), std::string::npos)
        << json_failure.cause;
    for (const std::string& body : {std::string("\xff\xfe"), std::string("\"\xed\xa0\x80\""),
                                    std::string("\"\xc0\xaf\""), std::string("a\0b", 3)})
        for (const char* type : {"application/json", "text/plain"})
            EXPECT_EQ(text_of(plain().result(answered(200, body, {{"content-type", type}}), "pay")),
                      "Flowctl.InvalidResponse: endpoint \"pay\": the answer is not valid UTF-8");
    EXPECT_EQ(failure(plain().result(answered(200, "\"\\u0000\""), "pay")).error, "Flowctl.InvalidResponse");
    EXPECT_EQ(failure(plain().result(answered(200, std::string(100'000, '[')), "pay")).error,
              "Flowctl.InvalidResponse");
}

TEST(Plain, MediaTypesOfJson) {
    const auto read = [](const char* type) {
        return text_of(plain().result(answered(200, R"({"id":7})", {{"content-type", type}}), "a"));
    };
    for (const char* type : {"application/json", "Application/JSON; Charset=UTF-8",
                             "application/json;charset=utf-8", " application/json ", "text/json",
                             "application/problem+json", "application/VND.API+JSON; ext=\"x\"",
                             "application/x-amz-json-1.1", "application/json-patch+json", "json", ""})
        EXPECT_EQ(read(type), R"({"id":7})") << type;
    for (const char* type :
         {"text/plain", "application/x-ndjson", "application/jsonlines", "application/json-seq",
          "application/geo+json-seq", "text/plain; note=json", "application/jsonp", "application/xml"})
        EXPECT_EQ(read(type), R"("{\"id\":7}")") << type;
}

TEST(Plain, AByteOrderMarkIsNoPartOfJson) {
    EXPECT_EQ(text_of(plain().result(answered(200, "\xef\xbb\xbf{\"a\":1}"), "a")), R"({"a":1})");
    EXPECT_EQ(text_of(plain().result(answered(200, "\xef\xbb\xbf"), "a")), "null");
    EXPECT_EQ(failure(plain().result(answered(200, "\xef\xbb\xbf\xef\xbb\xbf{}"), "a")).error,
              "Flowctl.InvalidResponse")
        << "one is passed over, not two";
}

TEST(Plain, AnAnswerThatIsEncodedIsNamed) {
    const std::string zipped("\x1f\x8b\x08\x00", 4);
    for (const char* type : {"application/json", "text/plain"})
        EXPECT_EQ(
            text_of(plain().result(
                answered(200, zipped, {{"content-type", type}, {"content-encoding", "gzip"}}), "pay")),
            "Flowctl.InvalidResponse: endpoint \"pay\": the answer is encoded (Content-Encoding: gzip), "
            "which nobody asked for");
    EXPECT_EQ(text_of(plain().result(answered(200, "1", {{"content-encoding", "Identity"}}), "a")), "1");
    EXPECT_EQ(text_of(plain().result(answered(200, "1", {{"content-encoding", " "}}), "a")), "1");
    EXPECT_EQ(text_of(plain().result(answered(204, "", {{"content-encoding", "gzip"}}), "a")), "null");
    auto document = answered(200, zipped, {{"content-encoding", "br"}});
    EXPECT_EQ(std::get<Refusal>(successful_text(std::move(document), "pay")).cause,
              "endpoint \"pay\": the answer is encoded (Content-Encoding: br), which nobody asked for");
}

TEST(Plain, StatusIsAnErrorWithTheWholeAnswer) {
    const Refusal refusal = failure(plain().result(answered(404, R"({"why": "gone"})"), "a"));
    EXPECT_EQ(refusal.error, "States.Http.StatusCode.404");
    EXPECT_EQ(refusal.cause, R"({"StatusCode":404,"StatusText":"Trouble","ResponseBody":{"why":"gone"}})");
    EXPECT_EQ(failure(plain().result(answered(301, ""), "a")).error, "States.Http.StatusCode.301");
    EXPECT_EQ(failure(plain().result(answered(199, ""), "a")).error, "States.Http.StatusCode.199");
    EXPECT_EQ(failure(plain().result(answered(500, "\xff" + std::string(10'000, 'x')), "a")).cause,
              R"({"StatusCode":500,"StatusText":"Trouble","ResponseBody":"?)" + std::string(4'095, 'x') +
                  R"(..."})");
}

TEST(Plain, FailuresBelowHttp) {
    using net::Failure;
    for (const Failure one :
         {Failure::Resolve, Failure::Connect, Failure::Tls, Failure::Timeout, Failure::Protocol})
        EXPECT_EQ(text_of(plain().result(failed(one), "a")), "States.Http.Socket: it failed");
    EXPECT_EQ(failure(plain().result(failed(Failure::Refused), "a")).error, "States.Permissions");
    EXPECT_EQ(failure(plain().result(failed(Failure::TooLarge), "a")).error, "Flowctl.InvalidResponse");
    net::Response credential = failed(Failure::Credential);
    EXPECT_EQ(failure(plain().result(credential, "a")).error, "Flowctl.CredentialFailed");
    credential.credential_fault = net::CredentialFault::SubjectTokenLost;
    EXPECT_EQ(failure(plain().result(credential, "a")).error, "Flowctl.SubjectTokenLost");
    credential.credential_fault = net::CredentialFault::InteractionRequired;
    EXPECT_EQ(failure(plain().result(credential, "a")).error, "Flowctl.InteractionRequired");
    EXPECT_EQ(failure(plain().result(failed(Failure::Connect, "caf\xe9"), "a")).cause, "caf?");
}

TEST(Plain, FollowsNothing) {
    EXPECT_FALSE(plain().progress(json::Value(), parsed(R"({"id": 1})")));
    const Meaning meaning = meaning_of(plain(), json::Value(), answered(200, "7"), "a");
    EXPECT_EQ(json::dump(std::get<json::Value>(meaning.what)), "7");
    EXPECT_EQ(meaning.error, "");
}

TEST(Plain, CausesAreBounded) {
    const std::string body = json::dump(json::Value::string(std::string(40'000, 'x') + "\u00fc"));
    const Meaning meaning = meaning_of(plain(), json::Value(), answered(500, body), "a");
    const auto& refusal = std::get<Refusal>(meaning.what);
    EXPECT_EQ(refusal.cause.size(), 32'768u + 3);
    EXPECT_TRUE(refusal.cause.ends_with("x..."));
    EXPECT_EQ(meaning.error, "States.Http.StatusCode.500");
}

// ---------------------------------------------------------------------------------------------- invoke

RequestParts invoked(std::string_view input) {
    return accepted(TaskOf("flowctl:http:a:invoke", input).request(invoke()));
}
std::string invoke_error(std::string_view input) {
    return refused(TaskOf("flowctl:http:a:invoke", input).request(invoke())).error;
}

TEST(Invoke, MethodPathQueryHeadersBody) {
    const RequestParts parts = invoked(R"({"Method": "PUT", "Path": "/orders/7 a",
        "QueryParameters": {"q": "a&b", "n": [1, true, null]},
        "Headers": {"X-One": "1", "X-Many": ["a", 2]}, "RequestBody": {"x": 1}})");
    EXPECT_EQ(parts.method, "PUT");
    EXPECT_EQ(parts.url, "https://api.example.com/v1/orders/7%20a?q=a%26b&n=1&n=true&n=null");
    EXPECT_EQ(header(parts, "X-One"), "1");
    EXPECT_EQ(header(parts, "X-Many"), "a, 2");
    EXPECT_EQ(header(parts, "Content-Type"), "application/json");
    EXPECT_EQ(parts.body, R"({"x":1})");
}

TEST(Invoke, NullsAreAbsent) {
    const RequestParts parts =
        invoked(R"({"Method": "GET", "Path": null, "QueryParameters": null, "Headers": null})");
    EXPECT_EQ(parts.url, "https://api.example.com/v1");
    EXPECT_TRUE(parts.headers.empty());
    EXPECT_EQ(parts.body, "");
}

TEST(Invoke, APathStaysUnderTheEndpoint) {
    for (const char* path : {"../admin", "/../admin", "/a/../../admin", "/%2e%2e/admin", "/%252e%252e/admin",
                             "//evil.example", "/a\\\\b", "/a?b", "/a#b", "@evil.example", "/%zz"})
        EXPECT_EQ(invoke_error(R"({"Method": "GET", "Path": ")" + std::string(path) + R"("})"),
                  "States.Permissions")
            << path;
}

TEST(Invoke, WhatDoesNotFitIsRefused) {
    for (const char* input :
         {"[]", "1", "{}", R"({"Method": "get"})", R"({"Method": "TRACE"})", R"({"Method": 1})",
          R"({"Method": "GET", "Path": 1})", R"({"Method": "GET", "QueryParameters": []})",
          R"({"Method": "GET", "QueryParameters": {"a": {}}})",
          R"({"Method": "GET", "QueryParameters": {"a": [[]]}})", R"({"Method": "GET", "Headers": []})",
          R"({"Method": "GET", "Headers": {"A": {}}})", R"({"Method": "GET", "Headers": {"A": [[]]}})",
          R"({"Method": "GET", "Headers": {"A": "b\r\nC: d"}})",
          R"({"Method": "GET", "Headers": {"A": ["b", "\n"]}})"})
        EXPECT_EQ(invoke_error(input), "States.Runtime") << input;
}

TEST(Invoke, HeadersThatAreNotTheAuthors) {
    for (const char* name :
         {"Authorization", "COOKIE", "Host", "Idempotency-Key", "traceparent", "Content-Length", "DPoP",
          "Transfer-Encoding", "Proxy-Authorization", "X-Forwarded-For", "x-amz-security-token",
          "Flowctl-Database-Password", "Via", "Keep-Alive", "Idempotency_Key", "X_Amz-Target", "flowctl_lease",
          "X_FORWARDED_FOR"}) {
        const std::string input = R"({"Method": "GET", "Headers": {")" + std::string(name) + R"(": "x"}})";
        EXPECT_TRUE(std::holds_alternative<Refusal>(TaskOf("flowctl:http:a:invoke", input).request(invoke())))
            << name;
    }
}

TEST(Invoke, FormBodies) {
    const auto form = [](std::string_view format) {
        return invoked(R"({"Method": "POST", "RequestBody": {"a": [1, "x y"], "o": {"k": true}},
            "Transform": {"RequestBodyEncoding": "URL_ENCODED",
                          "RequestEncodingOptions": {"ArrayFormat": ")" +
                       std::string(format) + R"("}}})")
            .body;
    };
    EXPECT_EQ(form("INDICES"), "a%5B0%5D=1&a%5B1%5D=x%20y&o%5Bk%5D=true");
    EXPECT_EQ(form("REPEAT"), "a=1&a=x%20y&o%5Bk%5D=true");
    EXPECT_EQ(form("COMMAS"), "a=1%2Cx%20y&o%5Bk%5D=true");
    EXPECT_EQ(form("BRACKETS"), "a%5B%5D=1&a%5B%5D=x%20y&o%5Bk%5D=true");
    EXPECT_EQ(form("NONE"), "a=%5B1%2C%22x%20y%22%5D&o%5Bk%5D=true");
    EXPECT_EQ(invoke_error(R"({"Method": "POST", "RequestBody": [],
                               "Transform": {"RequestBodyEncoding": "URL_ENCODED"}})"),
              "States.Runtime");
    std::string deep = "1";
    for (int i = 0; i < 40; i++)
        deep = R"({"a":)" + deep + "}";
    EXPECT_EQ(invoke_error(R"({"Method": "POST", "RequestBody": )" + deep +
                           R"(, "Transform": {"RequestBodyEncoding": "URL_ENCODED"}})"),
              "States.Runtime");
}

TEST(Invoke, TextBodiesGoAsTheyAre) {
    EXPECT_EQ(
        invoked(R"({"Method": "POST", "RequestBody": "<a/>", "Headers": {"content-type": "text/xml"}})").body,
        "<a/>");
    EXPECT_EQ(invoked(R"({"Method": "POST", "RequestBody": "a"})").body, "\"a\"");
}

TEST(Invoke, ResultShowsTheWholeAnswer) {
    EXPECT_EQ(
        text_of(invoke().result(
            answered(201, "7", {{"x-a", "1"}, {"set-cookie", "a"}, {"set-cookie", "b"}, {"x-b", "\xff"}}),
            "a")),
        R"({"Headers":{"x-a":["1"],"set-cookie":["a","b"],"x-b":["?"]},"ResponseBody":7,)"
        R"("StatusCode":201,"StatusText":"Trouble"})");
    EXPECT_EQ(failure(invoke().result(answered(400, ""), "a")).error, "States.Http.StatusCode.400");
}

TEST(Invoke, ManyHeadersTakeLinearTime) {
    std::vector<net::Header> headers;
    for (int i = 0; i < 50'000; i++)
        headers.emplace_back(i % 2 == 0 ? "same" : "h" + std::to_string(i), "v");
    const TaskResult result = invoke().result(answered(200, "1", std::move(headers)), "a");
    EXPECT_EQ(std::get<json::Value>(result).find("Headers")->size(), 25'001u);
}

// --------------------------------------------------------------------------------------- AWS's HTTP Task

std::variant<RequestParts, Refusal> to_api(std::string_view endpoint, std::string_view base) {
    TaskOf task("arn:aws:states:::http:invoke",
                R"({"Method": "GET", "ApiEndpoint": ")" + std::string(endpoint) + R"("})");
    task.base_url = base;
    return task.request(aws_http_task());
}

TEST(AwsHttpTask, TheApiEndpointLiesUnderTheUrl) {
    EXPECT_EQ(accepted(to_api("https://api.example.com/v1/orders?x=1", "https://api.example.com/v1")).url,
              "https://api.example.com/v1/orders?x=1");
    for (const char* endpoint :
         {"https://evil.example/v1", "http://api.example.com/v1", "https://api.example.com/v10",
          "https://api.example.com:444/v1", "https://api.example.com/v1/../admin",
          "https://api.example.com/v1/%2e%2e/admin"})
        EXPECT_EQ(refused(to_api(endpoint, "https://api.example.com/v1")).error, "States.Permissions")
            << endpoint;
    for (const char* endpoint : {"ftp://api.example.com/v1", "", "api.example.com"})
        EXPECT_EQ(refused(to_api(endpoint, "https://api.example.com/v1")).error, "States.Runtime")
            << endpoint;
    EXPECT_EQ(refused(TaskOf("arn:aws:states:::http:invoke", R"({"Method": "GET"})").request(aws_http_task()))
                  .error,
              "States.Runtime");
    EXPECT_EQ(refused(TaskOf("arn:aws:states:::http:invoke", "[]").request(aws_http_task())).error,
              "States.Runtime");
    EXPECT_EQ(refused(to_api("https://a", "nonsense")).error, "Flowctl.EndpointConfiguration");
}

// ------------------------------------------------------------------------------------ Lambda's convention

TEST(LambdaConvention, ResultOrTheFunctionsError) {
    const std::vector<net::Header> error = {{"x-amz-function-error", "Unhandled"}};
    EXPECT_EQ(text_of(lambda_convention().result(answered(200, R"({"a":1})"), "a")), R"({"a":1})");
    EXPECT_EQ(text_of(lambda_convention().result(
                  answered(200, R"({"errorType":"Declined","errorMessage":"no"})", error), "a")),
              R"(Declined: {"errorType":"Declined","errorMessage":"no"})");
    for (const char* body : {"null", "[]", R"({"errorType": 1})", R"({"errorType": ""})"})
        EXPECT_EQ(failure(lambda_convention().result(answered(200, body, error), "a")).error, "Error")
            << body;
    EXPECT_EQ(failure(lambda_convention().result(answered(500, "{}", error), "a")).error,
              "States.Http.StatusCode.500")
        << "a status is the service's own failure";
}

}  // namespace
}  // namespace flowctl::calls
