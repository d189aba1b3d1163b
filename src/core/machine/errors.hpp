// Retry and Catch: which of them an error matches, and when to try again.
#pragma once

#include <string>
#include <vector>

#include "core/machine/evaluate.hpp"

namespace flowctl::machine {

bool matches(const std::vector<std::string>& error_equals, const Failure& failure);

// How long to wait before the retry after `used` retries, in microseconds.
Instant retry_delay(const asl::Retrier& retrier, std::int64_t used, Random& random);

// {"error": ..., "cause": ...}: the details of a failed event; an absent one is left out.
json::Value error_details(const std::optional<std::string>& error, const std::optional<std::string>& cause);

// How AWS shows a value that is not the number it should be: its text, or its JSON text, in quotes.
std::string quoted_value(const json::Value& value);

// AWS's words in front of a cause: in which visit of which state it came up.
std::string occurred_in(const BranchFrame& branch);

// The text, or as much of it as fits, cut between characters.
std::string bounded(std::string text, std::size_t most);
// AWS's bounds for what a task says of its failure.
inline constexpr std::size_t kMaxErrorBytes = 256;
inline constexpr std::size_t kMaxCauseBytes = 32'768;
inline constexpr std::size_t kMaxLocationBytes = 256;

}  // namespace flowctl::machine
