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
    std::uint32_t first = 0,
                  end = 0;  // Set: its ranges; Repeat: the groups inside, which each round begins anew
    std::uint32_t least = 0, most = 0;  // Repeat
    std::uint32_t group = 0;            // Group: its number; 0 is a group that captures nothing
    std::vector<Tree> children;
};

struct Pattern {
    Tree tree;
    std::uint32_t groups = 1;  // with the whole match, which is group 0
};

// Thrown by the parser and by what builds programs.
struct Refused {
    std::string why;
};

// Fills the program's ranges and flags; its code is still empty.
Pattern parse(std::string_view pattern, std::string_view flags, Program& program);

}  // namespace flowctl::regex
