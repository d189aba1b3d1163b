// Errors inside the JSONata engine: they are thrown where they are found, and compile() and evaluate() turn
// them into a result.
//
// An error crosses many levels of evaluation, and as in the reference implementation, operators and calls on
// the way add position and token. So it is an exception; it never leaves this folder.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/jsonata/jsonata.hpp"

namespace flowctl::jsonata {

struct Raised {
    const char* code;
    std::optional<std::size_t> position{};  // in bytes, within the expression
    std::optional<std::string> token{};
    std::string value{};    // as JSON
    std::string value2{};   // as JSON; messages also call it exp, type or functionName
    std::string message{};  // the message, if it is not the one of the code
    std::size_t index = 0;
};

// The code's sentence with its placeholders filled in.
std::string message_of(const Raised& raised);

// `text` as a JSON string.
std::string quoted(std::string_view text);

Error to_error(const Raised& raised, std::string_view expression);

// The sentence of Step Functions for an expression that exceeds a limit.
const char* limit_sentence(BudgetExceeded::Of limit) noexcept;

}  // namespace flowctl::jsonata
