// Plain HTTP: the input is posted as JSON to the endpoint's url, and the answer's body is the result.
#include "calls/http_answer.hpp"
#include "calls/http_request.hpp"
#include "calls/protocols.hpp"

namespace flowctl::calls {

const Protocol& plain() {
    class Plain final : public Protocol {
        RequestResult request(const Task& task) const override { return post_json(task); }
        TaskResult result(const net::Response& response, std::string_view endpoint) const override {
            return successful_body(response, endpoint);
        }
    };
    static const Plain object;
    return object;
}

}  // namespace flowctl::calls
