// The shapes of answers; see shapes.hpp.
//
// A shape is JSON: the name of a type, {field: shape} for an object, [shape] for an array, {"*": shape} for a
// map. A field whose name ends in "!" is required. A field that the shape does not have is not checked,
// because services add fields. There are shapes for the integrations that are supported here and for the
// optimized ones that AWS documents with few fields. There are none for the SDK integrations
// (arn:aws:states:::aws-sdk:...), which cover all of AWS.
#include "core/test_state/shapes.hpp"

#include <string_view>
#include <utility>

namespace flowctl::test_state {

namespace {

constexpr std::string_view kExecution = R"({
    "ExecutionArn!": "string", "StateMachineArn!": "string", "Status!": "string", "StartDate!": "instant",
    "StopDate": "instant", "Name": "string", "Error": "string", "Cause": "string"})";

constexpr std::string_view kConsumedCapacity = R"({
    "TableName": "string", "CapacityUnits": "number", "ReadCapacityUnits": "number",
    "WriteCapacityUnits": "number"})";

constexpr std::pair<std::string_view, std::string_view> kShapes[] = {
    {"lambda:invoke", R"({"StatusCode": "integer", "FunctionError": "string", "LogResult": "string",
                          "ExecutedVersion": "string", "Payload": "any"})"},
    {"http:invoke", R"({"StatusCode": "integer", "StatusText": "string", "Headers": {"*": "any"},
                        "ResponseBody": "any"})"},
    {"states:startExecution", R"({"ExecutionArn!": "string", "StartDate!": "instant"})"},
    {"states:startExecution.sync", kExecution},
    {"states:startExecution.sync:2", kExecution},
    {"events:putEvents", R"({"FailedEntryCount": "integer", "Entries": [
        {"EventId": "string", "ErrorCode": "string", "ErrorMessage": "string"}]})"},
    {"sqs:sendMessage", R"({"MessageId": "string", "SequenceNumber": "string", "MD5OfMessageBody": "string",
                            "MD5OfMessageAttributes": "string", "MD5OfMessageSystemAttributes": "string"})"},
    {"sns:publish", R"({"MessageId": "string", "SequenceNumber": "string"})"},
    {"dynamodb:getItem", R"({"Item": {"*": "any"}, "ConsumedCapacity": "capacity"})"},
    {"dynamodb:putItem", R"({"Attributes": {"*": "any"}, "ConsumedCapacity": "capacity"})"},
    {"dynamodb:updateItem", R"({"Attributes": {"*": "any"}, "ConsumedCapacity": "capacity"})"},
    {"dynamodb:deleteItem", R"({"Attributes": {"*": "any"}, "ConsumedCapacity": "capacity"})"},
};

json::Value shape_of(std::string_view text) {
    return json::parse(text).value();
}

class Checker {
  public:
    explicit Checker(bool strict) : strict_(strict) {}

    // The recursion is as deep as the shape, which has few levels.
    std::optional<std::string> check(const json::Value& shape, const json::Value& value,
                                     std::string_view field) const {
        if (shape.is_array()) {
            if (!value.is_array()) return wrong(field, "an array");
            for (const json::Value& item : value.items()) {
                if (auto problem = check(shape.items().front(), item, field)) return problem;
            }
            return std::nullopt;
        }
        if (shape.is_object()) {
            if (!value.is_object())
                return field.empty() ? "Mocked result must be a JSON object." : wrong(field, "an object");
            return check_members(shape, value, field);
        }
        const std::string_view type = shape.as_string();
        if (type == "capacity") return check(shape_of(kConsumedCapacity), value, field);
        if (type == "string" && !value.is_string()) return wrong(field, "a string");
        if (type == "number" && !value.is_number()) return wrong(field, "a number");
        if (type == "integer" && !(value.is_number() && value.as_integer())) return wrong(field, "a number");
        if (type == "instant" && !value.is_string() && !value.is_number()) return wrong(field, "a string");
        return std::nullopt;
    }

  private:
    static std::string wrong(std::string_view field, std::string_view wanted) {
        return "Mock result schema validation error: Field '" + std::string(field) + "' must be " +
               std::string(wanted);
    }

    std::optional<std::string> check_members(const json::Value& shape, const json::Value& value,
                                             std::string_view field) const {
        if (const json::Value* any = shape.find("*")) {
            for (const json::Member& member : value.members()) {
                if (auto problem = check(*any, member.value, field)) return problem;
            }
            return std::nullopt;
        }
        for (const json::Member& known : shape.members()) {
            const bool required = known.key.ends_with('!');
            const std::string_view name(known.key.data(), known.key.size() - (required ? 1 : 0));
            if (strict_ && required && value.find(name) == nullptr) {
                return "Mock result schema validation error: Required field '" + std::string(name) +
                       "' is missing";
            }
        }
        for (const json::Member& member : value.members()) {
            const json::Value* known = shape.find(member.key);
            if (known == nullptr) known = shape.find(member.key + "!");
            if (known == nullptr) continue;
            if (auto problem = check(*known, member.value, member.key)) return problem;
        }
        return std::nullopt;
    }

    bool strict_;
};

}  // namespace

std::optional<std::string> check_shape(const asl::Resource& resource, const json::Value& result,
                                       bool strict) {
    constexpr std::string_view kPrefix = "arn:aws:states:::";
    const bool is_flow = resource.kind == asl::Resource::Kind::Flow;
    if (resource.wait_for_token || (resource.text.rfind(kPrefix, 0) != 0 && !is_flow)) return std::nullopt;
    std::string name = resource.resource_type() + ":" + resource.resource_action();
    // However a flow is named, its Task has the result of states:startExecution.
    if (is_flow) name = std::string("states:startExecution") + (resource.sync ? ".sync" : "");
    for (const auto& [integration, shape] : kShapes) {
        if (integration == name) return Checker(strict).check(shape_of(shape), result, "");
    }
    return std::nullopt;
}

}  // namespace flowctl::test_state
