// What a Task is told about the run that it has started: AWS's results of StartExecution and, with .sync, of
// DescribeExecution. The members stand in the order of the alphabet, as AWS writes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/json.hpp"
#include "core/machine/machine.hpp"
#include "pg/child_flows/child_flow_rows.hpp"

namespace flowctl::pg {

json::Value started_description(const std::string& flow, const std::optional<std::string>& name,
                                const Uuid& run, bool express, std::int64_t started_at);

// `output`: null if the run has none.
json::Value ended_description(const store::EndedRun& run, const std::string& input,
                              const std::optional<std::string>& output);

// The answer to the call that has waited for the run. With .sync:2 (`as_json`) the payloads are JSON instead of
// text that holds JSON.
machine::Event answer_of(std::int64_t call, const json::Value& description, bool as_json);
// The run is not kept any more, so nobody knows how it has ended.
machine::Event answer_without_run(std::int64_t call, const Uuid& run);

}  // namespace flowctl::pg
