// Comparing what the machine gives with what AWS gave, by the rules of the conformance data.
//
// Strings in the data stand for more than themselves: "<...>" for anything where the case says so, "date" and
// "timestamp" for instants, decoded objects for JSON texts. Numbers compare by value, member order is free.
#pragma once

#include <set>
#include <string>

#include "core/json.hpp"

namespace conformance {

struct Rules {
    bool placeholders = false;               // "<...>" in an expected string matches any text
    bool instants = false;                   // "date" and "timestamp" match any string
    std::set<std::string, std::less<>> any;  // members whose value matches anything

    static Rules of(const flowctl::json::Value& test_case);
};

bool matches(const flowctl::json::Value& expected, const flowctl::json::Value& actual, const Rules& rules);

// Does to a history what the recordings went through: events between a ParallelStateStarted and the next
// ParallelStateSucceeded lose their ids, those after the last one replace all up to there, and the latter
// goes.
void normalise_parallel(std::vector<flowctl::json::Value>& events);

}  // namespace conformance
