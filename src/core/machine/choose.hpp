// Which rule of a Choice matches.
#pragma once

#include "core/machine/evaluate.hpp"

namespace flowctl::machine {

// The index of the first rule that matches `input`, or nothing.
Evaluated<std::optional<std::size_t>> choose(const asl::ChoiceFields& choice, Evaluator& evaluator,
                                             const json::Value& input);

// StringMatches: `*` stands for any characters, `\*` for an asterisk, `\\` for a backslash.
bool matches_pattern(std::string_view text, std::string_view pattern, Budget& budget);

}  // namespace flowctl::machine
