// Regular expressions as programs of a small machine, in two dialects.
//
// A pattern comes from a definition and the text from a row, so with a backtracking matcher either of them
// could stall the server. Instead, a pattern is compiled to a program whose threads run in step over the text
// (Thompson, 1968; with captures: Pike, 1987). A search takes at most as many steps as the size of the
// program times the length of the text, and the budget counts each of them. Constructs that no such machine
// can match are refused when the pattern is compiled: back references, look-around, possessive repetitions
// and atomic groups.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace flowctl::regex {

enum class Dialect : std::uint8_t { Java, EcmaScript };
// A program without captures only answers whether something matches, and is smaller.
enum class Captures : bool { None, Groups };

struct Range {
    char32_t first, last;
};

struct Instruction {
    enum class Op : std::uint8_t {
        Set,          // one character of a set
        Split,        // continue at `first`, and with lower preference at `second`
        Jump,         // continue at `first`
        Save,         // store the position in the slot `first`
        Forget,       // clear the slots from `first` to before `second`
        LineStart,    // the beginning of any line
        LineEnd,      // the end of any line
        TextStart,    // the beginning of the text
        TextEnd,      // the end of the text
        LastLineEnd,  // the end of the text, or before a line end that is the last thing in it
        WordEdge,     // between a character of a word and a character that belongs to none
        NotWordEdge,  // everywhere else
        Match
    };
    Op op = Op::Match;
    bool negated = false;      // Set
    std::uint32_t first = 0;   // Set: the beginning of its ranges
    std::uint32_t second = 0;  // Set: the end of its ranges
};

struct Program {
    std::vector<Instruction> code;
    std::vector<Range> ranges;  // of all sets; the ranges of one set are sorted and do not overlap
    std::uint32_t slots = 0;    // two for the match and two for each group, or none without captures
    Dialect dialect = Dialect::EcmaScript;
    bool ignore_case = false;
};

// A limit for the programs of many patterns together, in this thread and as long as the object lives. It is
// needed because a short pattern can have a long program, and a definition can have thousands of patterns.
class ProgramQuota {
  public:
    explicit ProgramQuota(std::size_t instructions) noexcept : left_(instructions), outer_(innermost_) {
        innermost_ = this;
    }
    ~ProgramQuota() { innermost_ = outer_; }
    ProgramQuota(const ProgramQuota&) = delete;
    ProgramQuota& operator=(const ProgramQuota&) = delete;

    // Takes so many instructions from all quotas of this thread. False if one of them has not enough left.
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

// Java's flags are i (ASCII case), s (the dot matches line ends), m (^ and $ at lines), x (comments), u and
// d; ECMAScript's are i and m. The error says why the pattern is refused.
Result<Program, std::string> compile(std::string_view pattern, std::string_view flags, Dialect dialect,
                                     Captures captures);

}  // namespace flowctl::regex
