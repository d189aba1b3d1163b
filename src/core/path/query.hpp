// A compiled JSONPath: its steps, and the filters inside them.
//
// Immutable after parsing. Words: a step is one selector; a query is definite when it can lead to one value
// only (member names and single indexes), and then gives that value, else an array of what it finds.
//
// Made by query_parse.cpp, walked by query_eval.cpp and filter.cpp.
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

// An argument of such a function: a query over the root, or a JSON literal.
struct FunctionArgument {
    std::shared_ptr<const Query> query;
    json::Value literal;
};

struct Step {
    enum class Kind { Member, Members, Index, Indexes, Slice, Wildcard, Descend, Filter, Function };
    Kind kind = Kind::Member;
    std::vector<std::string> names;           // Member: one; Members: several
    std::vector<std::string> written;         // the same with their escapes; empty where no name has any
    std::vector<std::int64_t> indexes;        // Index: one; Indexes: several
    std::optional<std::int64_t> from, to;     // Slice
    std::int64_t stride = 1;                  // Slice
    std::shared_ptr<const Filter> filter;     // Filter
    Function function = Function::Length;     // Function
    std::vector<FunctionArgument> arguments;  // Function

    bool is_definite() const noexcept;
    // The member that the name leads to. AWS takes a name in brackets as it is written, with its backslashes;
    // where nothing has that name, the escapes in it mean what they mean in JSON.
    const json::Value* member_of(const json::Value& object, std::size_t name = 0) const noexcept;
    // The name by which member_of() finds it, or under which it is new.
    const std::string& name_in(const json::Value& object, std::size_t name = 0) const noexcept;
    // As Jayway writes it in error texts: ['a'], [0], [*], ..
    std::string fragment() const;
};

struct Query {
    enum class Root { Input, Context, Variable, Item };  // $, $$, $name; Item is @ inside a filter
    Root root = Root::Input;
    std::string variable;
    std::string text;  // as written
    std::vector<Step> steps;
    bool definite = true;

    // Steps 0 to count-1 as Jayway writes them, after `$`.
    std::string fragments(std::size_t count) const;
};

// What stands on a side of a comparison.
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
    Operand left, right;  // Exists: left only
};

// Reads a whole expression, which must start with `$` (never a leading space; trailing ones are ignored).
Result<Query, SyntaxError> parse_query(std::string_view text);

// Reads the query at the start of `text` as an argument of an intrinsic function: it ends before a comma, a
// closing parenthesis or white space outside of brackets. `length` is what it took.
Result<Query, SyntaxError> parse_query_argument(std::string_view text, std::size_t& length);

// The value's JSON for an error text; only its size when it is far larger than any payload may be.
std::string shown(const json::Value& value, Budget& budget);

// A failed walk: why, and whether it is that nothing is there.
struct Miss {
    bool nothing_there = true;
    std::string message;  // Jayway's
};

// `root` is the value that the query's own root stands for.
Result<json::Value, Miss> evaluate_query(const Query& query, const json::Value& root, Budget& budget);
// As above, but an index past the end of an array is a miss, not null.
Result<json::Value, Miss> evaluate_query_strictly(const Query& query, const json::Value& root,
                                                  Budget& budget);

// Whether `item` passes the filter; `root` is what `$` means inside it.
bool passes(const Filter& filter, const json::Value& item, const json::Value& root, Budget& budget);

// The result of a path's closing function on what the path led to.
Result<json::Value, Miss> call_function(const Step& step, const json::Value& value, const json::Value& root,
                                        Budget& budget);

}  // namespace flowctl::path
