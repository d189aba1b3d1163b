// What a run is told about the result of an order.
#pragma once

#include "core/json.hpp"
#include "core/machine/machine.hpp"
#include "pg/sql_steps/order_rows.hpp"

namespace flowctl::pg {

inline machine::Event event_of_result(std::int64_t call, const store::OrderResult& result) {
    if (!result.output) return machine::TaskFailed{call, result.error, result.cause};
    json::ParseLimits limits;
    limits.max_bytes = result.output->size() + 1;
    limits.max_depth = machine::kMaxPayloadDepth;
    auto output = json::parse(*result.output, limits);
    if (output) return machine::TaskSucceeded{call, std::move(output).value()};
    return machine::TaskFailed{call, "States.Runtime", "the result is not JSON: " + output.error().message};
}

}  // namespace flowctl::pg
