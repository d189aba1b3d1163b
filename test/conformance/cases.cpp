// The cases of cases.hpp.
#include "cases.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "match.hpp"

namespace conformance {

using namespace flowctl;
using json::Value;

std::string text_of(const Value& object, std::string_view key) {
    const Value* value = object.find(key);
    return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

namespace {

// The recorded event without the region of an AWS service, which is not known here.
Value comparable(const Value& expected) {
    std::vector<json::Member> members;
    for (const auto& member : expected.members()) {
        Value value = member.value;
        if (value.is_object() && value.find("region") != nullptr) {
            std::vector<json::Member> kept;
            for (const auto& detail : value.members()) {
                if (detail.key != "region") kept.push_back(detail);
            }
            value = Value::object(std::move(kept));
        }
        members.push_back({member.key, value});
    }
    return Value::object(std::move(members));
}

// The recordings disagree on what leaves a distributed Map: those of November 2024 say that MapStateExited
// follows MapRunStarted, all earlier ones MapRunSucceeded. The earlier ones agree with inline Maps.
std::vector<Value> with_one_exit(const Value& history) {
    std::vector<Value> events = history.items();
    for (Value& event : events) {
        if (text_of(event, "type") != "MapStateExited") continue;
        const std::int64_t previous = event.find("previousEventId")->as_integer().value_or(0);
        const auto follows = std::find_if(events.begin(), events.end(), [&](const Value& other) {
            return text_of(other, "type") == "MapRunSucceeded" &&
                   other.find("previousEventId")->as_integer() == previous;
        });
        if (follows != events.end())
            event = json::with_member(event, "previousEventId", *follows->find("id"));
    }
    return events;
}

std::string check_events(const Value& test_case, const Ended& ended, const Rules& rules) {
    const Value* history = test_case.find("history");
    if (history == nullptr || !history->is_array()) return "";
    const std::string order = text_of(test_case, "order");
    std::vector<Value> events = ended.events;
    if (order == "parallel-normalised") normalise_parallel(events);
    if (history->size() != events.size()) {
        return "history has " + std::to_string(events.size()) + " events, not " +
               std::to_string(history->size());
    }
    const std::vector<Value> recorded = with_one_exit(*history);
    for (std::size_t i = 0; i < recorded.size(); ++i) {
        const Value expected = comparable(recorded[i]);
        if (order == "deterministic" || order.empty()) {
            if (!matches(expected, events[i], rules)) {
                return "event " + std::to_string(i + 1) + "\n      expected " +
                       json::dump(expected).substr(0, 1500) + "\n      actual   " +
                       json::dump(events[i]).substr(0, 1500);
            }
            continue;
        }
        const auto same = std::find_if(events.begin(), events.end(), [&](const Value& actual) {
            return actual.is_object() && matches(expected, actual, rules);
        });
        if (same == events.end())
            return "nowhere event " + std::to_string(i + 1) + "\n      " +
                   json::dump(expected).substr(0, 1500);
        *same = Value();  // taken
    }
    return "";
}

}  // namespace

std::string check(const Value& test_case, const Ended& ended) {
    const Value& expected = *test_case.find("expected");
    const Rules rules = Rules::of(test_case);
    std::string said = ended.error.value_or("") + ": " + ended.cause.value_or("");
    if (text_of(expected, "status") != ended.status)
        return "status " + ended.status + " (" + said.substr(0, 600) + ")";
    if (const Value* output = expected.find("output")) {
        if (!ended.output) return "no output";
        if (!matches(*output, *ended.output, rules)) {
            return "output\n      expected " + json::dump(*output).substr(0, 800) + "\n      actual   " +
                   json::dump(*ended.output).substr(0, 800);
        }
    }
    for (const char* key : {"error", "cause"}) {
        const auto& actual = std::string_view(key) == "error" ? ended.error : ended.cause;
        const Value* wanted = expected.find(key);
        if ((wanted != nullptr) != actual.has_value())
            return std::string(key) + (actual ? " is there" : " is missing");
        if (wanted != nullptr && !matches(*wanted, Value::string(*actual), rules)) {
            return std::string(key) + "\n      expected " + json::dump(*wanted).substr(0, 800) +
                   "\n      actual   " + actual->substr(0, 800);
        }
    }
    return check_events(test_case, ended, rules);
}

std::vector<Value> read_cases(const std::string& path) {
    std::vector<Value> cases;
    std::ifstream file(path);
    std::string line;
    while (std::getline(file, line)) {
        auto parsed = json::parse(line, {.max_bytes = 64 << 20, .storable = false});
        if (!parsed.ok()) {
            std::printf("FAILED  %s: a line is no JSON: %s\n", path.c_str(), parsed.error().message.c_str());
            std::exit(2);
        }
        cases.push_back(std::move(parsed).value());
    }
    return cases;
}

void print(const char* title, const std::map<std::string, Count>& counts) {
    std::printf("%s\n", title);
    for (const auto& [what, count] : counts)
        std::printf("  %-28s %4d passed %4d failed %4d not yet\n", what.c_str(), count.passed, count.failed,
                    count.not_yet);
}

}  // namespace conformance
