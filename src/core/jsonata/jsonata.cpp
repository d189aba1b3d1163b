// compile() and evaluate(): where inside ends and results begin.
#include "core/jsonata/jsonata.hpp"

#include "core/jsonata/error.hpp"
#include "core/jsonata/evaluation.hpp"
#include "core/jsonata/serialise.hpp"

namespace flowctl::jsonata {

Result<Expression, Error> Expression::compile(std::string_view text) {
    try {
        return Expression(compile_program(text));
    } catch (const Raised& raised) {
        return Err{to_error(raised, text)};
    }
}

Result<std::optional<json::Value>, Error> Expression::evaluate(const json::Value* input,
                                                               const json::Value& bindings,
                                                               const Environment& environment) const {
    try {
        Evaluation evaluation(environment, bindings);
        const Value result = evaluation.run(*program_, input);
        if (result.is_undefined()) return std::optional<json::Value>();
        return std::optional<json::Value>(to_json(result, environment.budget));
    } catch (const Raised& raised) {
        return Err{to_error(raised, program_->source)};
    }
}

}  // namespace flowctl::jsonata
