// AWS's HTTP Task, arn:aws:states:::http:invoke. It is an :invoke whose input has the whole URL in
// ApiEndpoint; this URL must lie under the endpoint's url.
#include <utility>

#include "calls/http_answer.hpp"
#include "calls/http_request.hpp"
#include "calls/protocols.hpp"

namespace flowctl::calls {

namespace {

RequestResult to_api_endpoint(const Task& task) {
    if (!task.input.is_object()) return runtime_error("the input of an HTTP Task must be an object");
    auto url = endpoint_url(task);
    if (auto* refusal = std::get_if<Refusal>(&url)) return *refusal;
    const json::Value* given = task.input.find("ApiEndpoint");
    if (given == nullptr || !given->is_string()) return runtime_error("ApiEndpoint must be a string");
    auto wanted = net::split_url(given->as_string());
    if (auto* problem = std::get_if<std::string>(&wanted))
        return runtime_error("ApiEndpoint is not a valid URL: " + *problem);
    if (!net::lies_under(std::get<net::Url>(url), std::get<net::Url>(wanted)))
        return not_permitted(
            "the ApiEndpoint does not lie under the url of the endpoint that ConnectionArn names");
    return described_request(std::get<net::Url>(std::move(wanted)), task.input);
}

}  // namespace

const Protocol& aws_http_task() {
    class AwsHttpTask final : public Protocol {
        RequestResult request(const Task& task) const override { return to_api_endpoint(task); }
        TaskResult result(const net::Response& response, std::string_view endpoint) const override {
            return successful_exchange(response, endpoint);
        }
    };
    static const AwsHttpTask object;
    return object;
}

}  // namespace flowctl::calls
