// Intrinsic functions: States.Format('{}', $.x) and the other seventeen.
//
// A call is parsed once into a tree and evaluated many times. Arguments are paths, literals and other calls,
// nested at most ten deep. intrinsic_parse.cpp makes calls, intrinsic_functions.cpp holds the functions, and
// expression.cpp evaluates.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/path/query.hpp"

namespace flowctl::path {

// The kinds of JSON value that an argument may have, as a set of bits.
using Kinds = std::uint8_t;
constexpr Kinds kind_bit(json::Kind kind) noexcept {
    return static_cast<Kinds>(1U << static_cast<unsigned>(kind));
}

// The objects that a function works with besides its arguments.
struct Surroundings {
    Random& random;
    Budget& budget;
};

struct IntrinsicFunction {
    std::string_view name;  // without "States."
    std::size_t least, most;
    Kinds kinds[3];     // of the arguments; the last one holds for all that follow
    bool gives_string;  // whether it may stand in ErrorPath and CausePath
    // The result, or a sentence that says why there is none. An empty sentence stands for
    // invalid_arguments().
    Result<json::Value, std::string> (*run)(std::span<const json::Value> arguments,
                                            const Surroundings& around);

    bool accepts(std::size_t argument, json::Kind kind) const noexcept;
};

const IntrinsicFunction* find_intrinsic(std::string_view name) noexcept;

// "Invalid arguments in States.X". AWS says no more about most failures.
std::string invalid_arguments(const IntrinsicFunction& function);

struct Call;

struct Argument {
    enum class Kind { Literal, Query, Call };
    Kind kind = Kind::Literal;
    json::Value literal;
    path::Query query;
    std::vector<path::Call> call;  // has exactly one element
};

struct Call {
    const IntrinsicFunction* function = nullptr;
    std::vector<Argument> arguments;
};

// Reads a whole expression that starts with `States.`; trailing white space is allowed.
Result<Call, SyntaxError> parse_call(std::string_view text);

}  // namespace flowctl::path
