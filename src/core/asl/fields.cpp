// Reading the members of one object of a definition; see fields.hpp.
#include "core/asl/fields.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <string>

#include "core/asl/parts.hpp"

namespace flowctl::asl {

namespace {

// Fields that only JSONPath states have, and those that only JSONata states have. The fields of choice rules
// are in choice.cpp.
constexpr std::array<std::string_view, 19> kOfJsonPath = {"InputPath",
                                                          "OutputPath",
                                                          "ResultPath",
                                                          "Parameters",
                                                          "ResultSelector",
                                                          "Result",
                                                          "ItemsPath",
                                                          "TimeoutSecondsPath",
                                                          "HeartbeatSecondsPath",
                                                          "SecondsPath",
                                                          "TimestampPath",
                                                          "ErrorPath",
                                                          "CausePath",
                                                          "MaxConcurrencyPath",
                                                          "ToleratedFailureCountPath",
                                                          "ToleratedFailurePercentagePath",
                                                          "MaxItemsPath",
                                                          "MaxItemsPerBatchPath",
                                                          "MaxInputBytesPerBatchPath"};
constexpr std::array<std::string_view, 4> kOfJsonata = {"Arguments", "Output", "Items", "Condition"};

bool is_one_of(std::string_view name, std::span<const std::string_view> names) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

std::string other_language(std::string_view field, QueryLanguage language) {
    const bool is_path = language == QueryLanguage::JsonPath;
    return std::string("The QueryLanguage is set to '") + (is_path ? "JSONPath" : "JSONata") +
           "', but field '" + std::string(field) + "' is only supported for the '" +
           (is_path ? "JSONata" : "JSONPath") + "' QueryLanguage";
}

std::string list_of(std::string_view before, const std::vector<std::string_view>& names) {
    std::string out(before);
    out += '[';
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (i > 0) out += ", ";
        out += names[i];
    }
    out += ']';
    return out;
}

}  // namespace

Fields::Fields(const json::Value& object, const Where& where, Findings& findings)
    : object_(object), where_(where), findings_(findings), asked_(object.members().size(), false) {}

const json::Value* Fields::any(std::string_view name) {
    const auto& members = object_.members();
    for (std::size_t i = 0; i < members.size(); ++i) {
        if (members[i].key != name) continue;
        asked_[i] = true;
        return &members[i].value;
    }
    return nullptr;
}

const json::Value* Fields::typed(std::string_view name, json::Kind kind, std::string_view type_name) {
    const json::Value* value = any(name);
    if (value == nullptr || value->kind() == kind) return value;
    findings_.error(at(name), std::string("Expected value of type ").append(type_name));
    return nullptr;
}

const json::Value* Fields::object(std::string_view name) {
    return typed(name, json::Kind::Object, "Object");
}
const json::Value* Fields::array(std::string_view name) {
    return typed(name, json::Kind::Array, "Array");
}

std::optional<std::string_view> Fields::string(std::string_view name) {
    const json::Value* value = typed(name, json::Kind::String, "String");
    if (value == nullptr) return std::nullopt;
    return value->as_string();
}

std::optional<bool> Fields::boolean(std::string_view name) {
    const json::Value* value = typed(name, json::Kind::Bool, "Boolean");
    if (value == nullptr) return std::nullopt;
    return value->as_bool();
}

std::optional<std::int64_t> Fields::integer(std::string_view name, std::int64_t least, std::int64_t most) {
    const json::Value* value = typed(name, json::Kind::Number, "Integer");
    if (value == nullptr) return std::nullopt;
    const std::optional<std::int64_t> number = value->as_integer();
    if (!number) {
        const double approximate = value->as_double();
        if (std::isfinite(approximate) && approximate == std::floor(approximate)) {
            const bool low = approximate < 0;
            findings_.error(at(name), (low ? "Minimum value is " : "Maximum value is ") +
                                          std::to_string(low ? least : most));
        } else {
            findings_.error(at(name), "Expected value of type Integer");
        }
        return std::nullopt;
    }
    if (*number < least) {
        findings_.error(at(name), "Minimum value is " + std::to_string(least));
        return std::nullopt;
    }
    if (*number > most) {
        findings_.error(at(name), "Maximum value is " + std::to_string(most));
        return std::nullopt;
    }
    return number;
}

std::optional<double> Fields::number(std::string_view name, double least) {
    const json::Value* value = typed(name, json::Kind::Number, "Number");
    if (value == nullptr) return std::nullopt;
    const double number = value->as_double();
    if (!(number >= least)) {
        std::string text = std::to_string(least);
        findings_.error(at(name), "Minimum value is " + text.substr(0, text.find('.') + 2));
        return std::nullopt;
    }
    if (!std::isfinite(number)) {
        findings_.error(at(name), "The number is too large");
        return std::nullopt;
    }
    return number;
}

void Fields::require(std::initializer_list<std::string_view> names) {
    std::vector<std::string_view> missing;
    for (const std::string_view name : names) {
        if (!has(name)) missing.push_back(name);
    }
    if (!missing.empty()) findings_.error(where_, list_of("These fields are required: ", missing));
}

bool Fields::at_most_one(std::initializer_list<std::string_view> names) {
    std::vector<std::string_view> present;
    for (const std::string_view name : names) {
        if (has(name)) present.push_back(name);
    }
    if (present.size() < 2) return true;
    findings_.error(
        where_, list_of("There should only be one of the following fields: ", {names.begin(), names.end()}));
    return false;
}

void Fields::refuse_others() {
    const auto& members = object_.members();
    for (std::size_t i = 0; i < members.size(); ++i) {
        if (asked_[i]) continue;
        const std::string& name = members[i].key;
        const bool of_other = language_ == QueryLanguage::JsonPath
                                  ? is_one_of(name, kOfJsonata)
                                  : is_one_of(name, kOfJsonPath) || is_rule_field(name);
        findings_.error(where_,
                        of_other ? other_language(name, language_) : "Field '" + name + "' is not supported");
    }
}

}  // namespace flowctl::asl
