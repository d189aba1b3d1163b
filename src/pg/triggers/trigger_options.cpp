// Reading the arguments of a trigger. See trigger_options.hpp.
//
// A trigger's arguments are read once for each statement that fires it. Compiling an expression takes longer than
// everything else in it, so the process keeps those that it has compiled.
#include "pg/triggers/trigger_options.hpp"

#include <algorithm>
#include <map>

#include "pg/server/quoting.hpp"

namespace flowctl::pg {

namespace {

constexpr std::size_t kMostCompiled = 64;

class OptionReader {
  public:
    explicit OptionReader(std::string_view trigger) : trigger_(trigger) {}

    void read(std::string_view argument, TriggerOptions& options) {
        const std::size_t equals = argument.find('=');
        const std::string_view name = argument.substr(0, equals);
        const std::string_view value =
            equals == std::string_view::npos ? std::string_view{} : argument.substr(equals + 1);
        if (equals == std::string_view::npos || !set(name, value, options)) refuse_unknown(argument);
        if (std::find(seen_.begin(), seen_.end(), name) != seen_.end())
            refuse("has the option " + in_quotes(name) + " twice", "Give each option once.");
        seen_.push_back(name);
    }

  private:
    // False: there is no such option.
    bool set(std::string_view name, std::string_view value, TriggerOptions& options) {
        if (name == "on_error")
            options.record_errors = is_second(name, value, "raise", "record");
        else if (name == "per")
            options.per =
                is_second(name, value, "row", "statement") ? StartPer::Statement : StartPer::Row;
        else if (name == "before")
            options.before = !is_second(name, value, "yes", "no");
        else if (name == "columns" || name == "except")
            options.columns = choice(name, value, options);
        else if (name == "when")
            options.when = expression(name, value);
        else if (name == "input")
            options.input = expression(name, value);
        else if (name == "name")
            options.name = expression(name, value);
        else
            return false;
        return true;
    }

    bool is_second(std::string_view name, std::string_view value, std::string_view first,
                   std::string_view second) {
        if (value == second) return true;
        if (value == first) return false;
        refuse("has the value " + in_quotes(shortened_name(value)) + " for the option " + in_quotes(name),
               "The values of this option are '" + std::string(first) + "' and '" + std::string(second) + "'.");
    }

    // Names as SQL has them: separated by commas, and in double quotes where they need them.
    ColumnChoice choice(std::string_view name, std::string_view value, const TriggerOptions& options) {
        if (options.columns)
            refuse("has two lists of columns", "Give one of the options 'columns' and 'except', and give it once.");
        ColumnChoice result{name == "except", {}};
        const char* const text = value.data();
        const std::size_t length = value.size();
        List* names = NIL;
        const bool is_valid = guarded([&] { return SplitIdentifierString(pnstrdup(text, length), ',', &names); });
        for (int i = 0; is_valid && i < list_length(names); i++)
            result.names.emplace_back(static_cast<const char*>(list_nth(names, i)));
        if (result.names.empty())
            refuse("has the value " + in_quotes(shortened_name(value)) + " for the option " + in_quotes(name),
                   "List the names of columns, separated by commas, as in 'columns=id,total'.");
        return result;
    }

    FlowExpression expression(std::string_view name, std::string_view value) {
        static std::map<std::string, FlowExpression, std::less<>> compiled;
        const auto known = compiled.find(value);
        if (known != compiled.end()) return known->second;
        auto result = FlowExpression::compile(value);
        if (!result)
            throw UserError(ERRCODE_INVALID_OBJECT_DEFINITION,
                            "trigger " + in_quotes(trigger_) + " has an option " + in_quotes(name) +
                                " that is no expression",
                            "Give JSONata over the change, such as 'when=after.total > 100'.",
                            "The reason: " + result.error() + ".");
        if (compiled.size() == kMostCompiled) compiled.clear();
        return compiled.emplace(value, std::move(result).value()).first->second;
    }

    [[noreturn]] void refuse(const std::string& why, std::string hint) {
        throw UserError(ERRCODE_INVALID_OBJECT_DEFINITION, "trigger " + in_quotes(trigger_) + " " + why,
                        std::move(hint));
    }
    [[noreturn]] void refuse_unknown(std::string_view argument) {
        refuse("has the unknown option " + in_quotes(shortened_name(argument)),
               "The options are on_error, per, columns, except, before, when, input and name, each given as "
               "'option=value'.");
    }

    std::string_view trigger_;
    std::vector<std::string_view> seen_;
};

}  // namespace

TriggerOptions read_trigger_options(std::string_view trigger,
                                    const std::vector<std::string_view>& arguments) {
    if (arguments.empty())
        throw UserError(ERRCODE_INVALID_OBJECT_DEFINITION, "trigger " + in_quotes(trigger) + " names no flow",
                        "Name it: EXECUTE FUNCTION flowctl.start_flow('flow').");
    TriggerOptions options;
    options.flow = arguments.front();
    OptionReader reader(trigger);
    for (std::size_t i = 1; i < arguments.size(); i++)
        reader.read(arguments[i], options);
    return options;
}

}  // namespace flowctl::pg
