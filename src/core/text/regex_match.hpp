// Regular expressions as ECMAScript means them, found in time linear in the text.
//
// core/path/regex.hpp answers whether a whole text matches, in Java's dialect; JSONata needs where, with
// groups and by ECMAScript's priorities. So this is the same idea (threads in step, Thompson and Pike) with
// the captures that each thread carries: at most size of program times length of text steps, each counted by
// the budget. What no such machine can match is refused when the expression is compiled: back references and
// look-around.
//
// Private to src/core/jsonata.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "core/budget.hpp"

namespace flowctl::jsonata {

struct Match {
    static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
    // Begin and end in bytes of the match, then of each group; kNone for a group that took no part.
    std::vector<std::size_t> bounds;

    std::size_t start() const noexcept { return bounds[0]; }
    std::size_t end() const noexcept { return bounds[1]; }
    std::size_t groups() const noexcept { return bounds.size() / 2 - 1; }
};

class Regex {
  public:
    // Flags: i and m. The error says why the pattern is refused.
    static Result<std::unique_ptr<Regex>, std::string> compile(std::string_view pattern,
                                                               std::string_view flags);

    // The first match at or after `from`.
    bool find(std::string_view text, std::size_t from, Budget& budget, Match& match) const;

    std::string_view pattern() const noexcept { return pattern_; }

    struct Range {
        char32_t first, last;
    };
    struct Instruction {
        enum class Op : std::uint8_t {
            Set,
            Split,
            Jump,
            Save,
            Forget,
            LineStart,
            LineEnd,
            WordEdge,
            NotWordEdge,
            Match
        };
        Op op = Op::Match;
        bool negated = false;      // Set
        std::uint32_t first = 0;   // Set: its ranges; Split, Jump: preferred target; Save, Forget: slot
        std::uint32_t second = 0;  // Set: how many; Split: other target; Forget: end of slots
    };

  private:
    friend class RegexParser;
    bool accepts(const Instruction& set, char32_t c) const noexcept;

    std::string pattern_;
    std::vector<Instruction> program_;
    std::vector<Range> ranges_;
    std::uint32_t slots_ = 2;
    bool ignore_case_ = false;
    bool multiline_ = false;
};

}  // namespace flowctl::jsonata
