// The SQL step that this process executes, for code that has to behave otherwise within one.
//
// An executor (sql_steps/executor.hpp) sets it for as long as the function of a step runs, the commit of its
// transaction included. In every other process it is null.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "pg/server/uuid.hpp"

namespace flowctl::pg {

struct CurrentStep {
    Uuid run{};
    std::int32_t depth = 0;  // how many flows have started one another above the run
    std::string flow;
    std::int32_t version = 0;
    std::string state;
    std::string path;
    Oid role = InvalidOid;
    std::optional<std::string> subject;         // the verified end user in whose session the run began
    std::optional<std::string> subject_issuer;
    std::optional<std::string> subject_claims;  // a JSON object
};

inline const CurrentStep* current_step = nullptr;

}  // namespace flowctl::pg
