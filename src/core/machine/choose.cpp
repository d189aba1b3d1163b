// Evaluation of choice rules; see choose.hpp.
//
// If the value has another type than the operator's, the comparison is false. A variable that leads nowhere
// is an error, except for IsPresent. And and Or stop as soon as their result is known, so IsPresent can guard
// the conditions behind it.
#include "core/machine/choose.hpp"

#include <vector>

namespace flowctl::machine {

namespace {

using asl::Comparison;
using asl::Condition;
using Kind = Comparison::Kind;
using Relation = Comparison::Relation;

bool holds(Relation relation, std::partial_ordering order) {
    switch (relation) {
        case Relation::Equals:
            return order == 0;
        case Relation::LessThan:
            return order < 0;
        case Relation::GreaterThan:
            return order > 0;
        case Relation::LessThanEquals:
            return order <= 0;
        case Relation::GreaterThanEquals:
            return order >= 0;
    }
    return false;
}

// Compares exactly where it matters: equal numbers are equal whatever their spelling, and integers are not
// converted to double.
std::partial_ordering compare_numbers(const json::Value& a, const json::Value& b) {
    if (json::equal(a, b)) return std::partial_ordering::equivalent;
    const auto left = a.as_integer();
    const auto right = b.as_integer();
    if (left && right) return *left <=> *right;
    return a.as_double() <=> b.as_double();
}

std::optional<asl::Timestamp> timestamp_of(const json::Value& value) {
    if (!value.is_string()) return std::nullopt;
    return asl::parse_timestamp(value.as_string());
}

bool compare(const Comparison& comparison, const json::Value& value, const json::Value& operand,
             Budget& budget) {
    switch (comparison.kind) {
        case Kind::String:
            if (!value.is_string() || !operand.is_string()) return false;
            return holds(comparison.relation, value.as_string() <=> operand.as_string());
        case Kind::Numeric:
            if (!value.is_number() || !operand.is_number()) return false;
            return holds(comparison.relation, compare_numbers(value, operand));
        case Kind::Boolean:
            return value.is_bool() && operand.is_bool() && value.as_bool() == operand.as_bool();
        case Kind::Timestamp: {
            const auto left = timestamp_of(value);
            const auto right = comparison.instant ? comparison.instant : timestamp_of(operand);
            return left && right && holds(comparison.relation, *left <=> *right);
        }
        case Kind::StringMatches:
            return value.is_string() && operand.is_string() &&
                   matches_pattern(value.as_string(), operand.as_string(), budget);
        case Kind::IsNull:
            return value.is_null() == operand.as_bool();
        case Kind::IsNumeric:
            return value.is_number() == operand.as_bool();
        case Kind::IsString:
            return value.is_string() == operand.as_bool();
        case Kind::IsBoolean:
            return value.is_bool() == operand.as_bool();
        case Kind::IsTimestamp:
            return timestamp_of(value).has_value() == operand.as_bool();
        case Kind::IsPresent:
            break;
    }
    return operand.as_bool();
}

Evaluated<json::Value> operand_at(const path::Expression& expression, Evaluator& evaluator,
                                  const json::Value& input) {
    if (!evaluator.present(expression, input)) {
        return Err{evaluator.runtime("Invalid path '" + expression.text() +
                                     "': The choice state's condition path references an invalid value.")};
    }
    return evaluator.evaluate(expression, input);
}

Evaluated<bool> evaluate(const Comparison& comparison, Evaluator& evaluator, const json::Value& input) {
    evaluator.budget().step();
    if (comparison.kind == Kind::IsPresent)
        return evaluator.present(*comparison.variable, input) == comparison.literal.as_bool();
    const auto value = operand_at(*comparison.variable, evaluator, input);
    if (!value.ok()) return Err{value.error()};
    if (!comparison.operand_path)
        return compare(comparison, value.value(), comparison.literal, evaluator.budget());
    const auto operand = operand_at(*comparison.operand_path, evaluator, input);
    if (!operand.ok()) return Err{operand.error()};
    return compare(comparison, value.value(), operand.value(), evaluator.budget());
}

Evaluated<bool> evaluate(const Condition& condition, Evaluator& evaluator, const json::Value& input) {
    const Budget::Depth depth(evaluator.budget());
    switch (condition.kind) {
        case Condition::Kind::Compare:
            return evaluate(*condition.compare, evaluator, input);
        case Condition::Kind::Not: {
            const auto operand = evaluate(condition.operands.front(), evaluator, input);
            if (!operand.ok()) return operand;
            return !operand.value();
        }
        case Condition::Kind::And:
        case Condition::Kind::Or:
            break;
    }
    const bool decisive = condition.kind == Condition::Kind::Or;
    for (const Condition& each : condition.operands) {
        const auto operand = evaluate(each, evaluator, input);
        if (!operand.ok() || operand.value() == decisive) return operand;
    }
    return !decisive;
}

}  // namespace

bool matches_pattern(std::string_view text, std::string_view pattern, Budget& budget) {
    // The pattern's characters, with kAny in place of each unescaped asterisk.
    constexpr int kAny = -1;
    std::vector<int> units;
    units.reserve(pattern.size());
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        if (pattern[i] == '\\' && i + 1 < pattern.size() &&
            (pattern[i + 1] == '*' || pattern[i + 1] == '\\')) {
            units.push_back(static_cast<unsigned char>(pattern[++i]));
        } else {
            units.push_back(pattern[i] == '*' ? kAny : static_cast<unsigned char>(pattern[i]));
        }
    }
    // Greedy matching that only ever goes back to the latest asterisk.
    std::size_t at = 0;
    std::size_t unit = 0;
    std::optional<std::size_t> star;
    std::size_t star_at = 0;
    while (at < text.size()) {
        budget.step();
        if (unit < units.size() && units[unit] == kAny) {
            star = unit++;
            star_at = at;
        } else if (unit < units.size() && units[unit] == static_cast<unsigned char>(text[at])) {
            ++unit;
            ++at;
        } else if (star) {
            unit = *star + 1;
            at = ++star_at;
        } else {
            return false;
        }
    }
    while (unit < units.size() && units[unit] == kAny)
        ++unit;
    return unit == units.size();
}

Evaluated<std::optional<std::size_t>> choose(const asl::ChoiceFields& choice, Evaluator& evaluator,
                                             const json::Value& input) {
    for (std::size_t i = 0; i < choice.rules.size(); ++i) {
        const auto matched = evaluate(choice.rules[i].condition, evaluator, input);
        if (!matched.ok()) return Err{matched.error()};
        if (matched.value()) return std::optional<std::size_t>(i);
    }
    return std::optional<std::size_t>();
}

}  // namespace flowctl::machine
