// What is known of runs that have just failed, for the flows that their failure starts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pg/server/spi.hpp"

namespace flowctl::pg::store {

struct FailedRun {
    Uuid run_id{};
    Uuid flow_id{};
    std::string flow;
    Oid flow_owner = InvalidOid;  // the present one
    std::int32_t depth = 0;
    std::string input;
    std::optional<std::string> error;
    std::optional<std::string> cause;
    std::optional<std::string> traceparent;
};
// Those of the runs whose flow has the option on_failure, within the transaction that ends them.
std::vector<FailedRun> find_failed_runs(Spi& spi, const std::vector<Uuid>& ids);

}  // namespace flowctl::pg::store
