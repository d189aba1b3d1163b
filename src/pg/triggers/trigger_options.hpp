// The arguments of flowctl.start_flow('flow' [, 'option=value' ...]) in a trigger.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pg/flow_options/flow_expression.hpp"

namespace flowctl::pg {

// Which columns of a row a run gets to see.
struct ColumnChoice {
    bool all_but_these = false;
    std::vector<std::string> names;
};

// How many runs a statement starts: one for each row that it changed, or one for all of them.
enum class StartPer { Row, Statement };

struct TriggerOptions {
    std::string flow;            // 'name', 'name:version' or 'name:alias'
    bool record_errors = false;  // on_error=record: an input that is refused does not fail the statement
    std::optional<StartPer> per;
    bool before = true;                   // the row as it was is part of the input
    std::optional<ColumnChoice> columns;  // nothing: all of them
    std::optional<FlowExpression> when;   // whether a run starts
    std::optional<FlowExpression> input;  // its input, in place of the change
    std::optional<FlowExpression> name;   // its name

    bool has_expressions() const { return when || input || name; }
};

// Throws UserError for arguments that name no flow, and for options that are unknown, given twice, or have a value
// that means nothing. `trigger`: its name, for messages.
TriggerOptions read_trigger_options(std::string_view trigger, const std::vector<std::string_view>& arguments);

}  // namespace flowctl::pg
