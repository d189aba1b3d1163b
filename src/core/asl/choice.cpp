// Choice rules of a definition: the 42 operators and their nesting; see parts.hpp.
//
// One table has the names of all operators, with kind, relation and whether the operand is a path. A rule of
// a JSONata state has the field Condition instead.
#include <algorithm>
#include <array>

#include "core/asl/parts.hpp"

namespace flowctl::asl {

namespace {

using Kind = Comparison::Kind;
using Relation = Comparison::Relation;

struct Operator {
    std::string_view name;
    Kind kind;
    Relation relation;
    bool is_path;
};

constexpr std::array<Operator, 39> kOperators = {{
    {"StringEquals", Kind::String, Relation::Equals, false},
    {"StringEqualsPath", Kind::String, Relation::Equals, true},
    {"StringLessThan", Kind::String, Relation::LessThan, false},
    {"StringLessThanPath", Kind::String, Relation::LessThan, true},
    {"StringGreaterThan", Kind::String, Relation::GreaterThan, false},
    {"StringGreaterThanPath", Kind::String, Relation::GreaterThan, true},
    {"StringLessThanEquals", Kind::String, Relation::LessThanEquals, false},
    {"StringLessThanEqualsPath", Kind::String, Relation::LessThanEquals, true},
    {"StringGreaterThanEquals", Kind::String, Relation::GreaterThanEquals, false},
    {"StringGreaterThanEqualsPath", Kind::String, Relation::GreaterThanEquals, true},
    {"NumericEquals", Kind::Numeric, Relation::Equals, false},
    {"NumericEqualsPath", Kind::Numeric, Relation::Equals, true},
    {"NumericLessThan", Kind::Numeric, Relation::LessThan, false},
    {"NumericLessThanPath", Kind::Numeric, Relation::LessThan, true},
    {"NumericGreaterThan", Kind::Numeric, Relation::GreaterThan, false},
    {"NumericGreaterThanPath", Kind::Numeric, Relation::GreaterThan, true},
    {"NumericLessThanEquals", Kind::Numeric, Relation::LessThanEquals, false},
    {"NumericLessThanEqualsPath", Kind::Numeric, Relation::LessThanEquals, true},
    {"NumericGreaterThanEquals", Kind::Numeric, Relation::GreaterThanEquals, false},
    {"NumericGreaterThanEqualsPath", Kind::Numeric, Relation::GreaterThanEquals, true},
    {"BooleanEquals", Kind::Boolean, Relation::Equals, false},
    {"BooleanEqualsPath", Kind::Boolean, Relation::Equals, true},
    {"TimestampEquals", Kind::Timestamp, Relation::Equals, false},
    {"TimestampEqualsPath", Kind::Timestamp, Relation::Equals, true},
    {"TimestampLessThan", Kind::Timestamp, Relation::LessThan, false},
    {"TimestampLessThanPath", Kind::Timestamp, Relation::LessThan, true},
    {"TimestampGreaterThan", Kind::Timestamp, Relation::GreaterThan, false},
    {"TimestampGreaterThanPath", Kind::Timestamp, Relation::GreaterThan, true},
    {"TimestampLessThanEquals", Kind::Timestamp, Relation::LessThanEquals, false},
    {"TimestampLessThanEqualsPath", Kind::Timestamp, Relation::LessThanEquals, true},
    {"TimestampGreaterThanEquals", Kind::Timestamp, Relation::GreaterThanEquals, false},
    {"TimestampGreaterThanEqualsPath", Kind::Timestamp, Relation::GreaterThanEquals, true},
    {"StringMatches", Kind::StringMatches, Relation::Equals, false},
    {"IsNull", Kind::IsNull, Relation::Equals, false},
    {"IsPresent", Kind::IsPresent, Relation::Equals, false},
    {"IsNumeric", Kind::IsNumeric, Relation::Equals, false},
    {"IsString", Kind::IsString, Relation::Equals, false},
    {"IsBoolean", Kind::IsBoolean, Relation::Equals, false},
    {"IsTimestamp", Kind::IsTimestamp, Relation::Equals, false},
}};

// Reads the operand in the form that the operator's type needs.
void read_literal(Fields& fields, const Operator& op, Comparison& comparison) {
    const json::Value* value = fields.any(op.name);
    const Where where = fields.at(op.name);
    const auto expect = [&](bool right, std::string_view type) {
        if (!right) fields.findings().error(where, std::string("Expected value of type ").append(type));
    };
    switch (op.kind) {
        case Kind::String:
        case Kind::StringMatches:
            expect(value->is_string(), "String");
            break;
        case Kind::Numeric:
            expect(value->is_number(), "Number");
            break;
        case Kind::Timestamp:
            if (value->is_string()) comparison.instant = parse_timestamp(value->as_string());
            if (!comparison.instant)
                fields.findings().error(where, "String does not match RFC3339 timestamp");
            break;
        case Kind::Boolean:
        case Kind::IsNull:
        case Kind::IsPresent:
        case Kind::IsNumeric:
        case Kind::IsString:
        case Kind::IsBoolean:
        case Kind::IsTimestamp:
            expect(value->is_bool(), "Boolean");
            break;
    }
    comparison.literal = *value;
}

Condition read_comparison(Fields& fields) {
    Condition condition;
    auto comparison = std::make_shared<Comparison>();
    fields.require({"Variable"});
    comparison->variable = read_path(fields, "Variable", PathRule::Reference);
    const Operator* chosen = nullptr;
    for (const Operator& op : kOperators) {
        if (!fields.has(op.name)) continue;
        if (chosen != nullptr) {
            fields.any(op.name);
            fields.findings().error(fields.where(), "There should only be one of the following fields: [" +
                                                        std::string(chosen->name) + ", " +
                                                        std::string(op.name) + "]");
            continue;
        }
        chosen = &op;
        comparison->kind = op.kind;
        comparison->relation = op.relation;
        if (op.is_path) {
            comparison->operand_path = read_path(fields, op.name, PathRule::Reference);
        } else {
            read_literal(fields, op, *comparison);
        }
    }
    if (chosen == nullptr)
        fields.findings().error(fields.where(), "A choice rule needs a comparison operator, And, Or or Not");
    condition.compare = std::move(comparison);
    return condition;
}

Condition read_condition(Fields& fields);

Condition read_nested(const json::Value& value, const Where& where, Findings& findings) {
    if (!value.is_object()) {
        findings.error(where, "Expected value of type Object");
        return {};
    }
    Fields fields(value, where, findings);
    Condition condition = read_condition(fields);
    fields.string("Comment");
    fields.refuse_others();
    return condition;
}

// The recursion is bounded, because the JSON reader limits the depth of a definition.
Condition read_condition(Fields& fields) {
    if (!fields.has("And") && !fields.has("Or") && !fields.has("Not")) return read_comparison(fields);
    fields.at_most_one({"And", "Or", "Not"});
    Condition condition;
    if (fields.has("Not")) {
        condition.kind = Condition::Kind::Not;
        if (const json::Value* operand = fields.object("Not"))
            condition.operands.push_back(read_nested(*operand, fields.at("Not"), fields.findings()));
    }
    for (const std::string_view name : {"And", "Or"}) {
        if (!fields.has(name)) continue;
        condition.kind = name == "And" ? Condition::Kind::And : Condition::Kind::Or;
        const json::Value* operands = fields.array(name);
        if (operands == nullptr) continue;
        const Where where = fields.at(name);
        if (operands->items().empty()) fields.findings().error(where, "Value cannot be empty");
        for (std::size_t i = 0; i < operands->items().size(); ++i)
            condition.operands.push_back(
                read_nested(operands->items()[i], Where(where, i), fields.findings()));
    }
    return condition;
}

// Reads Condition: an expression, or true or false.
std::optional<Query> read_rule_query(Fields& fields) {
    fields.require({"Condition"});
    auto query = read_expression(fields, "Condition");
    if (query) return query;
    const json::Value* value = fields.any("Condition");
    if (value == nullptr) return std::nullopt;
    if (!value->is_bool())
        fields.findings().error(fields.at("Condition"),
                                "Expected value of type Boolean or a JSONata expression");
    query.emplace().literal = *value;
    return query;
}

}  // namespace

bool is_rule_field(std::string_view name) noexcept {
    const auto is_named = [name](const Operator& op) { return op.name == name; };
    return name == "Variable" || name == "And" || name == "Or" || name == "Not" ||
           std::any_of(kOperators.begin(), kOperators.end(), is_named);
}

std::vector<ChoiceRule> read_choices(Fields& fields, const Targets& targets) {
    std::vector<ChoiceRule> rules;
    const json::Value* list = fields.any("Choices");
    if (list != nullptr && list->is_array() && list->items().empty())
        fields.findings().error(fields.at("Choices"), "Value cannot be empty");
    read_objects(fields, "Choices", [&](Fields& item, bool) {
        ChoiceRule rule;
        if (fields.language() == QueryLanguage::Jsonata) {
            rule.query = read_rule_query(item);
            rule.exit = read_exit(item, kNoPlace);
        } else {
            rule.condition = read_condition(item);
            rule.assign = read_assign(item);
        }
        item.require({"Next"});
        if (const auto next = item.string("Next")) rule.next = target(targets, *next);
        item.string("Comment");
        item.refuse_others();
        rules.push_back(std::move(rule));
    });
    return rules;
}

}  // namespace flowctl::asl
