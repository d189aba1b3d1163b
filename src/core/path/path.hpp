// The JSONPath query language of ASL: paths, reference paths, intrinsic functions and payload templates. Each
// is compiled once per flow version and evaluated many times. Compiled objects are immutable.
//
// The semantics are those of AWS Step Functions, whose engine is Jayway JsonPath. A definite path gives the
// bare value and fails when nothing is there. An indefinite one (wildcard, slice, filter, `..`, several
// names) gives an array, which is empty when nothing matches. Error texts follow recorded answers of AWS. A
// Budget bounds the evaluation.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "core/budget.hpp"
#include "core/json.hpp"
#include "core/random.hpp"

namespace flowctl::path {

// Variables by name, as Assign has set them.
using Variables = std::map<std::string, json::Value, std::less<>>;

// The values that an expression can see: `input` is `$`, `context` is `$$`, `variables` are `$name`.
struct Scope {
    const json::Value& input;
    const json::Value& context;
    const Variables& variables;
    Random& random;
    Budget& budget;
};

struct SyntaxError {
    std::size_t offset = 0;  // in bytes within the expression
    std::string message;
};

// A failed evaluation. `message` is AWS's text, as far as it is known, without the prefix "An error occurred
// while executing the state". An example for a bare path: "Invalid path '$.x' : No results for path: $['x']".
struct EvalError {
    enum class Reason { NoResult, WrongType, Intrinsic };
    Reason reason = Reason::NoResult;
    std::string message;
};

using EvalResult = Result<json::Value, EvalError>;

// A path `$...` over the input, `$$...` over the context object or `$name...` over a variable. In payload
// templates and in Fail's ErrorPath and CausePath it can also be an intrinsic function `States.X(...)`.
class Expression {
  public:
    enum class Allow { Paths, PathsAndIntrinsics };
    static Result<Expression, SyntaxError> compile(std::string_view text, Allow allow);

    EvalResult evaluate(const Scope& scope) const;
    // The same with another message: if nothing is there, it names the field and shows the input, as in a
    // template.
    EvalResult evaluate(const Scope& scope, std::string_view field) const;
    // Whether the path leads to something (IsPresent). An intrinsic function always does.
    bool present(const Scope& scope) const;

    const std::string& text() const noexcept;
    bool is_definite() const noexcept;   // false for wildcards, filters, slices, `..`
    bool is_reference() const noexcept;  // a reference path: member names and single indexes only
    // The names of the variables that the expression reads, without `$`.
    std::vector<std::string> variables() const;

    struct Impl;

  private:
    explicit Expression(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
    std::shared_ptr<const Impl> impl_;
};

// ResultPath: the place in the input where a result is put. Missing objects on the way are created.
class ReferencePath {
  public:
    static Result<ReferencePath, SyntaxError> compile(std::string_view text);
    // `root` with `value` at this path. An error if the path leads through a value that is neither object nor
    // array, or past the end of an array.
    EvalResult insert(const json::Value& root, const json::Value& value, Budget& budget) const;
    const std::string& text() const noexcept;

    struct Impl;

  private:
    explicit ReferencePath(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
    std::shared_ptr<const Impl> impl_;
};

// A payload template (Parameters, ResultSelector, ItemSelector, Assign, Credentials). Members whose key ends
// in `.$` hold an Expression; everything else is literal. A template without expressions evaluates to the
// very same Value.
class Template {
  public:
    struct Problem {
        std::string pointer;  // RFC 6901, from the template's root
        std::string message;
    };
    static Result<Template, std::vector<Problem>> compile(const json::Value& value);
    // On failure the message names the member, as AWS's does: "The JSONPath '$.x' specified for the field
    // 'value.$' could not be found in the input '...'".
    EvalResult evaluate(const Scope& scope) const;
    std::vector<std::string> variables() const;

    struct Impl;

  private:
    explicit Template(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
    std::shared_ptr<const Impl> impl_;
};

}  // namespace flowctl::path
