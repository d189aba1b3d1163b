// What services answer, read by every protocol, and what inputs ask of services.
//
// Nothing crashes; a result or failure is text that the server can store; work that goes on is described by an
// object; a request leads to the endpoint's own origin, has a method, and no header with a line break.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "calls/http_answer.hpp"
#include "calls/protocols.hpp"
#include "net/http/url.hpp"

using namespace flowctl;
using namespace flowctl::calls;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

constexpr const char* kBase = "https://api.example.com/v1";

const Protocol* const kAll[] = {&plain(),
                                &invoke(),
                                &aws_http_task(),
                                &lambda_convention(),
                                &prefect(),
                                &prefect_sync(),
                                &aws::lambda_function(),
                                &aws::lambda_invoke(),
                                &aws::sqs_send_message(),
                                &aws::sns_publish(),
                                &aws::events_put_events(),
                                &aws::start_execution(),
                                &aws::start_execution_sync(),
                                &aws::start_execution_sync_json()};

void check(const Meaning& meaning) {
    if (const auto* value = std::get_if<json::Value>(&meaning.what)) {
        require(is_storable(json::dump(*value)));
    } else if (const auto* refusal = std::get_if<Refusal>(&meaning.what)) {
        require(!refusal->error.empty() && is_storable(refusal->error) && is_storable(refusal->cause));
    } else {
        require(std::get<Continues>(meaning.what).follow.is_object());
    }
}

void answers(const Protocol& protocol, const std::string& text) {
    const std::size_t half = text.size() / 2;
    const json::Value asks =
        json::ObjectBuilder().add("id", "follow").add("executionArn", "arn:follow").build();
    for (const int status : {200, 404, 503})
        for (const char* type : {"application/json", "text/plain"})
            for (const json::Value& follow : {json::Value(), asks}) {
                net::Response response;
                response.status = status;
                response.status_text = text.substr(0, half);
                response.body = text;
                response.headers = {{"content-type", type},
                                    {"x-amzn-errortype", text.substr(half)},
                                    {text.substr(0, half), text.substr(half)}};
                check(meaning_of(protocol, follow, response, "endpoint"));
                response.headers.emplace_back("x-amz-function-error", "Unhandled");
                check(meaning_of(protocol, follow, response, "endpoint"));
            }
}

void requests(const Protocol& protocol, const asl::Resource& resource, const json::Value& input) {
    for (const json::Value& follow : {json::Value(), input}) {
        const RequestResult made = protocol.request({.resource = resource,
                                                     .input = input,
                                                     .follow = follow,
                                                     .base_url = kBase,
                                                     .deployment = "11111111-2222-3333-4444-555555555555",
                                                     .execution_id = "execution",
                                                     .state_machine_id = "machine",
                                                     .idempotency_key = "key"});
        const auto* parts = std::get_if<RequestParts>(&made);
        if (parts == nullptr) continue;
        require(!parts->method.empty());
        const auto base = net::split_url(kBase);
        const auto url = net::split_url(parts->url);
        require(url.index() == 0);
        require(net::lies_under(std::get<net::Url>(base), std::get<net::Url>(url)));
        for (const net::Header& header : parts->headers)
            require(header.second.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    static const asl::Resource resource =
        asl::Resource::parse("arn:aws:lambda:eu-west-1:123456789012:function:f").value();
    const auto input = json::parse(text);
    for (const Protocol* protocol : kAll) {
        answers(*protocol, text);
        if (!input) continue;
        requests(*protocol, resource, *input);
        protocol->targets(resource, *input);
    }
    return 0;
}
