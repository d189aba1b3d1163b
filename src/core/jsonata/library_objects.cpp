// Functions over objects, and over values of any type.
#include "core/jsonata/error.hpp"
#include "core/jsonata/library.hpp"
#include "core/jsonata/serialise.hpp"

namespace flowctl::jsonata {
namespace {

void collect_keys(Evaluation& evaluation, const Value& value, Object& keys) {
    evaluation.budget.step();
    if (value.is_array()) {
        const Budget::Depth depth(evaluation.budget);
        const Items items(value);
        for (std::size_t i = 0; i < items.size(); ++i)
            collect_keys(evaluation, items[i], keys);
        return;
    }
    const Members members(value);
    evaluation.budget.step(members.size());
    for (std::size_t i = 0; i < members.size(); ++i)
        keys.set(evaluation.arena, members.key(i), Value::of_bool(true));
}

Value keys(const Call& call) {
    Object all;
    collect_keys(call.evaluation, call.at(0), all);
    List* result = call.evaluation.sequence();
    for (std::uint32_t i = 0; i < all.size; ++i)
        result->push(call.evaluation.arena, call.evaluation.text(all.entries[i].key));
    return Value::of_list(result);
}

Value lookup(const Call& call) {
    if (!call.has(1)) return {};
    return call.evaluation.field(call.at(0), call.at(1).string());
}

void spread_into(Evaluation& evaluation, const Value& value, List* out) {
    evaluation.budget.step();
    if (value.is_array()) {
        const Budget::Depth depth(evaluation.budget);
        const Items items(value);
        for (std::size_t i = 0; i < items.size(); ++i)
            spread_into(evaluation, items[i], out);
        return;
    }
    if (!value.is_object()) {
        if (!value.is_undefined()) out->push(evaluation.arena, value);
        return;
    }
    const Members members(value);
    evaluation.budget.step(members.size());
    for (std::size_t i = 0; i < members.size(); ++i) {
        auto* one = evaluation.arena.make<Object>();
        one->set(evaluation.arena, members.key(i), members.value(i));
        out->push(evaluation.arena, Value::of_object(one));
    }
}

Value spread(const Call& call) {
    if (!call.at(0).is_array() && !call.at(0).is_object()) return call.at(0);
    List* result = call.evaluation.sequence();
    spread_into(call.evaluation, call.at(0), result);
    return Value::of_list(result);
}

Value merge(const Call& call) {
    if (!call.has(0)) return {};
    Evaluation& evaluation = call.evaluation;
    auto* result = evaluation.arena.make<Object>();
    const Items items(call.at(0));
    for (std::size_t i = 0; i < items.size(); ++i) {
        const Value item = items[i];
        const Members members(item);
        evaluation.budget.step(members.size() + 1);
        for (std::size_t k = 0; k < members.size(); ++k)
            result->set(evaluation.arena, members.key(k), members.value(k));
    }
    return Value::of_object(result);
}

Value boolean(const Call& call) {
    return call.has(0) ? Value::of_bool(call.evaluation.truthy(call.at(0))) : Value();
}

Value negation(const Call& call) {
    return call.has(0) ? Value::of_bool(!call.evaluation.truthy(call.at(0))) : Value();
}

Value exists(const Call& call) {
    return Value::of_bool(call.has(0));
}

Value type(const Call& call) {
    const Value value = call.at(0);
    switch (value.type) {
        case Type::Undefined:
            return {};
        case Type::Null:
            return call.evaluation.text("null");
        case Type::Bool:
            return call.evaluation.text("boolean");
        case Type::Number:
            return call.evaluation.text(is_numeric(value) ? "number" : "object");
        case Type::String:
            return call.evaluation.text("string");
        case Type::Array:
            return call.evaluation.text("array");
        case Type::Object:
            return call.evaluation.text("object");
        case Type::Function:
            return call.evaluation.text("function");
    }
    return {};
}

std::string message_or(const Value& given, const char* otherwise) {
    return given.is_string() && !given.string().empty() ? std::string(given.string()) : otherwise;
}

Value error(const Call& call) {
    throw Raised{.code = "D3137", .message = message_or(call.at(0), "$error() function evaluated")};
}

Value assertion(const Call& call) {
    if (call.at(0).type == Type::Bool && call.at(0).boolean) return {};
    throw Raised{.code = "D3141", .message = message_or(call.at(1), "$assert() statement failed")};
}

Value clone_of(const Call& call) {
    // No copy is needed, because values never change except in a transform, which copies them first.
    return call.at(0);
}

constexpr LibraryRow kRows[] = {
    {"keys", "<x-:a<s>>", 1, 1, keys},      {"lookup", "<x-s:x>", 2, 2, lookup},
    {"spread", "<x-:a<o>>", 1, 1, spread},  {"merge", "<a<o>:o>", 1, 1, merge},
    {"boolean", "<x-:b>", 1, 1, boolean},   {"not", "<x-:b>", 1, 1, negation},
    {"exists", "<x:b>", 1, 1, exists},      {"type", "<x:s>", 1, 1, type},
    {"error", "<s?:x>", 1, 1, error},       {"assert", "<bs?:x>", 2, 2, assertion},
    {"clone", "<(oa)-:o>", 1, 1, clone_of},
};

}  // namespace

std::span<const LibraryRow> object_functions() {
    return kRows;
}

}  // namespace flowctl::jsonata
