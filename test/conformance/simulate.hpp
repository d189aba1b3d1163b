// One execution without a server: advance() with a clock that jumps to the next deadline, and Lambda
// functions that are a few lines here.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/asl/model.hpp"
#include "core/machine/machine.hpp"

namespace conformance {

struct Execution {
    flowctl::machine::Outcome outcome;
    std::vector<flowctl::json::Value>
        events;         // in the shape of the data: {id, previousEventId, type, ...EventDetails}
    std::string stuck;  // why it did not end, if it did not
};

// `lambdas`: the handler of each function, by the function's name.
Execution simulate(const flowctl::asl::Flow& flow, bool express, const flowctl::json::Value& input,
                   const std::map<std::string, std::string>& lambdas);

}  // namespace conformance
