// The HTTP request that a Task's effective input describes: method, URL, headers and body.
//
// Three people meet here: the author, who writes the input; the endpoint's owner, whose url bounds where it
// may go; and the row, whose data fills it. A path cannot leave the endpoint's url, a header cannot carry a
// credential or break the request, and what AWS's HTTP Task forbids is forbidden.
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

// A request to this URL as the input describes it: {Method, QueryParameters, Headers, RequestBody, Transform}.
RequestResult described_request(net::Url url, const json::Value& input);

}  // namespace flowctl::calls
