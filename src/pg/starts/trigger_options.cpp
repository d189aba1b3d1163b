// Reading the arguments of a trigger. See trigger_options.hpp.
#include "pg/starts/trigger_options.hpp"

#include "pg/server/quoting.hpp"

namespace flowctl::pg {

TriggerOptions read_trigger_options(std::string_view trigger,
                                    const std::vector<std::string_view>& arguments) {
    if (arguments.empty())
        throw UserError(ERRCODE_INVALID_OBJECT_DEFINITION, "trigger " + in_quotes(trigger) + " names no flow",
                        "Name it: EXECUTE FUNCTION flowctl.start_flow('flow').");
    TriggerOptions options{std::string(arguments.front())};
    for (std::size_t i = 1; i < arguments.size(); i++) {
        if (arguments[i] == "on_error=record")
            options.record_errors = true;
        else if (arguments[i] != "on_error=raise")
            throw UserError(ERRCODE_INVALID_OBJECT_DEFINITION,
                            "trigger " + in_quotes(trigger) + " has the unknown option " +
                                in_quotes(shortened_name(arguments[i])),
                            "The options are 'on_error=raise' and 'on_error=record'.");
    }
    return options;
}

}  // namespace flowctl::pg
