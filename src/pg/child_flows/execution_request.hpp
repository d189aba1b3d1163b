// What a Task says about the run that it starts: AWS's StartExecution, for the flows of this database.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "calls/protocol.hpp"
#include "core/machine/machine.hpp"
#include "core/machine/identifiers.hpp"

namespace flowctl::pg {

struct ExecutionRequest {
    std::string flow;   // 'name', 'name:version' or 'name:alias'
    std::string input;  // JSON text
    std::optional<std::string> name;
    std::optional<std::string> traceparent;
};

// Whether such a Task starts a flow of this database: flowctl:flow always does, and states:startExecution if its
// StateMachineArn is in the space of this database.
bool starts_own_flow(const asl::Resource& resource, const json::Value& input);
// The flow that it names, as far as it is written out in the input.
std::optional<std::string> flow_of(const asl::Resource& resource, const json::Value& input);

std::variant<ExecutionRequest, calls::Refusal> read_request(const machine::Call& call);

// X-Ray's header as a traceparent (W3C): "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;
// Sampled=1". A traceparent is taken as it is. Nothing for anything else.
std::optional<std::string> traceparent_of(std::string_view header);

}  // namespace flowctl::pg
