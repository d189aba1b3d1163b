// Filters [?( )] with Jayway's comparison rules.
//
// They are looser than JSON's. A number equals a string that reads as that number. A missing value is equal
// to nothing, so != holds for it. Only two numbers or two strings have an order.
#include <algorithm>
#include <cmath>

#include "base/utf8.hpp"
#include "core/path/query.hpp"
#include "core/text/find.hpp"

namespace flowctl::path {
namespace {

using Operator = Filter::Operator;

// A side of a comparison: a value, or nothing if there is none.
using Side = std::optional<json::Value>;

Side side(const Operand& operand, const json::Value& item, const json::Value& root, Budget& budget) {
    if (operand.kind == Operand::Kind::Literal) return operand.literal;
    if (operand.kind == Operand::Kind::Regex) return std::nullopt;
    const json::Value& from = operand.query->root == Query::Root::Item ? item : root;
    auto result = evaluate_query(*operand.query, from, budget);
    if (!result.ok()) return std::nullopt;
    return std::move(result).value();
}

// Values that share nodes can have huge sizes, so a single charge to the budget is bounded.
constexpr std::size_t kMaxCharge = std::size_t{1} << 40;

bool is_container(const json::Value& value) {
    return value.is_array() || value.is_object();
}

// Compares by value, and exactly if both numbers are integers.
int compare_numbers(const json::Value& a, const json::Value& b) {
    if (json::equal(a, b)) return 0;
    const auto x = a.as_integer();
    const auto y = b.as_integer();
    if (x && y) return *x < *y ? -1 : 1;
    return a.as_double() < b.as_double() ? -1 : 1;
}

// The number that a string spells, if it does.
std::optional<json::Value> number_in(std::string_view text) {
    auto value = json::parse(text);
    if (!value.ok() || !value->is_number()) return std::nullopt;
    return std::move(value).value();
}

bool loosely_equal(const json::Value& left, const json::Value& right, Budget& budget) {
    budget.step();
    if (left.is_number() && right.is_string()) {
        budget.step(right.as_string().size() / 8);
        const auto number = number_in(right.as_string());
        return number && json::equal(left, *number);
    }
    if (left.is_string() && right.is_number()) return left.as_string() == right.number_as_text();
    if (is_container(left) && is_container(right)) {
        budget.step(std::min({json::dumped_size(left), json::dumped_size(right), kMaxCharge}));
        return json::equal(left, right);
    }
    if (left.is_string() && right.is_string())
        budget.text(std::min(left.as_string().size(), right.as_string().size()));
    return left.kind() == right.kind() && json::equal(left, right);
}

bool contains(const json::Value& array, const json::Value& value, Budget& budget) {
    return std::any_of(array.items().begin(), array.items().end(),
                       [&](const json::Value& item) { return loosely_equal(value, item, budget); });
}

bool ordered(Operator op, const json::Value& left, const json::Value& right, Budget& budget) {
    int order = 0;
    if (left.is_number() && right.is_number()) {
        order = compare_numbers(left, right);
    } else if (left.is_string() && right.is_string()) {
        budget.text(std::min(left.as_string().size(), right.as_string().size()));
        order = left.as_string().compare(right.as_string());
    } else {
        return false;
    }
    switch (op) {
        case Operator::Less:
            return order < 0;
        case Operator::LessEqual:
            return order <= 0;
        case Operator::Greater:
            return order > 0;
        default:
            return order >= 0;
    }
}

// Whether all, or any, of the values in the left list are in the right list.
bool overlap(const json::Value& left, const json::Value& right, bool all, Budget& budget) {
    const auto found = [&](const json::Value& item) { return contains(right, item, budget); };
    return all ? std::all_of(left.items().begin(), left.items().end(), found)
               : std::any_of(left.items().begin(), left.items().end(), found);
}

bool matches(const Regex& regex, const Side& value, Budget& budget) {
    if (!value) return false;
    if (value->is_string()) return regex.matches(value->as_string(), budget);
    if (is_container(*value)) return false;
    // The texts of numbers and literals are short.
    return regex.matches(value->is_number() ? value->number_as_text() : json::dump(*value), budget);
}

bool compare(const Filter& filter, const Side& left, const Side& right, Budget& budget) {
    const Operator op = filter.op;
    if (op == Operator::Matches) {
        return filter.right.kind == Operand::Kind::Regex ? matches(*filter.right.regex, left, budget)
                                                         : matches(*filter.left.regex, right, budget);
    }
    if (op == Operator::NotEqual) return !left || !right || !loosely_equal(*left, *right, budget);
    const bool same_kind = left && right && left->kind() == right->kind();
    if (op == Operator::SameTypeNotEqual) return !same_kind || !loosely_equal(*left, *right, budget);
    if (op == Operator::NotIn)
        return !left || !right || !right->is_array() || !contains(*right, *left, budget);
    if (!left || !right) return false;
    switch (op) {
        case Operator::Equal:
            return loosely_equal(*left, *right, budget);
        case Operator::SameTypeEqual:
            return same_kind && loosely_equal(*left, *right, budget);
        case Operator::In:
            return right->is_array() && contains(*right, *left, budget);
        case Operator::Contains:
            if (left->is_string() && right->is_string()) {
                return text::find(left->as_string(), right->as_string(), 0, budget) !=
                       std::string_view::npos;
            }
            return left->is_array() && contains(*left, *right, budget);
        case Operator::SubsetOf:
            return left->is_array() && right->is_array() && overlap(*left, *right, true, budget);
        case Operator::AnyOf:
            return left->is_array() && right->is_array() && overlap(*left, *right, false, budget);
        case Operator::NoneOf:
            return left->is_array() && right->is_array() && !overlap(*left, *right, false, budget);
        case Operator::All:
            return left->is_array() && right->is_array() && overlap(*right, *left, true, budget);
        case Operator::Size: {
            if (!right->is_number() || (!left->is_string() && !is_container(*left))) return false;
            if (left->is_string()) budget.text(left->as_string().size());
            const std::size_t size = left->is_string() ? count_characters(left->as_string()) : left->size();
            return right->as_integer() == static_cast<std::int64_t>(size);
        }
        case Operator::Empty: {
            if (!right->is_bool() || (!left->is_string() && !is_container(*left))) return false;
            const bool empty = left->is_string() ? left->as_string().empty() : left->size() == 0;
            return empty == right->as_bool();
        }
        default:
            return ordered(op, *left, *right, budget);
    }
}

bool exists(const Operand& operand, const json::Value& item, const json::Value& root, Budget& budget) {
    const json::Value& from = operand.query->root == Query::Root::Item ? item : root;
    return evaluate_query_strictly(*operand.query, from, budget).ok();
}

// ---------------------------------------------------------------------------------------------- functions

// The numbers for an aggregate: first those in the array, then those among the arguments.
std::vector<double> numbers(const json::Value& value, const std::vector<json::Value>& arguments) {
    std::vector<double> out;
    const auto take = [&](const json::Value& item) {
        if (item.is_number()) out.push_back(item.as_double());
    };
    if (value.is_array()) std::for_each(value.items().begin(), value.items().end(), take);
    for (const json::Value& argument : arguments) {
        take(argument);
        if (argument.is_array()) std::for_each(argument.items().begin(), argument.items().end(), take);
    }
    return out;
}

Result<json::Value, Miss> number(double d) {
    if (!std::isfinite(d)) return Err{Miss{false, "The result is not a number"}};
    return json::Value::number(d);
}

Err<Miss> empty_array() {
    return Err{Miss{false, "Aggregation function attempted to calculate value using empty array"}};
}

Result<json::Value, Miss> aggregate(Function function, const std::vector<double>& values) {
    if (values.empty()) return empty_array();
    if (function == Function::Min) return number(*std::min_element(values.begin(), values.end()));
    if (function == Function::Max) return number(*std::max_element(values.begin(), values.end()));
    double sum = 0, squares = 0;
    for (const double d : values) {
        sum += d;
        squares += d * d;
    }
    const auto count = static_cast<double>(values.size());
    if (function == Function::Sum) return number(sum);
    if (function == Function::Avg) return number(sum / count);
    return number(std::sqrt(std::max(0.0, squares / count - sum * sum / count / count)));
}

Result<json::Value, Miss> nth(const json::Value& value, std::int64_t index) {
    if (!value.is_array() || value.size() == 0) return empty_array();
    const auto size = static_cast<std::int64_t>(value.size());
    const std::int64_t at = index < 0 ? size + index : index;
    if (at < 0 || at >= size) return Err{Miss{true, "Index " + std::to_string(index) + " is out of bounds"}};
    return value.items()[static_cast<std::size_t>(at)];
}

json::Value concatenated(const json::Value& value, const std::vector<json::Value>& arguments,
                         Budget& budget) {
    std::string out;
    const auto take = [&](const json::Value& item) {
        if (!item.is_string()) return;
        budget.bytes(item.as_string().size());
        out += item.as_string();
    };
    if (value.is_array()) std::for_each(value.items().begin(), value.items().end(), take);
    for (const json::Value& argument : arguments) {
        take(argument);
        if (argument.is_array()) std::for_each(argument.items().begin(), argument.items().end(), take);
    }
    return json::Value::string(out);
}

}  // namespace

bool passes(const Filter& filter, const json::Value& item, const json::Value& root, Budget& budget) {
    const Budget::Depth depth(budget);
    budget.step();
    const auto child_passes = [&](const Filter& child) { return passes(child, item, root, budget); };
    switch (filter.kind) {
        case Filter::Kind::And:
            return std::all_of(filter.children.begin(), filter.children.end(), child_passes);
        case Filter::Kind::Or:
            return std::any_of(filter.children.begin(), filter.children.end(), child_passes);
        case Filter::Kind::Not:
            return !child_passes(filter.children.front());
        case Filter::Kind::Exists:
            return exists(filter.left, item, root, budget);
        case Filter::Kind::Compare:
            return compare(filter, side(filter.left, item, root, budget),
                           side(filter.right, item, root, budget), budget);
    }
    return false;
}

Result<json::Value, Miss> call_function(const Step& step, const json::Value& value, const json::Value& root,
                                        Budget& budget) {
    budget.step(1 + value.size());
    std::vector<json::Value> arguments;
    for (const FunctionArgument& argument : step.arguments) {
        if (argument.query == nullptr) {
            arguments.push_back(argument.literal);
            continue;
        }
        auto result =
            evaluate_query(*argument.query, argument.query->root == Query::Root::Item ? value : root, budget);
        if (!result.ok()) return result;
        budget.step(1 + result.value().size());
        arguments.push_back(std::move(result).value());
    }
    switch (step.function) {
        case Function::Length:
            if (!value.is_array() && !value.is_object()) return json::Value();
            return json::Value::integer(static_cast<std::int64_t>(value.size()));
        case Function::Keys: {
            if (!value.is_object()) return json::Value();
            std::vector<json::Value> keys;
            for (const json::Member& member : value.members()) {
                budget.bytes(sizeof(json::Value) + member.key.size());
                keys.push_back(json::Value::string(member.key));
            }
            return json::Value::array(std::move(keys));
        }
        case Function::Concat:
            return concatenated(value, arguments, budget);
        case Function::Append: {
            if (!value.is_array()) return value;
            budget.bytes((value.size() + arguments.size()) * sizeof(json::Value));
            std::vector<json::Value> items = value.items();
            items.insert(items.end(), arguments.begin(), arguments.end());
            return json::Value::array(std::move(items));
        }
        case Function::First:
            return nth(value, 0);
        case Function::Last:
            return nth(value, -1);
        case Function::Index: {
            const auto index = arguments.front().is_number() ? arguments.front().as_integer() : std::nullopt;
            if (!index) return Err{Miss{false, "index() takes an integer"}};
            return nth(value, *index);
        }
        default:
            return aggregate(step.function, numbers(value, arguments));
    }
}

}  // namespace flowctl::path
