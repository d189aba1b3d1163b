// See jsonata_cases.hpp.
#include "jsonata_cases.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace conformance {

using namespace flowctl;
using json::Value;

std::string with_escaped_surrogates(const std::string& line) {
    std::string out = line;
    for (std::size_t at = out.find("\\ud8"); at != std::string::npos; at = out.find("\\ud8", at + 7)) {
        if (out.compare(at + 6, 3, "\\ud") != 0) out.insert(at, "\\");
    }
    return out;
}

namespace {

// Numbers to twelve digits: the recorded ones went through other printers.
bool same(const Value& expected, const Value& actual) {
    if (expected.is_number() && actual.is_number()) {
        const double a = expected.as_double();
        const double b = actual.as_double();
        return a == b || std::abs(a - b) <= 1e-12 * std::abs(a);
    }
    if (expected.kind() != actual.kind() || expected.size() != actual.size()) return false;
    if (expected.is_array()) {
        for (std::size_t i = 0; i < expected.size(); ++i) {
            if (!same(expected.items()[i], actual.items()[i])) return false;
        }
        return true;
    }
    if (expected.is_object()) {
        for (const json::Member& member : expected.members()) {
            const Value* other = actual.find(member.key);
            if (other == nullptr || !same(member.value, *other)) return false;
        }
        return true;
    }
    return json::equal(expected, actual);
}

bool same_in_any_order(const Value& expected, const Value& actual) {
    if (!expected.is_array() || !actual.is_array() || expected.size() != actual.size()) return false;
    std::vector<Value> left = actual.items();
    for (const Value& item : expected.items()) {
        const auto found =
            std::find_if(left.begin(), left.end(), [&](const Value& other) { return same(item, other); });
        if (found == left.end()) return false;
        left.erase(found);
    }
    return true;
}

}  // namespace

bool same_result(const Value& expected, const Value& actual, bool any_order) {
    return any_order ? same_in_any_order(expected, actual) : same(expected, actual);
}

}  // namespace conformance
