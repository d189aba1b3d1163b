// A compiled JSONPath: its steps, and the filters inside them.
//
// Queries are immutable after parsing. A step is one selector. A query is definite when it can lead to one
// value only (member names and single indexes); then it gives that value, and otherwise an array of the
// values that it finds. query_parse.cpp makes queries; query_eval.cpp and filter.cpp evaluate them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.hpp"
#include "core/path/java_regex.hpp"
#include "core/path/path.hpp"

namespace flowctl::path {

struct Filter;
struct Query;

// The functions that a path may end in.
enum class Function { Length, Min, Max, Avg, Sum, Stddev, Keys, Concat, Append, First, Last, Index };

// The function of that name, if there is one.
std::optional<Function> function_named(std::string_view name) noexcept;

// An argument of a path's closing function: a query over the root, or a JSON literal.
struct FunctionArgument {
    std::shared_ptr<const Query> query;
    json::Value literal;
};

struct Step {
    enum class Kind { Member, Members, Index, Indexes, Slice, Wildcard, Descend, Filter, Function };
    Kind kind = Kind::Member;
    std::vector<std::string> names;           // Member: one; Members: several
    std::vector<std::string> written;         // the same with their escapes; empty if no name has any
    std::vector<std::int64_t> indexes;        // Index: one; Indexes: several
    std::optional<std::int64_t> from, to;     // Slice
    std::int64_t stride = 1;                  // Slice
    std::shared_ptr<const Filter> filter;     // Filter
    Function function = Function::Length;     // Function
    std::vector<FunctionArgument> arguments;  // Function

    bool is_definite() const noexcept;
    // The member of this name. AWS takes a name in brackets as it is written, with its backslashes. If there
    // is no such member, the escapes mean what they mean in JSON.
    const json::Value* member_of(const json::Value& object, std::size_t name = 0) const noexcept;
    // The name under which member_of() finds the member, or under which a new one is put.
    const std::string& name_in(const json::Value& object, std::size_t name = 0) const noexcept;
    // The step as Jayway writes it in error texts: ['a'], [0], [*], ..
    std::string fragment() const;
};

struct Query {
    enum class Root { Input, Context, Variable, Item };  // $, $$, $name; Item is @ inside a filter
    Root root = Root::Input;
    std::string variable;
    std::string text;  // as written
    std::vector<Step> steps;
    bool definite = true;

    // The steps 0 to count-1 as Jayway writes them after `$`.
    std::string fragments(std::size_t count) const;
};

// One side of a comparison.
struct Operand {
    enum class Kind { Literal, Query, Regex };
    Kind kind = Kind::Literal;
    json::Value literal;
    std::shared_ptr<const path::Query> query;
    std::shared_ptr<const path::Regex> regex;
};

struct Filter {
    enum class Kind { And, Or, Not, Exists, Compare };
    enum class Operator {
        Equal,
        NotEqual,
        SameTypeEqual,
        SameTypeNotEqual,
        Less,
        LessEqual,
        Greater,
        GreaterEqual,
        Matches,
        In,
        NotIn,
        SubsetOf,
        AnyOf,
        NoneOf,
        All,
        Contains,
        Size,
        Empty
    };
    Kind kind = Kind::Exists;
    std::vector<Filter> children;  // And, Or: two or more; Not: one
    Operator op = Operator::Equal;
    Operand left, right;  // Exists has only `left`
};

// Reads a whole expression. It must start with `$`, without a space before it; trailing spaces are ignored.
Result<Query, SyntaxError> parse_query(std::string_view text);

// Reads the query at the start of `text` as an argument of an intrinsic function. It ends before a comma, a
// closing parenthesis or white space outside of brackets. `length` gets the length of the query's text.
Result<Query, SyntaxError> parse_query_argument(std::string_view text, std::size_t& length);

// The value's JSON for an error text, or only its size when it is far larger than any payload may be.
std::string shown(const json::Value& value, Budget& budget);

// A failed evaluation: the reason, and whether the reason is that nothing is there.
struct Miss {
    bool nothing_there = true;
    std::string message;  // Jayway's text
};

// `root` is the value that the query's own root refers to.
Result<json::Value, Miss> evaluate_query(const Query& query, const json::Value& root, Budget& budget);
// As above, but an index past the end of an array is a miss and not null.
Result<json::Value, Miss> evaluate_query_strictly(const Query& query, const json::Value& root,
                                                  Budget& budget);

// Whether `item` passes the filter; `root` is the value of `$` inside the filter.
bool passes(const Filter& filter, const json::Value& item, const json::Value& root, Budget& budget);

// Applies a path's closing function to the value that the path led to.
Result<json::Value, Miss> call_function(const Step& step, const json::Value& value, const json::Value& root,
                                        Budget& budget);

}  // namespace flowctl::path
