// The recorded cases: reading them, and comparing an execution of ours, however it was run, with the
// recording.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.hpp"

namespace conformance {

struct Count {
    int passed = 0;
    int failed = 0;
    int not_yet = 0;
};

// An execution that is over. Events are in the shape of the data: {id, previousEventId, type,
// ...EventDetails}.
struct Ended {
    std::string status;
    std::optional<flowctl::json::Value> output;
    std::optional<std::string> error;
    std::optional<std::string> cause;
    std::vector<flowctl::json::Value> events;
};

// A member that is text, else "".
std::string text_of(const flowctl::json::Value& object, std::string_view key);

// The lines of a file; a line that is no JSON ends the program.
std::vector<flowctl::json::Value> read_cases(const std::string& path);

// What differs; "" when nothing does.
std::string check(const flowctl::json::Value& test_case, const Ended& ended);

void print(const char* title, const std::map<std::string, Count>& counts);

}  // namespace conformance
