// Errors inside of jsonata: thrown where they are found, turned into a result by compile() and evaluate().
//
// An error crosses many levels of evaluation, and operators and calls on the way add position and token, as
// the reference does; so it travels as an exception that never leaves this folder.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/jsonata/jsonata.hpp"

namespace flowctl::jsonata {

struct Raised {
    const char* code;
    std::optional<std::size_t> position{};  // in bytes of the expression
    std::optional<std::string> token{};
    std::string value{};    // as JSON
    std::string value2{};   // as JSON; what the message calls exp, type or functionName, too
    std::string message{};  // instead of the code's
    std::size_t index = 0;
};

// The sentence of the code with its placeholders filled in.
std::string message_of(const Raised& raised);

// `text` as a JSON string.
std::string quoted(std::string_view text);

Error to_error(const Raised& raised, std::string_view expression);

// What Step Functions says of an expression that goes beyond a limit.
const char* limit_sentence(BudgetExceeded::Of limit) noexcept;

}  // namespace flowctl::jsonata
