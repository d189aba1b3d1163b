// flowctl:http:<server>:invoke. The input describes the request: {Method, Path, QueryParameters, Headers,
// RequestBody, Transform}, where Path is below the endpoint's url. The result has status, headers and body.
#include <utility>

#include "calls/http_answer.hpp"
#include "calls/http_request.hpp"
#include "calls/protocols.hpp"

namespace flowctl::calls {

namespace {

RequestResult below_endpoint(const Task& task) {
    if (!task.input.is_object())
        return runtime_error(
            "the input of an :invoke must be an object {Method, Path, Headers, RequestBody, ...}");
    auto url = endpoint_url(task);
    if (auto* refusal = std::get_if<Refusal>(&url)) return *refusal;
    const json::Value* path = task.input.find("Path");
    if (path == nullptr || path->is_null()) return described_request(std::get<net::Url>(url), task.input);
    if (!path->is_string()) return runtime_error("Path must be a string");
    auto joined = net::join_path(std::get<net::Url>(url), path->as_string());
    if (auto* problem = std::get_if<std::string>(&joined))
        return not_permitted("the Path leads out of the endpoint's url: " + *problem);
    return described_request(std::get<net::Url>(std::move(joined)), task.input);
}

}  // namespace

const Protocol& invoke() {
    class Invoke final : public Protocol {
        RequestResult request(const Task& task) const override { return below_endpoint(task); }
        TaskResult result(const net::Response& response, std::string_view endpoint) const override {
            return successful_exchange(response, endpoint);
        }
    };
    static const Invoke object;
    return object;
}

}  // namespace flowctl::calls
