// Query: the value of a field of a JSONata state, compiled.
//
// Such a field is JSON in which every string "{% ... %}" stands for the result of the expression between the
// braces, and everything else for itself. What has no expression in it is one literal, however large, which
// evaluates to the very same Value. Compiled once per flow version, immutable, and shared by all runs.
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
    std::vector<std::string> keys;                  // Object: of its parts
    std::vector<Query> parts;                       // Array, Object
};

// Whether a string of a definition is an expression; its text, without the braces and the spaces inside them.
bool is_jsonata(std::string_view text) noexcept;
std::string_view jsonata_text(std::string_view text) noexcept;

// Whether an expression may need the Context Object: it mentions $states, and not for another part of it.
bool may_read_context(std::string_view text) noexcept;
// The same for the result of the state's work, anywhere in the query.
bool may_read_result(const Query& query);

}  // namespace flowctl::asl
