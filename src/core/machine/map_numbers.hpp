// The numbers of a Map state: concurrency, tolerated failures, sizes of batches, wherever the definition has
// them from.
#pragma once

#include "core/machine/evaluate.hpp"

namespace flowctl::machine {

// `field` is the name without Path; texts of failures have it. 0 when the definition says nothing.
Evaluated<std::int64_t> count_of(const asl::Count& count, std::string_view field, Evaluator& evaluator,
                                 const json::Value& input);
Evaluated<std::optional<double>> percentage_of(const asl::Percentage& percentage, Evaluator& evaluator,
                                               const json::Value& input);

}  // namespace flowctl::machine
