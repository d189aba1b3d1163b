// Retry and Catch: which retrier or catcher an error matches, and when the next attempt begins.
#pragma once

#include <string>
#include <vector>

#include "core/machine/evaluate.hpp"

namespace flowctl::machine {

bool matches(const std::vector<std::string>& error_equals, const Failure& failure);

// How long to wait before the next attempt after `used` retries, in microseconds.
Instant retry_delay(const asl::Retrier& retrier, std::int64_t used, Random& random);

// {"error": ..., "cause": ...}, the details of a failed event. An absent one is left out.
json::Value error_details(const std::optional<std::string>& error, const std::optional<std::string>& cause);

// A value in the place of a number, as AWS shows it: its text, or its JSON text, in quotes.
std::string quoted_value(const json::Value& value);

// AWS's words in front of a cause. They say in which visit of which state the error came up.
std::string occurred_in(const BranchFrame& branch);

// At most `most` bytes of the text, cut between characters.
std::string bounded(std::string text, std::size_t most);
// AWS's limits for the error and the cause that a task reports.
inline constexpr std::size_t kMaxErrorBytes = 256;
inline constexpr std::size_t kMaxCauseBytes = 32'768;
inline constexpr std::size_t kMaxLocationBytes = 256;

}  // namespace flowctl::machine
