// The numbers of a Map state: concurrency, tolerated failures and sizes of batches, whether they are written
// out or come from a path or an expression.
#pragma once

#include "core/machine/evaluate.hpp"

namespace flowctl::machine {

// `field` is the field's name without "Path", for the texts of failures. The result is 0 if the definition
// has no such number.
Evaluated<std::int64_t> count_of(const asl::Count& count, std::string_view field, Evaluator& evaluator,
                                 const json::Value& input);
Evaluated<std::optional<double>> percentage_of(const asl::Percentage& percentage, Evaluator& evaluator,
                                               const json::Value& input);

}  // namespace flowctl::machine
