// Retry and Catch: which of them an error matches, and when to try again. Internal to core/machine.
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

// AWS's bounds for what a task says of its failure: cut, between characters.
std::string bounded(std::string text, std::size_t most);
inline constexpr std::size_t kMaxErrorBytes = 256;
inline constexpr std::size_t kMaxCauseBytes = 32'768;
inline constexpr std::size_t kMaxLocationBytes = 256;

}  // namespace flowctl::machine
