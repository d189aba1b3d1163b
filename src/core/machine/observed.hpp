// Observed: the values that a visit of a state evaluated, for tests of a state; see trial.hpp.
//
// The code that evaluates a field of the definition notes the value under the field's address in the model.
// In a run without an observer this costs one check of a null pointer.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include "core/json.hpp"

namespace flowctl::machine {

struct Observed {
    // The last value of each field: InputPath, Parameters, ItemsPath, MaxConcurrency, ...
    std::map<const void*, json::Value> fields;
    // The state's failure as Retry and Catch saw it, and which retrier or catcher it matched.
    struct Error {
        std::string error;
        std::optional<std::string> cause;
    };
    std::optional<Error> failure;
    std::optional<std::size_t> retrier;  // set also when its attempts are used up
    std::optional<std::size_t> catcher;

    const json::Value* of(const void* field) const {
        const auto found = fields.find(field);
        return found == fields.end() ? nullptr : &found->second;
    }
};

}  // namespace flowctl::machine
