// What the options of an endpoint allow, over all workers of a database, and what they leave at a moment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/gates/rate.hpp"

namespace flowctl {

struct EndpointLimits {
    std::optional<std::int64_t> max_concurrency = std::nullopt;
    std::optional<gates::Bucket> rate = std::nullopt;
    bool any() const { return max_concurrency || rate; }
};

// How many calls of an endpoint may begin now; if there are none for want of time, when the next one may.
struct EndpointRoom {
    std::size_t calls = 1'000'000'000;
    std::optional<std::int64_t> opens_at = std::nullopt;
};

}  // namespace flowctl
