// Regular expressions of filters (=~), matched in time linear in the text.
//
// A pattern comes from a definition and the text from a row, so a backtracking matcher would let either stall
// the server. The pattern is compiled to a small program whose threads run in step over the text (Thompson,
// 1968): at most size of program times length of text steps, each counted by the budget. Java's syntax, as
// far as it can be matched so: back references, look-around, possessive and atomic groups are refused when
// the pattern is compiled.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "core/budget.hpp"

namespace flowctl::path {

class Regex {
  public:
    // Flags as in /pattern/flags: i (ASCII case), s (dot matches line ends), m (^ and $ at lines), x
    // (comments), u, d.
    static Result<Regex, std::string> compile(std::string_view pattern, std::string_view flags);

    // Whether the whole text matches, as Java's Matcher.matches().
    bool matches(std::string_view text, Budget& budget) const;

    struct Range {
        char32_t first, last;
    };
    struct Instruction {
        enum class Op : std::uint8_t {
            Set,
            Split,
            Jump,
            LineStart,
            LineEnd,
            TextStart,
            TextEnd,
            WordEdge,
            NotWordEdge,
            Match
        };
        Op op = Op::Match;
        bool negated = false;     // Set
        std::uint32_t first = 0;  // Set: its ranges; Split, Jump: target
        std::uint32_t count = 0;  // Set: how many; Split: the other target
    };

  private:
    friend class RegexCompiler;
    std::vector<Instruction> program_;
    std::vector<Range> ranges_;
    bool ignore_case_ = false;
    bool multiline_ = false;
};

}  // namespace flowctl::path
