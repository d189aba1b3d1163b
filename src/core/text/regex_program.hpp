// Regular expressions as programs of a small machine, in two dialects.
//
// A pattern comes from a definition and the text from a row, so a backtracking matcher would let either stall the
// server. A pattern is compiled to a program whose threads run in step over the text (Thompson, 1968; with
// captures: Pike, 1987). A search takes at most the size of the program times the length of the text in steps,
// and the budget counts each of them. What no such machine can match is refused when the pattern is compiled:
// back references, look-around, possessive repetitions and atomic groups.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace flowctl::regex {

enum class Dialect : std::uint8_t { Java, EcmaScript };
// A program without captures answers only whether something matches, and is smaller.
enum class Captures : bool { None, Groups };

struct Range {
    char32_t first, last;
};

struct Instruction {
    enum class Op : std::uint8_t {
        Set,          // one character of a set
        Split,        // continue at `first`, and with less preference at `second`
        Jump,         // continue at `first`
        Save,         // the position goes to the slot `first`
        Forget,       // the slots from `first` up to `second` have no position
        LineStart,    // the begin of any line
        LineEnd,      // the end of any line
        TextStart,    // the begin of the text
        TextEnd,      // the end of the text
        LastLineEnd,  // the end of the text, or the line end that stands last in it
        WordEdge,     // between a character of a word and another one
        NotWordEdge,  // anywhere else
        Match
    };
    Op op = Op::Match;
    bool negated = false;      // Set
    std::uint32_t first = 0;   // Set: its ranges begin here
    std::uint32_t second = 0;  // Set: its ranges end here
};

struct Program {
    std::vector<Instruction> code;
    std::vector<Range> ranges;  // of all sets; those of one set are sorted and apart
    std::uint32_t slots = 0;    // two for the match and for each group, or none without captures
    Dialect dialect = Dialect::EcmaScript;
    bool ignore_case = false;
};

// Bounds the programs of many patterns together, for this thread and for as long as it lives. A short pattern can
// have a long program, and a definition can have thousands of patterns.
class ProgramQuota {
  public:
    explicit ProgramQuota(std::size_t instructions) noexcept : left_(instructions), outer_(innermost_) {
        innermost_ = this;
    }
    ~ProgramQuota() { innermost_ = outer_; }
    ProgramQuota(const ProgramQuota&) = delete;
    ProgramQuota& operator=(const ProgramQuota&) = delete;

    // Takes so many instructions from all quotas there are; false: one of them does not have them.
    static bool take(std::size_t instructions) noexcept {
        for (ProgramQuota* quota = innermost_; quota != nullptr; quota = quota->outer_) {
            if (quota->left_ < instructions) return false;
            quota->left_ -= instructions;
        }
        return true;
    }

  private:
    inline static thread_local ProgramQuota* innermost_ = nullptr;
    std::size_t left_;
    ProgramQuota* outer_;
};
inline constexpr std::size_t kProgramsOfDefinition = 500'000;

// Java's flags are i (ASCII case), s (the dot matches line ends), m (^ and $ at lines), x (comments), u and d;
// ECMAScript's are i and m. The error says why the pattern is refused.
Result<Program, std::string> compile(std::string_view pattern, std::string_view flags, Dialect dialect,
                                     Captures captures);

}  // namespace flowctl::regex
