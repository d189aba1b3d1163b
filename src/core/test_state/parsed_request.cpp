// Checks of a request; see parsed_request.hpp. The texts are AWS's where they are known.
#include "core/test_state/parsed_request.hpp"

#include <algorithm>
#include <initializer_list>
#include <string_view>

#include "core/test_state/shapes.hpp"

namespace flowctl::test_state {

namespace {

constexpr std::size_t kMostErrorBytes = 256;
constexpr std::size_t kMostCauseBytes = 32'768;
constexpr std::size_t kMostStateName = 80;

using Problem = std::optional<ApiError>;

// AWS's text for a parameter that is out of bounds. The value is not repeated, because it may be secret.
ApiError constraint(std::string_view where, std::string_view rule) {
    return invalid("1 validation error detected: Value at '" + std::string(where) +
                   "' failed to satisfy constraint: " + std::string(rule));
}

ApiError too_long(std::string_view where, std::size_t most) {
    return constraint(where, "Member must have length less than or equal to " + std::to_string(most));
}

Problem check_members(const json::Value& object, std::string_view where,
                      std::initializer_list<std::string_view> known) {
    if (!object.is_object()) return invalid("'" + std::string(where) + "' must be a JSON object.");
    for (const json::Member& member : object.members()) {
        if (std::find(known.begin(), known.end(), member.key) != known.end()) continue;
        std::string names;
        for (const std::string_view name : known)
            names += (names.empty() ? "" : ", ") + std::string(name);
        return invalid("Unknown field '" + member.key + "' in '" + std::string(where) + "'.",
                       "Its fields are " + names + ".");
    }
    return std::nullopt;
}

Problem read_text(const json::Value& object, std::string_view name, std::string_view where, std::size_t most,
                  std::string& out) {
    const json::Value* value = object.find(name);
    if (value == nullptr) return std::nullopt;
    if (!value->is_string()) return invalid("'" + std::string(where) + "' must be a string.");
    if (value->as_string().size() > most) return too_long(where, most);
    out = value->as_string();
    return std::nullopt;
}

Problem read_count(const json::Value& object, std::string_view name, std::int64_t& out) {
    const json::Value* value = object.find(name);
    if (value == nullptr) return std::nullopt;
    const std::string where = "stateConfiguration." + std::string(name);
    const auto number = value->is_number() ? value->as_integer() : std::nullopt;
    if (!number || *number > 2'147'483'647) return invalid("'" + where + "' must be an integer.");
    if (*number < 0) return constraint(where, "Member must have value greater than or equal to 0");
    out = *number;
    return std::nullopt;
}

Problem read_mock(const json::Value& given, const machine::Limits& limits, Mock& mock) {
    if (auto problem = check_members(given, "mock", {"result", "errorOutput", "fieldValidationMode"}))
        return problem;
    const json::Value* result = given.find("result");
    const json::Value* error = given.find("errorOutput");
    const char* one = "Say in result what the state's work gives, or in errorOutput how it fails.";
    if (result != nullptr && error != nullptr)
        return invalid("A test mock should have only one of the following fields: [result, errorOutput].",
                       one);
    if (result == nullptr && error == nullptr)
        return invalid("A test mock should have one of the following fields: [result, errorOutput].", one);
    if (const json::Value* mode = given.find("fieldValidationMode")) {
        const std::string_view name = mode->is_string() ? mode->as_string() : std::string_view();
        if (name == "PRESENT") {
            mock.validation = Validation::Present;
        } else if (name == "NONE") {
            mock.validation = Validation::None;
        } else if (name != "STRICT") {
            return constraint("mock.fieldValidationMode",
                              "Member must satisfy enum value set: [STRICT, PRESENT, NONE]");
        }
    }
    if (error != nullptr) {
        mock.error.emplace();
        if (auto problem = check_members(*error, "mock.errorOutput", {"error", "cause"})) return problem;
        if (error->find("error") == nullptr)
            return invalid("The field 'error' is required in 'mock.errorOutput'.",
                           "It is the error's name, which Retry and Catch match.");
        if (auto problem =
                read_text(*error, "error", "mock.errorOutput.error", kMostErrorBytes, mock.error->error))
            return problem;
        return read_text(*error, "cause", "mock.errorOutput.cause", kMostCauseBytes, mock.error->cause);
    }
    if (json::dumped_size(*result) > limits.max_payload_bytes)
        return too_long("mock.result", limits.max_payload_bytes);
    mock.result = *result;
    if (result->is_string()) {
        auto parsed = json::parse(result->as_string());
        if (!parsed.ok())
            return invalid("Mocked result must be valid JSON",
                           "A result that is a string is JSON text: the string a is written '\"a\"'.");
        mock.result = std::move(parsed).value();
    }
    return std::nullopt;
}

Problem read_configuration(const json::Value& given, const machine::Limits& limits, Configuration& out) {
    if (auto problem = check_members(given, "stateConfiguration",
                                     {"retrierRetryCount", "errorCausedByState", "mapIterationFailureCount",
                                      "mapItemReaderData", "revealSecrets"}))
        return problem;
    if (const json::Value* reveal = given.find("revealSecrets")) {
        if (!reveal->is_bool()) return invalid("'revealSecrets' must be true or false.");
        out.reveal_secrets = reveal->as_bool();
    }
    if (auto problem = read_count(given, "retrierRetryCount", out.retries)) return problem;
    if (given.find("mapIterationFailureCount") != nullptr)
        if (auto problem = read_count(given, "mapIterationFailureCount", out.failed_items.emplace()))
            return problem;
    if (given.find("errorCausedByState") != nullptr) {
        const char* where = "stateConfiguration.errorCausedByState";
        out.error_caused_by.emplace();
        if (auto problem =
                read_text(given, "errorCausedByState", where, 4 * kMostStateName, *out.error_caused_by))
            return problem;
        if (out.error_caused_by->empty())
            return constraint(where, "Member must have length greater than or equal to 1");
    }
    const json::Value* data = given.find("mapItemReaderData");
    if (data == nullptr) return std::nullopt;
    if (json::dumped_size(*data) > limits.max_payload_bytes)
        return too_long("stateConfiguration.mapItemReaderData", limits.max_payload_bytes);
    out.reader_data = *data;
    return std::nullopt;
}

// Whether a state of this name is in one of the blocks that the state runs.
bool runs_state(const asl::State& state, std::string_view name);

bool has_state(const asl::Block& block, std::string_view name) {
    return block.find(name) != nullptr ||
           std::any_of(block.states.begin(), block.states.end(),
                       [name](const asl::State& inner) { return runs_state(inner, name); });
}

bool runs_state(const asl::State& state, std::string_view name) {
    if (const auto* map = std::get_if<asl::MapFields>(&state.fields)) return has_state(*map->processor, name);
    const auto* parallel = std::get_if<asl::ParallelFields>(&state.fields);
    return parallel != nullptr &&
           std::any_of(parallel->branches.begin(), parallel->branches.end(),
                       [name](const auto& branch) { return has_state(*branch, name); });
}

bool has_task_token(const asl::State& state) {
    const auto* task = std::get_if<asl::TaskFields>(&state.fields);
    return task != nullptr &&
           (task->resource.wait_for_token || task->resource.kind == asl::Resource::Kind::Activity);
}

// Whether a Map's results are written elsewhere and are not its own result.
bool writes_results_elsewhere(const asl::MapFields& map) {
    return map.distributed != nullptr && map.distributed->writer && map.distributed->writer->resource;
}

Problem check_result(const Mock& mock, const asl::State& state) {
    const json::Value& result = *mock.result;
    if (const auto* parallel = std::get_if<asl::ParallelFields>(&state.fields)) {
        const char* advice = "The result of a Parallel is an array with what each of its branches gives.";
        if (!result.is_array()) return invalid("Mocked result must be an array.", advice);
        if (result.size() == parallel->branches.size()) return std::nullopt;
        return invalid("Mocked result must contain the same number of items as number of Parallel branches.",
                       advice);
    }
    if (const auto* map = std::get_if<asl::MapFields>(&state.fields)) {
        const bool elsewhere = writes_results_elsewhere(*map);
        if (elsewhere && !result.is_object()) {
            return invalid("Mocked result must be a JSON object.",
                           "The result of a Map with a ResultWriter says where the results were written.");
        }
        if (!elsewhere && !result.is_array()) {
            return invalid("Mocked result must be an array.",
                           "The result of a Map is an array with what each of its items gives.");
        }
        return std::nullopt;
    }
    if (mock.validation == Validation::None) return std::nullopt;
    const auto& resource = std::get<asl::TaskFields>(state.fields).resource;
    if (const auto problem = check_shape(resource, result, mock.validation == Validation::Strict)) {
        return invalid(*problem,
                       "A mock is checked against what the service answers; fieldValidationMode PRESENT "
                       "does not ask for missing fields, NONE checks nothing.");
    }
    return std::nullopt;
}

}  // namespace

ApiError invalid(std::string message, std::string advice) {
    return {"ValidationException", std::move(message), std::move(advice)};
}

Result<Checked, ApiError> check(const Request& request, const machine::Limits& limits) {
    Checked checked;
    if (request.state_name) {
        const std::string& name = *request.state_name;
        if (name.empty())
            return Err{constraint("stateName", "Member must have length greater than or equal to 1")};
        if (name.size() > 4 * kMostStateName) return Err{too_long("stateName", kMostStateName)};
    }
    const std::pair<const char*, const json::Value*> payloads[] = {
        {"input", &request.input},
        {"variables", &request.variables},
        {"context", request.context ? &*request.context : nullptr}};
    for (const auto& [name, value] : payloads) {
        if (value == nullptr) continue;
        if (json::dumped_size(*value) > limits.max_payload_bytes)
            return Err{too_long(name, limits.max_payload_bytes)};
        if (json::depth(*value) > machine::kMaxPayloadDepth)
            return Err{invalid("'" + std::string(name) + "' is nested more than " +
                               std::to_string(machine::kMaxPayloadDepth) + " levels deep.")};
    }
    if (!request.variables.is_object()) return Err{invalid("'variables' must be a JSON object.")};
    if (request.context && !request.context->is_object())
        return Err{invalid("'context' must be a JSON object.")};
    if (request.inspection_level == "DEBUG") {
        checked.level = Level::Debug;
    } else if (request.inspection_level == "TRACE") {
        checked.level = Level::Trace;
    } else if (request.inspection_level != "INFO") {
        return Err{constraint("inspectionLevel", "Member must satisfy enum value set: [INFO, DEBUG, TRACE]")};
    }
    if (!request.mock.is_null()) {
        if (auto problem = read_mock(request.mock, limits, checked.mock.emplace()))
            return Err{std::move(*problem)};
    }
    checked.context_has_task = request.context && request.context->find("Task") != nullptr;
    if (!request.configuration.is_null()) {
        if (auto problem = read_configuration(request.configuration, limits, checked.configuration))
            return Err{std::move(*problem)};
    }
    if (checked.configuration.failed_items && !checked.mock)
        return Err{invalid("'stateConfiguration.mapIterationFailureCount' is used with a mock only.",
                           "Pass a mock, which says what the Map gives.")};
    if (checked.configuration.reveal_secrets && checked.mock)
        return Err{invalid("TestState does not support RevealSecrets when a mock is specified.",
                           "Leave one of them out: a mock has no secrets.")};
    return checked;
}

std::optional<ApiError> check_for_state(const Checked& checked, const asl::State& state) {
    using Type = asl::StateType;
    const Type type = state.type();
    if (checked.context_has_task && !has_task_token(state))
        return invalid("The Context object of this state has no field 'Task'.",
                       "Only a Task with .waitForTaskToken, or one for an activity, has a task token.");
    const bool branches = type == Type::Map || type == Type::Parallel;
    if (!checked.mock) {
        const char* advice =
            "Pass a mock, such as {\"result\": ...} or {\"errorOutput\": {\"error\": ...}}: "
            "nothing is called for a test.";
        if (branches) {
            return ApiError{"InvalidDefinition",
                            "TestState API does not support Map or Parallel states. Supported state types "
                            "include: [Task, Wait, Pass, Succeed, Fail, Choice]",
                            advice};
        }
        if (type == Type::Task) return invalid("RoleArn must be specified when testing a Task state", advice);
        return std::nullopt;
    }
    if (!branches && type != Type::Task) {
        return invalid(
            "State type '" + std::string(asl::name_of(type)) + "' is not supported when a mock is specified",
            "Leave the mock out: the state calls nobody.");
    }
    const auto& cause = checked.configuration.error_caused_by;
    if (cause && !runs_state(state, *cause)) {
        return invalid("The state '" + *cause + "' of errorCausedByState is not in the tested state.",
                       "Name a state within the tested Parallel or Map.");
    }
    return checked.mock->result ? check_result(*checked.mock, state) : std::nullopt;
}

std::optional<ApiError> check_failed_items(const Configuration& configuration,
                                           const std::optional<std::size_t>& items) {
    if (!configuration.failed_items || !items ||
        static_cast<std::uint64_t>(*configuration.failed_items) <= *items)
        return std::nullopt;
    return invalid(
        "'stateConfiguration.mapIterationFailureCount' must not be greater than the number of items.",
        "The Map has " + std::to_string(*items) + (*items == 1 ? " item." : " items."));
}

}  // namespace flowctl::test_state
