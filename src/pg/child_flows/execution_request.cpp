// See execution_request.hpp.
#include "pg/child_flows/execution_request.hpp"

#include <algorithm>

#include "core/asl/flow_name.hpp"
#include "core/json.hpp"
#include "pg/server/arn_space.hpp"
#include "pg/server/guc.hpp"

namespace flowctl::pg {

namespace {

constexpr const char* kInvalidInput = "StepFunctions.InvalidExecutionInputException";

// "child" or "child:3" of "arn:aws:states:...:stateMachine:child:3".
std::optional<std::string> own_flow(std::string_view arn) {
    const std::string space = arn_space().state_machine("");
    if (!arn.starts_with(space) || arn.size() == space.size()) return std::nullopt;
    return std::string(arn.substr(space.size()));
}

const json::Value* string_in(const json::Value& input, std::string_view member) {
    if (!input.is_object()) return nullptr;
    const json::Value* value = input.find(member);
    return value != nullptr && value->is_string() ? value : nullptr;
}

bool is_hex(std::string_view text, std::size_t size) {
    return text.size() == size && std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
           });
}

bool is_traceparent(std::string_view text) {
    return text.size() == 55 && is_hex(text.substr(0, 2), 2) && text[2] == '-' &&
           is_hex(text.substr(3, 32), 32) && text[35] == '-' && is_hex(text.substr(36, 16), 16) &&
           text[52] == '-' && is_hex(text.substr(53), 2);
}

// The value of a field of X-Ray's header, whose fields are separated by semicolons.
std::string_view field_of(std::string_view header, std::string_view name) {
    while (!header.empty()) {
        std::string_view field = header.substr(0, header.find(';'));
        header.remove_prefix(std::min(header.size(), field.size() + 1));
        field.remove_prefix(std::min(field.find_first_not_of(' '), field.size()));
        if (field.size() > name.size() && field.starts_with(name) && field[name.size()] == '=')
            return field.substr(name.size() + 1);
    }
    return {};
}

// AWS takes text that holds JSON, and JSON itself.
std::variant<std::string, calls::Refusal> input_of(const json::Value* input) {
    if (input == nullptr || input->is_null()) return std::string("{}");
    if (!input->is_string()) return json::dump(*input);
    json::ParseLimits limits;
    limits.max_bytes = 2 * static_cast<std::size_t>(guc::max_payload_bytes);
    const auto parsed = json::parse(input->as_string(), limits);
    if (!parsed)
        return calls::Refusal{kInvalidInput, "Input is text that is not JSON: " + parsed.error().message};
    return json::dump(*parsed);
}

}  // namespace

std::optional<std::string> traceparent_of(std::string_view header) {
    if (is_traceparent(header)) return std::string(header);
    const std::string_view root = field_of(header, "Root");
    const std::string_view parent = field_of(header, "Parent");
    // 1-<8 digits>-<24 digits>
    if (root.size() != 35 || !root.starts_with("1-") || root[10] != '-' || !is_hex(root.substr(2, 8), 8) ||
        !is_hex(root.substr(11), 24) || !is_hex(parent, 16))
        return std::nullopt;
    return "00-" + std::string(root.substr(2, 8)) + std::string(root.substr(11)) + "-" + std::string(parent) +
           (field_of(header, "Sampled") == "1" ? "-01" : "-00");
}

bool starts_own_flow(const asl::Resource& resource, const json::Value& input) {
    return resource.kind == asl::Resource::Kind::Flow && flow_of(resource, input).has_value();
}

std::optional<std::string> flow_of(const asl::Resource& resource, const json::Value& input) {
    if (!resource.name.empty()) return resource.name;
    const json::Value* arn = string_in(input, "StateMachineArn");
    return arn != nullptr ? own_flow(arn->as_string()) : std::nullopt;
}

std::variant<ExecutionRequest, calls::Refusal> read_request(const machine::Call& call) {
    ExecutionRequest request;
    request.flow = flow_of(call.resource, call.input).value_or("");
    if (!asl::parse_flow_reference(request.flow).is_well_formed())
        return calls::Refusal{
            "StepFunctions.InvalidArnException",
            "\"" + shortened_name(request.flow) + "\" is not the name of a flow, with or without a version"};
    if (!call.resource.name.empty()) {
        request.input = json::dump(call.input);
        return request;
    }
    auto input = input_of(call.input.find("Input"));
    if (auto* refusal = std::get_if<calls::Refusal>(&input)) return std::move(*refusal);
    request.input = std::get<std::string>(std::move(input));
    if (const json::Value* name = call.input.find("Name"); name != nullptr && !name->is_null()) {
        if (!name->is_string())
            return calls::Refusal{"StepFunctions.InvalidNameException", "Name is not text"};
        request.name = name->as_string();
    }
    if (const json::Value* header = string_in(call.input, "TraceHeader"))
        request.traceparent = traceparent_of(header->as_string());
    return request;
}

}  // namespace flowctl::pg
