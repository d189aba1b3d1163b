// JSONata: the query and transformation language of jsonata.org, as its reference implementation 2.2.2
// evaluates it.
//
// An expression is compiled once into an immutable program, which any number of evaluations share. An
// evaluation keeps everything that it builds in one arena, which is freed at its end. Time, randomness and
// limits are arguments, so the same call gives the same answer. Invariant: for every expression and input,
// compile() and evaluate() end in a value, an Error, or BudgetExceeded for memory. The depth of the budget
// bounds the stack that they use.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "core/budget.hpp"
#include "core/json.hpp"
#include "core/random.hpp"

namespace flowctl::jsonata {

struct Program;

// An error of the reference implementation: a code, a position, a token, and a sentence.
struct Error {
    enum class Kind : std::uint8_t {
        Raised,      // an error of the expression, with a code
        Limit,       // a limit of FlowRules or of the budget is exceeded; no code in a flow, else U1001
        Unsupported  // the result is a function, which is an error in a flow; no code
    };
    Kind kind = Kind::Raised;
    std::string code;          // "T2001"
    std::size_t position = 0;  // in UTF-16 code units, behind the token; 0 when there is none
    std::string token;
    std::string message;
};

// How Step Functions evaluates: without $eval, with NaN and Infinity as strings, and with limits whose errors
// a Catch can see. The numbers were found by experiments: AWS accepts expressions just below them and refuses
// those above.
struct FlowRules {
    unsigned depth = 100;  // of nested evaluation; it allows a sum of 100 terms, or 99 parentheses
    // Of one value: 8 for an item, 1 for a byte of text; it allows [1..873782].
    std::size_t value_bytes = 6'990'256;
    std::size_t range_items = 360'145;    // of $range()
};

// The inputs of an evaluation from outside.
struct Environment {
    std::int64_t now_milliseconds = 0;  // since 1970, for $now() and $millis()
    Random& random;
    Budget& budget;
    std::optional<FlowRules> flow{};  // if absent, as in the reference implementation
};

class Expression {
  public:
    // Limits for the nesting of an expression and the length of its text.
    static constexpr unsigned kMaxDepth = 1000;
    static constexpr std::size_t kMaxBytes = 1024 * 1024;

    static Result<Expression, Error> compile(std::string_view text);

    // The parts of the expression that a flow does not have, one sentence for each, as Step Functions writes
    // them when it refuses a definition: names and `$` outside of any path (there is no context item), `$$`,
    // and the fields of $states that only some places have.
    struct Places {
        bool result = true;        // $states.result
        bool error_output = true;  // $states.errorOutput
    };
    std::vector<std::string> unsupported(const Places& places) const;

    // If `input` is nullptr, the input is undefined. The members of the object `bindings` are variables. A
    // result of nullopt means undefined. A function in the result becomes the empty string, as in the
    // reference implementation; in a flow it is an error if the result itself is a function.
    Result<std::optional<json::Value>, Error> evaluate(const json::Value* input, const json::Value& bindings,
                                                       const Environment& environment) const;

  private:
    explicit Expression(std::shared_ptr<const Program> program) : program_(std::move(program)) {}
    std::shared_ptr<const Program> program_;
};

}  // namespace flowctl::jsonata
