// Query: the value of a field of a JSONata state, compiled.
//
// Such a field is JSON. In it every string "{% ... %}" stands for the result of the expression between the
// braces, and everything else stands for itself. A part without any expression is one literal, however large,
// and evaluates to the very same Value. A query is compiled once per flow version, is immutable, and is
// shared by all runs.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.hpp"
#include "core/jsonata/jsonata.hpp"

namespace flowctl::asl {

struct Query {
    enum class Kind { Literal, Expression, Array, Object };
    Kind kind = Kind::Literal;
    json::Value literal;                            // Literal: as written
    std::optional<jsonata::Expression> expression;  // Expression
    std::string text;                               // Expression: as written, without the braces
    std::vector<std::string> keys;                  // Object: the keys of its parts
    std::vector<Query> parts;                       // Array, Object
};

// Whether a string of a definition is an expression, and its text without the braces and the spaces inside
// them.
bool is_jsonata(std::string_view text) noexcept;
std::string_view jsonata_text(std::string_view text) noexcept;

// Whether an expression may need the Context Object: it mentions $states other than for another part of it.
bool may_read_context(std::string_view text) noexcept;
// Whether an expression may read the task's token.
bool may_read_token(std::string_view text) noexcept;
// Whether the query may read the result of the state's work.
bool may_read_result(const Query& query);

}  // namespace flowctl::asl
