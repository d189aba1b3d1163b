// Definitions: compiles the text of a state machine to the immutable model that the machine runs, and
// collects all findings.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/asl/model.hpp"

namespace flowctl::asl {

struct Finding {
    enum class Severity { Error, Warning };
    Severity severity = Severity::Error;
    std::string code;  // AWS's code: SCHEMA_VALIDATION_FAILED, INVALID_JSON_DESCRIPTION, ...
    // JSON Pointer (RFC 6901) into the definition, such as /States/Pay/Next; "" is the whole definition.
    std::string location;
    std::string message;
};

struct Compiled {
    // In document order. There are at most 100; if more were found, the last one says how many are left out.
    std::vector<Finding> findings;
    std::shared_ptr<const Flow> flow;  // null exactly when a finding is an Error
};

enum class FlowType { Standard, Express };

// Compiles a definition. A text over 1 MB (1,048,576 bytes) is refused, as on AWS. The type only adds
// findings.
Compiled compile(std::string_view definition, FlowType type = FlowType::Standard);

}  // namespace flowctl::asl
