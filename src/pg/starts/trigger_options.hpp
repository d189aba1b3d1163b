// The arguments of flowctl.start_flow('flow' [, 'option=value' ...]) in a trigger.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace flowctl::pg {

struct TriggerOptions {
    std::string flow;            // 'name' or 'name:version'
    bool record_errors = false;  // on_error=record: an input that is refused does not fail the statement
};

// Throws UserError for arguments that name no flow or hold an option that there is not. `trigger`: its name.
TriggerOptions read_trigger_options(std::string_view trigger, const std::vector<std::string_view>& arguments);

}  // namespace flowctl::pg
