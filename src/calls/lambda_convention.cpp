// An HTTP service that takes the place of a Lambda function: plain HTTP with Lambda's convention for errors.
// An answer {errorType, errorMessage, stackTrace} with the header X-Amz-Function-Error is a failure of that
// type.
#include "calls/http_answer.hpp"
#include "calls/http_request.hpp"
#include "calls/protocols.hpp"

namespace flowctl::calls {

const Protocol& lambda_convention() {
    class LambdaConvention final : public Protocol {
        RequestResult request(const Task& task) const override { return post_json(task); }
        TaskResult result(const net::Response& response, std::string_view endpoint) const override {
            TaskResult read = successful_body(response, endpoint);
            const auto* body = std::get_if<json::Value>(&read);
            if (body == nullptr || find_header(response, "x-amz-function-error") == nullptr) return read;
            const std::string_view type = string_member(*body, "errorType");
            return Refusal{type.empty() ? "Error" : std::string(type), json::dump(*body)};
        }
    };
    static const LambdaConvention object;
    return object;
}

}  // namespace flowctl::calls
