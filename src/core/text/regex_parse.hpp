// The syntax of a regular expression as a tree.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/regex_program.hpp"

namespace flowctl::regex {

constexpr std::uint32_t kUnbounded = 0xffffffff;

struct Tree {
    enum class Kind : std::uint8_t { Set, Edge, Group, Sequence, Choice, Repeat };
    Kind kind = Kind::Sequence;
    Instruction::Op edge = Instruction::Op::Match;  // Edge
    bool negated = false;                           // Set
    bool lazy = false;                              // Repeat: as few rounds as possible
    // Set: its ranges. Repeat: the groups inside, which each round begins anew.
    std::uint32_t first = 0, end = 0;
    std::uint32_t least = 0, most = 0;  // Repeat
    std::uint32_t group = 0;            // Group: its number; 0 for a group that captures nothing
    std::vector<Tree> children;
};

struct Pattern {
    Tree tree;
    std::uint32_t groups = 1;  // including the whole match, which is group 0
};

// Why a pattern is refused. The parser and the builder of programs throw it.
struct Refused {
    std::string why;
};

// Parses the pattern and fills the program's ranges and flags. The program's code stays empty.
Pattern parse(std::string_view pattern, std::string_view flags, Program& program);

}  // namespace flowctl::regex
