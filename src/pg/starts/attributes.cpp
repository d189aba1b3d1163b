// Implementation of attributes.hpp.
#include "pg/starts/attributes.hpp"

#include <algorithm>

namespace flowctl::pg {

namespace {

constexpr std::size_t kMostValues = 16;          // of one attribute
constexpr std::size_t kMostAttributeBytes = 1024;  // of one value

void add_value(const json::Value& value, std::vector<std::string>& values) {
    auto text = scalar_text(value);
    if (!text || text->size() > kMostAttributeBytes || values.size() >= kMostValues) return;
    if (std::find(values.begin(), values.end(), *text) == values.end()) values.push_back(std::move(*text));
}

std::vector<std::string> values_of(const FlowExpression& expression, StartInput& input) {
    std::vector<std::string> values;
    const auto result = input.evaluate(expression);
    if (!result || !*result) return values;
    const json::Value& value = **result;
    if (value.is_array()) {
        for (const json::Value& item : value.items())
            add_value(item, values);
    } else {
        add_value(value, values);
    }
    return values;
}

}  // namespace

std::vector<store::NewRun::Attribute> attributes_of(const store::FlowRow& flow, StartInput& input) {
    std::vector<store::NewRun::Attribute> found;
    for (const FlowOptions::Attribute& attribute : flow.options->attributes) {
        auto values = values_of(attribute.expression, input);
        if (!values.empty()) found.push_back({attribute.name, std::move(values)});
    }
    return found;
}

}  // namespace flowctl::pg
