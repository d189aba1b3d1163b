// compile() and evaluate(): they turn exceptions of the engine into results.
#include "core/jsonata/jsonata.hpp"

#include "core/jsonata/error.hpp"
#include "core/jsonata/evaluation.hpp"
#include "core/jsonata/references.hpp"
#include "core/jsonata/serialise.hpp"

namespace flowctl::jsonata {

Result<Expression, Error> Expression::compile(std::string_view text) {
    const regex::ProgramQuota quota(regex::kProgramsOfDefinition);
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
        if (result.is_function() && environment.flow) {
            return Err{Error{.kind = Error::Kind::Unsupported,
                             .code = {},
                             .position = 0,
                             .token = {},
                             .message = "returned an unsupported result type."}};
        }
        const NonFinite non_finite = environment.flow ? NonFinite::Named : NonFinite::Refused;
        return std::optional<json::Value>(to_json(result, environment.budget, non_finite));
    } catch (const Raised& raised) {
        return Err{to_error(raised, program_->source)};
    } catch (const BudgetExceeded& exceeded) {
        // The test harness of the reference implementation ends too deep a recursion and too long an
        // evaluation with this code.
        if (!environment.flow && exceeded.of() == BudgetExceeded::Of::Bytes) throw;
        return Err{Error{.kind = Error::Kind::Limit,
                         .code = environment.flow ? "" : "U1001",
                         .position = 0,
                         .token = {},
                         .message = limit_sentence(exceeded.of())}};
    }
}

std::vector<std::string> Expression::unsupported(const Places& places) const {
    return unsupported_references(*program_, places);
}

}  // namespace flowctl::jsonata
