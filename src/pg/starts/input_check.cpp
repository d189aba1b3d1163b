// Implementation of input_check.hpp.
#include "pg/starts/input_check.hpp"

#include "pg/server/interruptible.hpp"
#include "pg/server/quoting.hpp"

namespace flowctl::pg {

void check_input(const store::FlowRow& flow, StartInput& input) {
    const auto& schema = flow.version_options.input_schema;
    if (!schema) return;
    std::optional<schema::Problem> problem;
    try {
        problem = interruptible([&] {
            Budget budget(input.within(schema::Schema::kLimits));
            return schema->check(input.value(), budget);
        });
    } catch (const BudgetExceeded& exceeded) {
        throw UserError(ERRCODE_PROGRAM_LIMIT_EXCEEDED,
                        "input of flow " + in_quotes(flow.name) + " cannot be checked: " + exceeded.what(),
                        "Pass a smaller input, or simplify the flow's input_schema.",
                        input.is_for_worker()
                            ? "Where a run starts another one, a tenth of the steps and memory is allowed that "
                              "flowctl.start() may use."
                            : "");
    }
    if (!problem) return;
    throw UserError(ERRCODE_INVALID_PARAMETER_VALUE,
                    "input of flow " + in_quotes(flow.name) + " does not fit its input_schema: " +
                        (problem->pointer.empty() ? "it" : shortened_name(problem->pointer)) + " " +
                        problem->message,
                    "The view flowctl.flow_versions has the schema, in options.",
                    problem->pointer.empty() ? "JSON Pointer: \"\" (the whole input)."
                                             : "JSON Pointer: " + std::string(first_bytes(problem->pointer, 1024)));
}

}  // namespace flowctl::pg
