// Implementation of depth.hpp.
#include "pg/events/depth.hpp"

#include "core/json.hpp"

namespace flowctl::pg::events {

std::int32_t depth_below(const std::optional<std::string>& event) {
    if (!event) return 0;
    json::ParseLimits limits;
    limits.max_bytes = event->size() + 1;
    const auto envelope = json::parse(*event, limits);
    const json::Value* depth = envelope ? envelope->find("depth") : nullptr;
    const auto number = depth != nullptr && depth->is_number() ? depth->as_integer() : std::nullopt;
    if (!number || *number < 0) return 1;
    return static_cast<std::int32_t>(*number < kMostDepth ? *number + 1 : kMostDepth);
}

}  // namespace flowctl::pg::events
