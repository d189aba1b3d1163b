// Functions over arrays.
#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/jsonata/error.hpp"
#include "core/jsonata/library.hpp"
#include "core/jsonata/serialise.hpp"

namespace flowctl::jsonata {
namespace {

Value count(const Call& call) {
    return Value::of_number(static_cast<double>(Items(call.at(0)).size()));
}

Value append(const Call& call) {
    return call.evaluation.append(call.at(0), call.at(1));
}

Value reverse(const Call& call) {
    const Items items(call.at(0));
    if (items.size() <= 1) return call.at(0);
    List* result = call.evaluation.list();
    call.evaluation.budget.step(items.size());
    result->reserve(call.evaluation.arena, items.size());
    for (std::size_t i = items.size(); i-- > 0;)
        result->push(call.evaluation.arena, items[i]);
    return Value::of_list(result);
}

Value shuffle(const Call& call) {
    const Items items(call.at(0));
    if (items.size() <= 1) return call.at(0);
    List* result = call.evaluation.list();
    call.evaluation.budget.step(items.size());
    result->reserve(call.evaluation.arena, items.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
        const auto j = static_cast<std::size_t>(call.evaluation.environment.random.next_unit() *
                                                static_cast<double>(i + 1));
        result->push(call.evaluation.arena, items[i]);
        std::swap(result->items[i], result->items[std::min(j, i)]);
    }
    return Value::of_list(result);
}

Value sort(const Call& call) {
    if (!call.has(0)) return {};
    const Items items(call.at(0));
    if (items.size() <= 1) return call.at(0);
    Evaluation& evaluation = call.evaluation;
    if (call.has(1)) {
        Function* comparator = call.function(1);
        return Value::of_list(evaluation.merge_sort(items, [&](const Value& a, const Value& b) {
            return evaluation.truthy(evaluation.call_back(comparator, {a, b}));
        }));
    }
    const Type type = items[0].type;
    evaluation.budget.step(items.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
        const Value item = items[i];
        if (item.type != type || !(item.is_string() || item.is_number())) {
            throw Raised{.code = "D3070", .index = 1};
        }
    }
    return Value::of_list(evaluation.merge_sort(items, [&evaluation, type](const Value& a, const Value& b) {
        return type == Type::Number ? a.number() > b.number()
                                    : evaluation.compare_texts(a.string(), b.string()) > 0;
    }));
}

// Values that are equal have the same hash, so they are in the same bucket.
std::size_t hash_of(const Value& value) {
    switch (value.type) {
        case Type::String:
            return std::hash<std::string_view>{}(value.string());
        case Type::Number:
            return std::hash<double>{}(value.number());
        case Type::Array:
            return 31 + Items(value).size();
        case Type::Object:
            return 7 + Members(value).size();
        default:
            return static_cast<std::size_t>(value.type);
    }
}

Value distinct(const Call& call) {
    if (!call.at(0).is_array()) return call.at(0);
    const Items items(call.at(0));
    if (items.size() <= 1) return call.at(0);
    Evaluation& evaluation = call.evaluation;
    List* result = evaluation.list();
    result->sequence = call.at(0).is_sequence();
    std::unordered_multimap<std::size_t, Value> seen;
    for (std::size_t i = 0; i < items.size(); ++i) {
        const Value item = items[i];
        if (item.is_string()) evaluation.budget.text(item.string().size());
        const std::size_t hash = hash_of(item);
        const auto [first, last] = seen.equal_range(hash);
        const bool known = std::any_of(first, last, [&](const auto& entry) {
            return deep_equal(entry.second, item, evaluation.budget);
        });
        evaluation.budget.step();
        if (known) continue;
        evaluation.budget.bytes(64);
        seen.emplace(hash, item);
        result->push(evaluation.arena, item);
    }
    return Value::of_list(result);
}

Value zip(const Call& call) {
    std::size_t shortest = call.arguments.empty() ? 0 : static_cast<std::size_t>(-1);
    std::vector<std::unique_ptr<Items>> columns;
    for (const Value& argument : call.arguments) {
        columns.push_back(std::make_unique<Items>(argument));
        shortest = std::min(shortest, argument.is_array() ? columns.back()->size() : 0);
    }
    Evaluation& evaluation = call.evaluation;
    List* result = evaluation.list();
    for (std::size_t i = 0; i < shortest; ++i) {
        evaluation.budget.step(columns.size());
        List* row = evaluation.list();
        for (const auto& column : columns)
            row->push(evaluation.arena, (*column)[i]);
        result->push(evaluation.arena, Value::of_list(row));
    }
    return Value::of_list(result);
}

constexpr LibraryRow kRows[] = {
    {"count", "<a:n>", 1, 1, count},     {"append", "<xx:a>", 2, 2, append},
    {"reverse", "<a:a>", 1, 1, reverse}, {"shuffle", "<a:a>", 1, 1, shuffle},
    {"sort", "<af?:a>", 2, 2, sort},     {"distinct", "<x:x>", 1, 1, distinct},
    {"zip", "<a+>", 0, 0, zip},
};

}  // namespace

std::span<const LibraryRow> array_functions() {
    return kRows;
}

}  // namespace flowctl::jsonata
