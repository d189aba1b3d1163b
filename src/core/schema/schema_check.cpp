// Checking a value against the nodes of a schema. See json_schema.hpp.
#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "base/utf8.hpp"
#include "core/asl/walk.hpp"
#include "core/schema/schema_formats.hpp"
#include "core/schema/schema_node.hpp"

namespace flowctl::schema {

namespace {

// The way from the root to the value that is looked at. It lives on the stack of the recursion.
struct Place {
    const Place* parent = nullptr;
    std::string_view key = {};
    std::size_t index = 0;
    bool is_index = false;

    std::string pointer() const {
        if (parent == nullptr) return "";
        return parent->pointer() + "/" + (is_index ? std::to_string(index) : asl::escape_pointer_token(key));
    }
};

bool is_whole(const json::Value& number) {
    if (number.as_integer()) return true;
    const double value = number.as_double();
    return std::isfinite(value) && std::floor(value) == value;
}

// -1, 0 or 1
int compare(const json::Value& a, const json::Value& b) {
    const auto left = a.as_integer();
    const auto right = b.as_integer();
    if (left && right) return *left < *right ? -1 : *left > *right;
    const double x = a.as_double(), y = b.as_double();
    return x < y ? -1 : x > y;
}

bool is_multiple(const json::Value& value, const json::Value& of) {
    const auto number = value.as_integer();
    const auto divisor = of.as_integer();
    if (number && divisor) return *number % *divisor == 0;
    const double quotient = value.as_double() / of.as_double();
    if (!std::isfinite(quotient)) return false;
    return std::fabs(quotient - std::round(quotient)) <= 1e-9 * std::max(1.0, std::fabs(quotient));
}

// Equal values have equal hashes: a number counts by its value, and members by no order.
std::size_t hash_of(const json::Value& value, Budget& budget) {
    budget.step();
    switch (value.kind()) {
        case json::Kind::Null:
            return 1;
        case json::Kind::Bool:
            return value.as_bool() ? 2 : 3;
        case json::Kind::Number:
            return std::hash<double>()(value.as_double());
        case json::Kind::String:
            budget.text(value.as_string().size());
            return std::hash<std::string_view>()(value.as_string());
        case json::Kind::Array: {
            const Budget::Depth depth(budget);
            std::size_t hash = 5;
            for (const json::Value& item : value.items())
                hash = hash * 31 + hash_of(item, budget);
            return hash;
        }
        case json::Kind::Object: {
            const Budget::Depth depth(budget);
            std::size_t hash = 7;
            for (const json::Member& member : value.members())
                hash += std::hash<std::string>()(member.key) ^ (hash_of(member.value, budget) * 1'000'003);
            return hash;
        }
    }
    return 0;
}

class Checker {
  public:
    explicit Checker(Budget& budget) : budget_(budget) {}

    // Where something does not fit and `problem` is not null, it is told so.
    bool fits(const Node& start, const json::Value& value, const Place& place, Problem* problem) {
        const Budget::Depth depth(budget_);
        budget_.step();
        const Node* node = &start;
        while (node->reference != nullptr) {
            budget_.step();
            node = node->reference;
        }
        if (node->fixed) return *node->fixed || fail(place, problem, "is not allowed here");
        return fits_itself(*node, value, place, problem) && fits_kind(*node, value, place, problem) &&
               fits_others(*node, value, place, problem);
    }

  private:
    static bool fail(const Place& place, Problem* problem, const std::string& message) {
        if (problem != nullptr) *problem = {place.pointer(), message};
        return false;
    }

    bool are_equal(const json::Value& a, const json::Value& b) {
        budget_.step();
        if (a.kind() != b.kind()) return false;
        budget_.text(json::dumped_size(a));
        return json::equal(a, b);
    }

    static unsigned types_of(const json::Value& value) {
        switch (value.kind()) {
            case json::Kind::Null:
                return kNull;
            case json::Kind::Bool:
                return kBoolean;
            case json::Kind::Number:
                return is_whole(value) ? kNumber | kInteger : kNumber;
            case json::Kind::String:
                return kString;
            case json::Kind::Array:
                return kArray;
            case json::Kind::Object:
                return kObject;
        }
        return 0;
    }

    bool fits_itself(const Node& node, const json::Value& value, const Place& place, Problem* problem) {
        if (node.types != 0 && (node.types & types_of(value)) == 0)
            return fail(place, problem, "is not of type " + node.type_names);
        if (node.constant && !are_equal(*node.constant, value))
            return fail(place, problem, "is not the value that const says");
        if (node.has_choices && std::none_of(node.choices.begin(), node.choices.end(), [&](const json::Value& one) {
                return are_equal(one, value);
            }))
            return fail(place, problem, "is none of the values that enum lists");
        return true;
    }

    bool fits_kind(const Node& node, const json::Value& value, const Place& place, Problem* problem) {
        switch (value.kind()) {
            case json::Kind::Number:
                return fits_number(node, value, place, problem);
            case json::Kind::String:
                return fits_string(node, value.as_string(), place, problem);
            case json::Kind::Array:
                return fits_array(node, value, place, problem);
            case json::Kind::Object:
                return fits_object(node, value, place, problem);
            default:
                return true;
        }
    }

    static bool fits_number(const Node& node, const json::Value& value, const Place& place, Problem* problem) {
        if (node.minimum && compare(value, *node.minimum) < 0)
            return fail(place, problem, "is less than " + node.minimum->number_as_text());
        if (node.maximum && compare(value, *node.maximum) > 0)
            return fail(place, problem, "is more than " + node.maximum->number_as_text());
        if (node.exclusive_minimum && compare(value, *node.exclusive_minimum) <= 0)
            return fail(place, problem, "is not more than " + node.exclusive_minimum->number_as_text());
        if (node.exclusive_maximum && compare(value, *node.exclusive_maximum) >= 0)
            return fail(place, problem, "is not less than " + node.exclusive_maximum->number_as_text());
        if (node.multiple_of && !is_multiple(value, *node.multiple_of))
            return fail(place, problem, "is not a multiple of " + node.multiple_of->number_as_text());
        return true;
    }

    bool has_match(const Pattern& pattern, std::string_view text) {
        regex::Match match;
        return regex::find(pattern.program, text, 0, budget_, match);
    }

    bool fits_string(const Node& node, std::string_view text, const Place& place, Problem* problem) {
        budget_.text(text.size());
        if (node.min_length && count_characters(text) < *node.min_length)
            return fail(place, problem, "is shorter than " + std::to_string(*node.min_length) + " characters");
        if (node.max_length && count_characters(text) > *node.max_length)
            return fail(place, problem, "is longer than " + std::to_string(*node.max_length) + " characters");
        if (node.pattern && !has_match(*node.pattern, text))
            return fail(place, problem, "does not match the pattern " + node.pattern->text);
        if (!has_format(node.format, text)) return fail(place, problem, "is not of format " + node.format_name);
        return true;
    }

    bool fits_array(const Node& node, const json::Value& value, const Place& place, Problem* problem) {
        if (node.min_items && value.size() < *node.min_items)
            return fail(place, problem, "has fewer than " + std::to_string(*node.min_items) + " items");
        if (node.max_items && value.size() > *node.max_items)
            return fail(place, problem, "has more than " + std::to_string(*node.max_items) + " items");
        const auto& items = value.items();
        for (std::size_t i = 0; i < items.size(); i++) {
            const Node* schema = node.items != nullptr        ? node.items
                                 : i < node.tuple.size()      ? node.tuple[i]
                                 : !node.tuple.empty()        ? node.additional_items
                                                              : nullptr;
            if (schema != nullptr && !fits(*schema, items[i], {&place, {}, i, true}, problem)) return false;
        }
        if (node.contains != nullptr && std::none_of(items.begin(), items.end(), [&](const json::Value& item) {
                return fits(*node.contains, item, place, nullptr);
            }))
            return fail(place, problem, "has no item that fits contains");
        return !node.unique_items || are_unique(items, place, problem);
    }

    bool are_unique(const std::vector<json::Value>& items, const Place& place, Problem* problem) {
        std::unordered_multimap<std::size_t, const json::Value*> seen;
        for (std::size_t i = 0; i < items.size(); i++) {
            const std::size_t hash = hash_of(items[i], budget_);
            const auto [first, last] = seen.equal_range(hash);
            for (auto one = first; one != last; ++one)
                if (are_equal(*one->second, items[i]))
                    return fail({&place, {}, i, true}, problem, "is an item for the second time");
            seen.emplace(hash, &items[i]);
        }
        return true;
    }

    bool fits_object(const Node& node, const json::Value& value, const Place& place, Problem* problem) {
        if (node.min_properties && value.size() < *node.min_properties)
            return fail(place, problem, "has fewer than " + std::to_string(*node.min_properties) + " members");
        if (node.max_properties && value.size() > *node.max_properties)
            return fail(place, problem, "has more than " + std::to_string(*node.max_properties) + " members");
        if (!has_all(node.required, value, place, problem)) return false;
        for (const json::Member& member : value.members())
            if (!fits_member(node, member, {&place, member.key, 0, false}, problem)) return false;
        for (const Dependency& dependency : node.dependencies) {
            if (value.find(dependency.name) == nullptr) continue;
            if (!has_all(dependency.required, value, place, problem)) return false;
            if (dependency.schema != nullptr && !fits(*dependency.schema, value, place, problem)) return false;
        }
        return true;
    }

    bool has_all(const std::vector<std::string>& names, const json::Value& value, const Place& place,
                 Problem* problem) {
        for (const std::string& name : names) {
            budget_.step(1 + value.size() / 8);
            if (value.find(name) == nullptr) return fail(place, problem, "has no member \"" + name + "\"");
        }
        return true;
    }

    bool fits_member(const Node& node, const json::Member& member, const Place& place, Problem* problem) {
        budget_.step();
        if (node.property_names != nullptr &&
            !fits(*node.property_names, json::Value::string(member.key), place, nullptr))
            return fail(place, problem, "has a name that does not fit propertyNames");
        bool known = false;
        if (const auto property = node.properties.find(member.key); property != node.properties.end()) {
            known = true;
            if (!fits(*property->second, member.value, place, problem)) return false;
        }
        for (const auto& [pattern, schema] : node.pattern_properties) {
            if (!has_match(*pattern, member.key)) continue;
            known = true;
            if (!fits(*schema, member.value, place, problem)) return false;
        }
        if (known || node.additional_properties == nullptr) return true;
        if (node.additional_properties->fixed == false)
            return fail(place, problem, "is a member that the schema does not have");
        return fits(*node.additional_properties, member.value, place, problem);
    }

    bool fits_others(const Node& node, const json::Value& value, const Place& place, Problem* problem) {
        for (const Node* one : node.all_of)
            if (!fits(*one, value, place, problem)) return false;
        const auto fits_quietly = [&](const Node* one) { return fits(*one, value, place, nullptr); };
        if (!node.any_of.empty() && std::none_of(node.any_of.begin(), node.any_of.end(), fits_quietly))
            return fail(place, problem, "fits none of the schemas in anyOf");
        if (!node.one_of.empty()) {
            const auto fitting = std::count_if(node.one_of.begin(), node.one_of.end(), fits_quietly);
            if (fitting != 1)
                return fail(place, problem,
                            "fits " + std::to_string(fitting) + " of the schemas in oneOf, and not one");
        }
        if (node.negated != nullptr && fits_quietly(node.negated))
            return fail(place, problem, "fits the schema in not");
        if (node.condition != nullptr) {
            const Node* then = fits_quietly(node.condition) ? node.then_schema : node.else_schema;
            if (then != nullptr && !fits(*then, value, place, problem)) return false;
        }
        return true;
    }

    Budget& budget_;
};

}  // namespace

std::optional<Problem> Schema::check(const json::Value& value, Budget& budget) const {
    Problem problem;
    if (Checker(budget).fits(*nodes_->root, value, {}, &problem)) return std::nullopt;
    return problem;
}

}  // namespace flowctl::schema
