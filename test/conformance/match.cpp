// The rules of match.hpp.
#include "match.hpp"

namespace conformance {

using flowctl::json::Value;

namespace {

// `expected` with "<...>" as wildcards.
bool matches_text(std::string_view expected, std::string_view actual) {
    const std::size_t open = expected.find('<');
    const std::size_t close = open == std::string_view::npos ? open : expected.find('>', open);
    if (close == std::string_view::npos) return expected == actual;
    if (actual.substr(0, open) != expected.substr(0, open)) return false;
    const std::string_view rest = expected.substr(close + 1);
    for (std::size_t at = open; at <= actual.size(); ++at) {
        if (matches_text(rest, actual.substr(at))) return true;
    }
    return false;
}

bool matches_string(std::string_view expected, std::string_view actual, const Rules& rules) {
    if (expected == actual) return true;
    if (rules.instants && (expected == "date" || expected == "timestamp")) return true;
    if (rules.placeholders && matches_text(expected, actual)) return true;
    // The JSON text of a string, and two spellings of one JSON text.
    auto left = flowctl::json::parse(expected);
    if (!left.ok()) return false;
    if (left.value().is_string()) return left.value().as_string() == actual;
    auto right = flowctl::json::parse(actual);
    return right.ok() && matches(left.value(), right.value(), rules);
}

// What changes from call to call was recorded as "date" or as its own name, whatever its type.
bool was_normalised(const flowctl::json::Member& member) {
    if (!member.value.is_string()) return false;
    const std::string_view text = member.value.as_string();
    return text == "date" || text == "timestamp" || text == member.key;
}

}  // namespace

Rules Rules::of(const Value& test_case) {
    Rules rules;
    const auto is = [&](std::string_view key, std::string_view text) {
        const Value* value = test_case.find(key);
        return value != nullptr && value->is_string() && value->as_string() == text;
    };
    rules.placeholders = is("match", "placeholders") || is("output_match", "placeholders");
    const Value* normalise = test_case.find("normalise");
    rules.instants = normalise != nullptr && normalise->is_bool() && normalise->as_bool();
    if (const Value* paths = test_case.find("replaced_paths"); paths != nullptr && paths->is_array()) {
        for (const Value& path : paths->items()) {
            const std::string_view text = path.items().front().as_string();
            rules.any.emplace(text.substr(text.rfind('.') + 1));
        }
    }
    return rules;
}

bool matches(const Value& expected, const Value& actual, const Rules& rules) {
    if (expected.is_string() && actual.is_string())
        return matches_string(expected.as_string(), actual.as_string(), rules);
    // One of the two is the JSON text of the other.
    if (expected.is_string()) {
        auto decoded = flowctl::json::parse(expected.as_string());
        return decoded.ok() && !decoded.value().is_string() && matches(decoded.value(), actual, rules);
    }
    if (actual.is_string()) {
        auto decoded = flowctl::json::parse(actual.as_string());
        return decoded.ok() && !decoded.value().is_string() && matches(expected, decoded.value(), rules);
    }
    if (expected.is_array() && actual.is_array()) {
        if (expected.size() != actual.size()) return false;
        for (std::size_t i = 0; i < expected.size(); ++i) {
            if (!matches(expected.items()[i], actual.items()[i], rules)) return false;
        }
        return true;
    }
    if (expected.is_object() && actual.is_object()) {
        std::size_t more = 0;
        // Older recordings come from before AWS showed it.
        if (actual.find("RedriveCount") != nullptr && expected.find("RedriveCount") == nullptr) more = 1;
        if (expected.size() + more != actual.size()) return false;
        for (const auto& member : expected.members()) {
            const Value* other = actual.find(member.key);
            if (other == nullptr) return false;
            if (rules.any.count(member.key) != 0) continue;
            if (rules.instants && was_normalised(member)) continue;
            if (!matches(member.value, *other, rules)) return false;
        }
        return true;
    }
    return flowctl::json::equal(expected, actual);
}

void normalise_parallel(std::vector<Value>& events) {
    std::vector<Value> inside;
    bool is_inside = false;
    std::size_t start = 0;
    for (std::size_t i = 0; i < events.size(); ++i) {
        const std::string_view type = events[i].find("type")->as_string();
        if (type == "ParallelStateStarted") {
            is_inside = true;
            inside.clear();
            start = i + 1;
        } else if (type == "ParallelStateSucceeded") {
            is_inside = false;
            const auto at = events.begin() + static_cast<std::ptrdiff_t>(start);
            events.erase(at, events.begin() + static_cast<std::ptrdiff_t>(i) + 1);
            events.insert(events.begin() + static_cast<std::ptrdiff_t>(start), inside.begin(), inside.end());
        } else if (is_inside) {
            events[i] = flowctl::json::with_member(events[i], "id", Value::array({Value::integer(0)}));
            events[i] = flowctl::json::with_member(events[i], "previousEventId", Value::integer(0));
            inside.push_back(events[i]);
        }
    }
}

}  // namespace conformance
