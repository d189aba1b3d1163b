// The parameters of a Task that waits for an event: {"Type", "Subject", "Match", "Since"}.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "core/json.hpp"
#include "pg/server/uuid.hpp"

namespace flowctl::pg::event_tasks {

inline constexpr const char* kInvalid = "Flowctl.InvalidEventParameters";

struct Parameters {
    std::string type;
    std::optional<std::string> subject, match;
    std::optional<std::int64_t> since;
    std::optional<Uuid> since_event;
};
// The error says what is wrong.
Result<Parameters, std::string> read(const json::Value& input);

}  // namespace flowctl::pg::event_tasks
