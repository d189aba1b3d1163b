// The JSONPath query language of ASL: paths, reference paths, intrinsic functions and payload templates, each
// compiled once per flow version and evaluated many times.
//
// Semantics are those of AWS Step Functions, whose engine is Jayway JsonPath: a definite path gives the bare
// value and fails when nothing is there; an indefinite one (wildcard, slice, filter, `..`, several names)
// gives an array, empty when nothing matches. Texts of errors follow recorded answers. Evaluation is bounded
// by a Budget.
//
// Compiled objects are immutable.
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

// Variables by name, as Assign set them.
using Variables = std::map<std::string, json::Value, std::less<>>;

// What an expression can see. `input` is `$`, `context` is `$$`, `variables` are `$name`.
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

// A failed evaluation. `message` is AWS's text without the "An error occurred while executing the state"
// prefix, as far as it is known, e.g. "Invalid path '$.x' : No results for path: $['x']" for a bare path.
struct EvalError {
    enum class Reason { NoResult, WrongType, Intrinsic };
    Reason reason = Reason::NoResult;
    std::string message;
};

using EvalResult = Result<json::Value, EvalError>;

// `$...` over the input, `$$...` over the context object, `$name...` over a variable; or, in payload
// templates and Fail's ErrorPath and CausePath, an intrinsic function `States.X(...)`.
class Expression {
  public:
    enum class Allow { Paths, PathsAndIntrinsics };
    static Result<Expression, SyntaxError> compile(std::string_view text, Allow allow);

    EvalResult evaluate(const Scope& scope) const;
    // The same; where nothing is, the message names the field and shows the input, as in a template.
    EvalResult evaluate(const Scope& scope, std::string_view field) const;
    // Whether the path leads to something (IsPresent). Intrinsics are always present.
    bool present(const Scope& scope) const;

    const std::string& text() const noexcept;
    bool is_definite() const noexcept;   // false for wildcards, filters, slices, `..`
    bool is_reference() const noexcept;  // a reference path: member names and single indexes only
    // Names of the variables that it reads, without `$`.
    std::vector<std::string> variables() const;

    struct Impl;

  private:
    explicit Expression(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
    std::shared_ptr<const Impl> impl_;
};

// ResultPath: where in the input a result is put (AWS: "ResultPath"). Missing objects on the way are created.
class ReferencePath {
  public:
    static Result<ReferencePath, SyntaxError> compile(std::string_view text);
    // `root` with `value` at this path; an error where the path runs through a value that is neither object
    // nor array, or past the end of an array.
    EvalResult insert(const json::Value& root, const json::Value& value, Budget& budget) const;
    const std::string& text() const noexcept;

    struct Impl;

  private:
    explicit ReferencePath(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
    std::shared_ptr<const Impl> impl_;
};

// A payload template (Parameters, ResultSelector, ItemSelector, Assign, Credentials): members whose key ends
// in `.$` hold an Expression, everything else is literal. A template without expressions evaluates to the
// very same Value.
class Template {
  public:
    struct Problem {
        std::string pointer;  // RFC 6901, from the template's root
        std::string message;
    };
    static Result<Template, std::vector<Problem>> compile(const json::Value& value);
    // On failure the message says which member: "The JSONPath '$.x' specified for the field 'value.$' could
    // not be found in the input '...'", as AWS does.
    EvalResult evaluate(const Scope& scope) const;
    std::vector<std::string> variables() const;

    struct Impl;

  private:
    explicit Template(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
    std::shared_ptr<const Impl> impl_;
};

}  // namespace flowctl::path
