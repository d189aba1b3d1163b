// Tokens of tasks: the place that one is made of, and payloads with kTokenMarker in its place.
//
// Expressions see the real token only while they make the input of an attempt, because the input is what
// leaves. What is kept of it has the marker, and so has everything that comes back. A payload may hold the
// marker's text by itself, so Markers remember which of the markers stand for the token.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.hpp"
#include "core/machine/machine.hpp"

namespace flowctl::machine {

// 32 hexadecimal digits that no other attempt of the run has.
std::string place_of_attempt(std::string_view path, std::string_view state, int visit, int attempt,
                             int redrive_count);

// Which of the markers in a payload, counted in the order of its text, stand for the token: none, or all but
// `literal`, which ascends.
struct Markers {
    bool any = false;
    std::vector<std::int64_t> literal;
};

// The value with the marker in place of the token; the very same value if it does not hold the token. nullopt
// if two members of one object would get the same name.
std::optional<json::Value> mask_token(const json::Value& value, std::string_view token, Markers& markers);
std::string mask_token(std::string text, std::string_view token);
// The value that mask_token() has been given.
json::Value unmask_token(const json::Value& masked, std::string_view token, const Markers& markers);

}  // namespace flowctl::machine
