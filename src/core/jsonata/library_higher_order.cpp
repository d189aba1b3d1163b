// Functions that take functions.
#include "core/jsonata/error.hpp"
#include "core/jsonata/library.hpp"

namespace flowctl::jsonata {
namespace {

Value index_value(std::size_t i) {
    return Value::of_number(static_cast<double>(i));
}

Value map(const Call& call) {
    if (!call.has(0)) return {};
    Evaluation& evaluation = call.evaluation;
    List* result = evaluation.sequence();
    const Items items(call.at(0));
    for (std::size_t i = 0; i < items.size(); ++i) {
        const Value mapped =
            evaluation.call_with_as_many(call.function(1), items[i], index_value(i), call.at(0));
        if (!mapped.is_undefined()) result->push(evaluation.arena, mapped);
    }
    return Value::of_list(result);
}

Value filter(const Call& call) {
    if (!call.has(0)) return {};
    Evaluation& evaluation = call.evaluation;
    List* result = evaluation.sequence();
    const Items items(call.at(0));
    for (std::size_t i = 0; i < items.size(); ++i) {
        const Value item = items[i];
        if (evaluation.truthy(
                evaluation.call_with_as_many(call.function(1), item, index_value(i), call.at(0)))) {
            result->push(evaluation.arena, item);
        }
    }
    return Value::of_list(result);
}

Value single(const Call& call) {
    if (!call.has(0)) return {};
    Evaluation& evaluation = call.evaluation;
    Value result;
    bool found = false;
    const Items items(call.at(0));
    for (std::size_t i = 0; i < items.size(); ++i) {
        const Value item = items[i];
        evaluation.budget.step();
        const bool wanted = !call.has(1) || evaluation.truthy(evaluation.call_with_as_many(
                                                call.function(1), item, index_value(i), call.at(0)));
        if (!wanted) continue;
        if (found) throw Raised{.code = "D3138", .index = i};
        found = true;
        result = item;
    }
    if (!found) throw Raised{.code = "D3139"};
    return result;
}

Value reduce(const Call& call) {
    if (!call.has(0)) return {};
    Evaluation& evaluation = call.evaluation;
    Function* function = call.function(1);
    const unsigned arity = evaluation.arity_of(function);
    if (arity < 2) throw Raised{.code = "D3050", .index = 1};
    const Items items(call.at(0));
    Value result = call.at(2);
    std::size_t i = 0;
    if (result.is_undefined() && items.size() > 0) result = items[i++];
    for (; i < items.size(); ++i) {
        if (arity >= 4) {
            result = evaluation.call_back(function, {result, items[i], index_value(i), call.at(0)});
        } else if (arity == 3) {
            result = evaluation.call_back(function, {result, items[i], index_value(i)});
        } else {
            result = evaluation.call_back(function, {result, items[i]});
        }
    }
    return result;
}

Value each(const Call& call) {
    Evaluation& evaluation = call.evaluation;
    List* result = evaluation.sequence();
    const Value object = call.at(0);
    const Members members(object);
    for (std::size_t i = 0; i < members.size(); ++i) {
        const Value value = evaluation.call_with_as_many(call.function(1), members.value(i),
                                                         evaluation.text(members.key(i)), object);
        if (!value.is_undefined()) result->push(evaluation.arena, value);
    }
    return Value::of_list(result);
}

Value sift(const Call& call) {
    Evaluation& evaluation = call.evaluation;
    auto* result = evaluation.arena.make<Object>();
    const Value object = call.at(0);
    const Members members(object);
    for (std::size_t i = 0; i < members.size(); ++i) {
        const Value kept = evaluation.call_with_as_many(call.function(1), members.value(i),
                                                        evaluation.text(members.key(i)), object);
        if (evaluation.truthy(kept)) result->set(evaluation.arena, members.key(i), members.value(i));
    }
    return result->size > 0 ? Value::of_object(result) : Value();
}

constexpr LibraryRow kRows[] = {
    {"map", "<af>", 2, 2, map},           {"filter", "<af>", 2, 2, filter}, {"single", "<af?>", 2, 2, single},
    {"reduce", "<afj?:j>", 3, 3, reduce}, {"each", "<o-f:a>", 2, 2, each},  {"sift", "<o-f?:o>", 2, 2, sift},
};

}  // namespace

std::span<const LibraryRow> higher_order_functions() {
    return kRows;
}

}  // namespace flowctl::jsonata
