// Grouping and sorting: objects made from sequences, and sorted sequences.
#include <algorithm>

#include "core/jsonata/error.hpp"
#include "core/jsonata/evaluation.hpp"
#include "core/jsonata/serialise.hpp"

namespace flowctl::jsonata {
namespace {

// Where the reference implementation concatenates, the group grows in place, because the items belong to it
// alone.
void append_to(Evaluation& evaluation, Value& data, bool& owned, const Value& more) {
    if (more.is_undefined()) return;
    if (data.is_undefined()) {
        data = more;
        return;
    }
    if (!owned) {
        List* list = evaluation.list();
        const Items items(data);
        evaluation.budget.step(items.size());
        for (std::size_t i = 0; i < items.size(); ++i)
            list->push(evaluation.arena, items[i]);
        data = Value::of_list(list);
        owned = true;
    }
    const Items items(more);
    evaluation.budget.step(items.size());
    for (std::size_t i = 0; i < items.size(); ++i)
        data.list->push(evaluation.arena, items[i]);
}

}  // namespace

Value Evaluation::reduce_tuples(const Value& tuples) {
    if (!tuples.is_array()) return tuples;
    auto* merged = arena.make<Object>();
    std::vector<bool> owned;
    for (std::uint32_t t = 0; t < tuples.list->size; ++t) {
        const Object& tuple = *tuples.list->at(t).object;
        for (std::uint32_t i = 0; i < tuple.size; ++i) {
            const auto& [key, value] = tuple.entries[i];
            budget.step(1 + key.size() / 64);
            Value* slot = merged->find(key);
            if (slot == nullptr) {
                merged->set(arena, key, value);
                owned.push_back(false);
                continue;
            }
            const std::size_t e = merged->index_of(slot);
            bool is_owned = owned[e];
            append_to(*this, *slot, is_owned, value);
            owned[e] = is_owned;
        }
    }
    return Value::of_object(merged);
}

Value Evaluation::group(const std::vector<Pair>& pairs, std::size_t position, const Value& input,
                        Frame* frame) {
    struct Group {
        std::string_view key;
        Value data;
        std::size_t pair;
        bool owned;
    };
    std::vector<Group> groups;
    Object positions;  // the index in `groups` by key, once there are several items
    const bool reduce = input.is_tuple_stream();
    const Items items(input);
    // A literal object is made even without items.
    const std::size_t count = std::max<std::size_t>(items.size(), 1);
    groups.reserve(pairs.size());

    for (std::size_t i = 0; i < count; ++i) {
        const Value item = i < items.size() ? items[i] : Value();
        const bool is_tuple = reduce && item.is_object();
        Frame* scope = is_tuple ? frame_of_tuple(frame, item) : frame;
        const Value context = is_tuple ? item.object->entries[0].value : item;
        for (std::size_t p = 0; p < pairs.size(); ++p) {
            const Value key = evaluate(pairs[p].key, context, scope);
            if (key.is_undefined()) continue;
            if (!key.is_string()) {
                throw Raised{.code = "T1003", .position = position, .value = brief_json(key)};
            }
            budget.text(key.string().size());
            const Value* known = positions.find(key.string());
            if (known == nullptr) {
                positions.set(arena, key.string(), Value::of_number(static_cast<double>(groups.size())));
                groups.push_back({key.string(), item, p, false});
                continue;
            }
            Group& group = groups[static_cast<std::size_t>(known->real)];
            if (group.pair != p) {
                throw Raised{.code = "D1009", .position = position, .value = brief_json(key)};
            }
            append_to(*this, group.data, group.owned, item);
        }
    }

    auto* result = arena.make<Object>();
    for (const Group& group : groups) {
        Value context = group.data;
        Frame* scope = frame;
        if (reduce && (context.is_object() || context.is_array())) {
            const Value merged = reduce_tuples(context);
            scope = frame_of_tuple(frame, merged);
            context = merged.object->entries[0].value;
        }
        const Value value = evaluate(pairs[group.pair].value, context, scope);
        if (!value.is_undefined()) result->set(arena, group.key, value);
    }
    return Value::of_object(result);
}

List* Evaluation::sort(const Node* node, const Value& input, Frame* frame) {
    const Items items(input);
    const bool tuples = input.is_tuple_stream();
    const std::size_t terms = node->items.size();
    // An item and its sort terms, which are evaluated once.
    struct Row {
        Value item;
        const Value* keys;
    };
    budget.bytes(items.size() * sizeof(Row));
    std::vector<Row> rows(items.size());
    List* order = list();
    order->reserve(arena, items.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
        const Value item = items[i];
        auto* keys = arena.array<Value>(terms);
        rows[i] = {item, keys};
        order->push(arena, Value::of_number(static_cast<double>(i)));
        if (items.size() < 2) continue;
        Frame* scope = tuples ? frame_of_tuple(frame, item) : frame;
        const Value context = tuples ? item.object->entries[0].value : item;
        for (std::size_t t = 0; t < terms; ++t)
            keys[t] = evaluate(node->items[t], context, scope);
    }
    const auto swap = [&](const Value& left, const Value& right) {
        const Row& a = rows[static_cast<std::size_t>(left.real)];
        const Row& b = rows[static_cast<std::size_t>(right.real)];
        for (std::size_t t = 0; t < terms; ++t) {
            budget.step();
            const Value& x = a.keys[t];
            const Value& y = b.keys[t];
            if (x.is_undefined() || y.is_undefined()) {
                if (x.is_undefined() && y.is_undefined()) continue;
                return x.is_undefined();  // undefined comes last, in either direction
            }
            const auto sortable = [](const Value& v) { return v.is_string() || v.is_number(); };
            if (!sortable(x) || !sortable(y)) {
                throw Raised{
                    .code = "T2008", .position = node->position, .value = brief_json(sortable(x) ? y : x)};
            }
            if (x.type != y.type) {
                throw Raised{.code = "T2007",
                             .position = node->position,
                             .value = brief_json(x),
                             .value2 = brief_json(y)};
            }
            int comparison = 0;
            if (x.is_number()) {
                comparison = x.number() < y.number() ? -1 : x.number() > y.number() ? 1 : 0;
            } else {
                comparison = compare_texts(x.string(), y.string());
            }
            if (comparison != 0) return (comparison > 0) != node->more->descending[t];
        }
        return false;
    };
    const List* sorted = merge_sort(Items(Value::of_list(order)), swap);
    List* result = list();
    result->reserve(arena, rows.size());
    for (std::uint32_t i = 0; i < sorted->size; ++i)
        result->push(arena, rows[static_cast<std::size_t>(sorted->at(i).real)].item);
    return result;
}

}  // namespace flowctl::jsonata
