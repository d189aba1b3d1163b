// The HTTP request that a Task's effective input describes: method, URL, headers and body.
//
// The input is not trusted: it is written by the flow's author and filled with the data of rows, while the
// endpoint's url comes from the endpoint's owner and bounds where requests may go. So a path cannot leave the
// endpoint's url, a header cannot carry a credential or break the request, and everything that AWS's HTTP
// Task forbids is forbidden here.
#pragma once

#include <string>
#include <variant>

#include "calls/protocol.hpp"
#include "net/http/url.hpp"

namespace flowctl::calls {

Refusal runtime_error(std::string cause);  // States.Runtime: the input does not fit
Refusal not_permitted(std::string cause);  // States.Permissions

// The Task's input as JSON, posted to the endpoint's url.
RequestResult post_json(const Task& task);

// The endpoint's url, taken apart.
std::variant<net::Url, Refusal> endpoint_url(const Task& task);

// A request to this URL as the input describes it: {Method, QueryParameters, Headers, RequestBody,
// Transform}.
RequestResult described_request(net::Url url, const json::Value& input);

}  // namespace flowctl::calls
