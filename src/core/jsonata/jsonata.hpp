// JSONata: the query and transformation language of jsonata.org, as the reference implementation 2.2.2
// evaluates it.
//
// An expression is compiled once into an immutable program that any number of evaluations share; an
// evaluation keeps everything it builds in one arena that dies with it. Time, randomness and limits come in
// as arguments, so the same call gives the same answer. Invariant: whatever an expression and its input are,
// compile() and evaluate() end in a value, an Error or BudgetExceeded of memory; the stack they use is bounded by the
// depth of the budget.
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

// What the reference implementation throws: a code, where, at which token, and the sentence for it.
struct Error {
    enum class Kind : std::uint8_t {
        Raised,      // of the expression, with a code
        Limit,       // a limit of FlowRules or of the budget is exceeded; in a flow without a code, else U1001
        Unsupported  // in a flow: the result is a function; without a code
    };
    Kind kind = Kind::Raised;
    std::string code;          // "T2001"
    std::size_t position = 0;  // in UTF-16 code units, after the token; 0 when there is none
    std::string token;
    std::string message;
};

// How Step Functions evaluates: without $eval, with NaN and Infinity as strings, and within limits that a
// Catch can see. The numbers were found by trying on AWS: it accepts and refuses on each side of them.
struct FlowRules {
    unsigned depth = 100;                 // of nested evaluation: a sum of 100 terms, 99 parentheses
    std::size_t value_bytes = 6'990'256;  // of one value: 8 an item, 1 a byte of text; [1..873782]
    std::size_t range_items = 360'145;    // of $range()
};

// What an evaluation takes from outside.
struct Environment {
    std::int64_t now_milliseconds = 0;  // since 1970, for $now() and $millis()
    Random& random;
    Budget& budget;
    std::optional<FlowRules> flow{};  // absent: as the reference implementation
};

class Expression {
  public:
    // Nesting of an expression, and the length of its text.
    static constexpr unsigned kMaxDepth = 1000;
    static constexpr std::size_t kMaxBytes = 1024 * 1024;

    static Result<Expression, Error> compile(std::string_view text);

    // What the expression refers to that is not there when a flow evaluates it, one sentence each, as Step
    // Functions refuses a definition with: names and `$` outside of any path (there is no context item),
    // `$$`, and the fields of $states that only some places have.
    struct Places {
        bool result = true;        // $states.result
        bool error_output = true;  // $states.errorOutput
    };
    std::vector<std::string> unsupported(const Places& places) const;

    // `input` nullptr is undefined. `bindings` is an object: its members are variables. The result nullopt is
    // undefined. A function becomes the empty string, as the reference's serialisation does; in a flow a result
    // that is one is an error.
    Result<std::optional<json::Value>, Error> evaluate(const json::Value* input, const json::Value& bindings,
                                                       const Environment& environment) const;

  private:
    explicit Expression(std::shared_ptr<const Program> program) : program_(std::move(program)) {}
    std::shared_ptr<const Program> program_;
};

}  // namespace flowctl::jsonata
