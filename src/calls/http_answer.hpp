// How the answers of HTTP services are read: bodies, statuses, and failures below HTTP.
//
// An answer comes from outside, and it becomes part of a run's data and of its recorded history. So
// everything that is returned from here is valid UTF-8 and can be stored by the server.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "calls/protocol.hpp"

namespace flowctl::calls {

// Nullptr if the response has no such header. The name must be in lower case.
const std::string* find_header(const net::Response& response, std::string_view lower_case_name);

// The member's value if it is a string, otherwise "".
std::string_view string_member(const json::Value& object, std::string_view name);

// Whether the server can store the text: it is valid UTF-8 and has no NUL.
bool is_storable(std::string_view text);
// The text itself if it is storable; otherwise each byte beyond ASCII and each NUL is replaced by a '?'.
std::string storable(std::string_view text);
// At most `limit` bytes of valid UTF-8; "..." stands where something is missing.
std::string shortened(std::string text, std::size_t limit);

// The value of a JSON body, whatever its content type is; nullopt if it cannot be read.
std::optional<json::Value> parsed_body(std::string_view body);

// Whether the endpoint was not reached, or did not answer in time. A refusal by this engine and an answer
// that is too large are other kinds of failures.
bool is_of_the_network(net::Failure failure);
// Why no answer came. The response must have a failure.
Refusal transport_failure(const net::Response& response);

// The body of an answer with status 2xx. It is a JSON value if the content type is JSON or missing, otherwise
// a string. After a failure or with another status, the Task fails.
TaskResult successful_body(const net::Response& response, std::string_view endpoint);

// The same together with status and headers, as AWS's HTTP Task gives them: {Headers, ResponseBody,
// StatusCode, StatusText}.
TaskResult successful_exchange(const net::Response& response, std::string_view endpoint);

// The unchanged text of a body that is a document. It must be valid UTF-8.
std::variant<std::string, Refusal> successful_text(net::Response&& response, std::string_view endpoint);

// The headers by name. Each has an array of values, because a name may repeat in HTTP.
json::Value headers_object(const net::Response& response, std::string (*spelling)(const std::string& name));

}  // namespace flowctl::calls
