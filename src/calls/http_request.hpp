// The HTTP request that a Task's effective input describes: method, URL, headers and body.
//
// Three people meet here: the author, who writes the input; the endpoint's owner, whose url bounds where it
// may go; and the row, whose data fills it. A path cannot leave the endpoint's url, a header cannot carry a
// credential or break the request, and what AWS's HTTP Task forbids is forbidden.
//
// Uses no PostgreSQL and needs no transaction; called by http_task.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "core/json.hpp"
#include "net/client.hpp"

namespace flowctl::pg::http_task {

struct RequestParts {
    std::string method;
    std::string url;
    std::vector<net::Header> headers;
    std::string body;
};
struct Refusal {
    std::string error;  // ASL error name
    std::string cause;
};
using RequestResult = std::variant<RequestParts, Refusal>;

// flowctl:http:<server>: the input as JSON to the endpoint's url.
RequestResult post_request(const std::string& base_url, const json::Value& input);
// flowctl:http:<server>:invoke: {Method, Path, QueryParameters, Headers, RequestBody, Transform}.
RequestResult invoke_request(const std::string& base_url, const json::Value& input);
// arn:aws:states:::http:invoke: the same with ApiEndpoint instead of Path; it must lie under the endpoint's
// url.
RequestResult aws_request(const std::string& base_url, const json::Value& input);

}  // namespace flowctl::pg::http_task
