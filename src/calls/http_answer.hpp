// How the answers of HTTP services read: bodies, statuses, and what went wrong below HTTP.
//
// An answer is a stranger's text. It becomes part of a run's data and of its recorded history, so all that
// leaves here is valid UTF-8 and can be stored by the server.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "calls/protocol.hpp"

namespace flowctl::calls {

// Nullptr: the response has no such header. Names are in lower case.
const std::string* find_header(const net::Response& response, std::string_view lower_case_name);

// A member that is a string, or "".
std::string_view string_member(const json::Value& object, std::string_view name);

// Whether the server can store it as text: it is valid UTF-8 and has no NUL.
bool is_storable(std::string_view text);
// The text if it is storable; otherwise with a '?' in the place of each byte beyond ASCII and of each NUL.
std::string storable(std::string_view text);
// At most so many bytes of valid UTF-8, and "..." where something is missing.
std::string shortened(std::string text, std::size_t limit);

// The JSON text of a body, whatever its content type; nullopt: it cannot be read.
std::optional<json::Value> parsed_body(std::string_view body);

// Whether the endpoint was not reached, or not in time. A refusal of our own and an answer that is too large
// are no such failures.
bool is_of_the_network(net::Failure failure);
// Why no answer came. The response has a failure.
Refusal transport_failure(const net::Response& response);

// The body of an answer with status 2xx: a value where the content type says JSON or nothing, otherwise a
// string. A failure or another status is the Task's failure.
TaskResult successful_body(const net::Response& response, std::string_view endpoint);

// The same with status and headers around it, as AWS's HTTP Task has them:
// {Headers, ResponseBody, StatusCode, StatusText}.
TaskResult successful_exchange(const net::Response& response, std::string_view endpoint);

// The body as it is, for documents; it must be valid UTF-8.
std::variant<std::string, Refusal> successful_text(net::Response&& response, std::string_view endpoint);

// Headers by name, each with the array of its values: names repeat in HTTP.
json::Value headers_object(const net::Response& response, std::string (*spelling)(const std::string& name));

}  // namespace flowctl::calls
