// Running the program of a regular expression over a text.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "core/budget.hpp"
#include "core/text/regex_program.hpp"

namespace flowctl::regex {

struct Match {
    static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
    // The beginning and end of the match, and then of each group, in bytes. They are kNone for a group that
    // took no part in the match.
    std::vector<std::size_t> bounds;

    std::size_t start() const noexcept { return bounds[0]; }
    std::size_t end() const noexcept { return bounds[1]; }
    std::size_t groups() const noexcept { return bounds.size() / 2 - 1; }
};

// Whether the whole text matches, as Java's Matcher.matches() says.
bool matches(const Program& program, std::string_view text, Budget& budget);

// The first match at or after `from`, by ECMAScript's rules of preference. The program must have captures.
bool find(const Program& program, std::string_view text, std::size_t from, Budget& budget, Match& match);

}  // namespace flowctl::regex
