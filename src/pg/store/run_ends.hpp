// How runs have ended, for whoever waits for them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/machine/status.hpp"
#include "pg/server/spi.hpp"

namespace flowctl::pg::store {

struct RunResult {
    machine::Status status = machine::Status::Running;
    std::string flow;
    std::optional<std::string> output;  // JSON; absent if the run has none, or its flow does not keep it
    std::optional<std::string> error;
    std::optional<std::string> cause;
};
// nullopt: the run is not kept any more.
std::optional<RunResult> find_result(Spi& spi, const Uuid& id);

}  // namespace flowctl::pg::store
