// The parts of a request that are not the definition, checked and taken apart.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/asl/model.hpp"
#include "core/test_state/test_state.hpp"

namespace flowctl::test_state {

enum class Level { Info, Debug, Trace };
enum class Validation { Strict, Present, None };

struct MockedError {
    std::string error;
    std::string cause;
};

struct Mock {
    std::optional<json::Value> result;
    std::optional<MockedError> error;  // exactly one of result and error is there
    Validation validation = Validation::Strict;
};

struct Configuration {
    std::int64_t retries = 0;                  // retrierRetryCount
    std::optional<std::int64_t> failed_items;  // mapIterationFailureCount
    std::optional<std::string> error_caused_by;
    bool reveal_secrets = false;
    std::optional<json::Value> reader_data;
};

struct Checked {
    Level level = Level::Info;
    std::optional<Mock> mock;
    Configuration configuration;
    bool context_has_task = false;  // whether it has the member Task, which holds a task's token
};

// Checks everything that does not depend on the state. `limits` bounds the sizes.
Result<Checked, ApiError> check(const Request& request, const machine::Limits& limits);

// Why this state cannot be tested in this way, if it cannot.
std::optional<ApiError> check_for_state(const Checked& checked, const asl::State& state);

// Why the given number of a Map's items cannot have failed, if it cannot. `items` is the number of items, if
// it is known.
std::optional<ApiError> check_failed_items(const Configuration& configuration,
                                           const std::optional<std::size_t>& items);

ApiError invalid(std::string message, std::string advice = {});  // a ValidationException

}  // namespace flowctl::test_state
