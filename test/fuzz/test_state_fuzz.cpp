// Any definition, input, mock and configuration: test_state() never throws, and what it answers is JSON with
// a status, or an error with a code.
//
// The input is parts, each ended by a zero byte: flags (one byte), the run's input, the mock, the
// configuration, the variables and Context Object, the definition. Parts that do not parse are replaced by
// ones that do; a definition that is refused is used twice, alone and as a state of a machine that is not.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/test_state/test_state.hpp"

using namespace flowctl;

namespace {

constexpr const char* kMachine = R"({"StartAt": "T", "States": {
  "T": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"i.$": "$", "c.$": "$$", "v.$": "$v"},
        "ResultSelector": {"r.$": "$.Payload"}, "ResultPath": "$.out", "Assign": {"w.$": "$"}, "Next": "M",
        "Retry": [{"ErrorEquals": ["E"], "BackoffRate": 3, "MaxDelaySeconds": 9, "JitterStrategy": "FULL"}],
        "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "P"}]},
  "M": {"Type": "Map", "ItemsPath": "$.l", "ItemSelector": {"i.$": "$$.Map.Item", "v.$": "$"}, "MaxConcurrencyPath": "$.n",
        "ToleratedFailureCountPath": "$.n", "ResultPath": "$.m", "Next": "P",
        "ItemProcessor": {"StartAt": "Q", "States": {"Q": {"Type": "Pass", "End": true}}}},
  "P": {"Type": "Parallel", "Branches": [{"StartAt": "W", "States": {"W": {"Type": "Wait", "SecondsPath": "$.n", "End": true}}},
        {"StartAt": "C", "States": {"C": {"Type": "Choice", "Choices": [{"Variable": "$.n", "IsPresent": true, "Next": "F"}]},
         "F": {"Type": "Fail", "ErrorPath": "$.e"}}}], "End": true}}})";

std::string_view take_part(std::string_view& rest) {
    const std::size_t end = rest.find('\0');
    const std::string_view part = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return part;
}

json::Value take_json(std::string_view& rest) {
    auto parsed = json::parse(take_part(rest));
    return parsed.ok() ? std::move(parsed).value() : json::Value();
}

void require(bool condition) {
    if (!condition) std::abort();
}

void answer(const test_state::Request& request, std::uint8_t flags) {
    machine::RunContext run;
    run.express = true;
    run.started_at = 1'790'000'000'000'000;
    const auto given = test_state::test_state(request, run, {}, {run.started_at, flags});
    if (!given.ok()) {
        require(!given.error().code.empty() && !given.error().message.empty());
        return;
    }
    const json::Value* status = given.value().find("status");
    require(status != nullptr && status->is_string());
    require((status->as_string() == "SUCCEEDED") == (given.value().find("error") == nullptr) ||
            status->as_string() == "FAILED");
    require(given.value().find("inspectionData") != nullptr || request.inspection_level == "INFO");
    require(json::parse(json::dump(given.value()), {.max_bytes = 64 << 20, .max_depth = 2'000}).ok());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    const std::string_view head = take_part(rest);
    const std::uint8_t flags = head.empty() ? 0 : static_cast<std::uint8_t>(head[0]);
    test_state::Request request;
    request.input = take_json(rest);
    request.mock = take_json(rest);
    request.configuration = take_json(rest);
    const json::Value more = take_json(rest);
    if (const json::Value* variables = more.find("variables")) request.variables = *variables;
    if (const json::Value* context = more.find("context")) request.context = *context;
    constexpr const char* kLevels[] = {"INFO", "DEBUG", "TRACE", "DEBUG"};
    request.inspection_level = kLevels[flags & 3];
    request.definition = std::string(rest);
    answer(request, flags);
    constexpr const char* kNames[] = {"T", "M", "P", "Q", "W", "C", "F", "A"};
    request.state_name = kNames[flags >> 2 & 7];
    if ((flags & 0x80) == 0) request.definition = kMachine;
    answer(request, flags);
    return 0;
}
