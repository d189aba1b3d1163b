// What a visit of a state evaluated, for those who test a state: see trial.hpp.
//
// Whoever evaluates a field of the definition notes what it gave, under the field's address in the model; a
// run that nobody observes pays for a null pointer that is looked at.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include "core/json.hpp"

namespace flowctl::machine {

struct Observed {
    // What a field gave last: InputPath, Parameters, ItemsPath, MaxConcurrency, ...
    std::map<const void*, json::Value> fields;
    // The state's failure, if any, as Retry and Catch saw it, and which of them it matched.
    struct Error {
        std::string error;
        std::optional<std::string> cause;
    };
    std::optional<Error> failure;
    std::optional<std::size_t> retrier;  // also when its attempts are used up
    std::optional<std::size_t> catcher;

    const json::Value* of(const void* field) const {
        const auto found = fields.find(field);
        return found == fields.end() ? nullptr : &found->second;
    }
};

}  // namespace flowctl::machine
