// Choosing the rule of a Choice state that matches.
#pragma once

#include "core/machine/evaluate.hpp"

namespace flowctl::machine {

// The index of the first rule that matches `input`; nothing if none does.
Evaluated<std::optional<std::size_t>> choose(const asl::ChoiceFields& choice, Evaluator& evaluator,
                                             const json::Value& input);

// Whether the text matches a pattern of StringMatches: `*` stands for any characters, `\*` for an asterisk,
// `\\` for a backslash.
bool matches_pattern(std::string_view text, std::string_view pattern, Budget& budget);

}  // namespace flowctl::machine
