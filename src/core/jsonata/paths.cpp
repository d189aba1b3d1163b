// Paths: steps over sequences, predicates, and tuples.
//
// Most paths look up names in objects, one value at a time. So the sequence between two steps is a single
// value as long as there is only one, and a list only from then on. A tuple stream has, for each context
// item, the variables that '@', '#' and '%' have bound on the way.
#include <cmath>

#include "core/jsonata/evaluation.hpp"
#include "core/jsonata/serialise.hpp"

namespace flowctl::jsonata {
namespace {

constexpr std::string_view kContext = "@";

bool is_empty(const Value& value) {
    return value.is_undefined() || (value.is_array() && Items(value).size() == 0);
}

const Value& context_of(const Value& tuple) {
    return tuple.object->entries[0].value;
}

bool has_stages(const Node* step) {
    return step->more && !step->more->stages.empty();
}

}  // namespace

Value Evaluation::path(const Node* node, const Value& input, Frame* frame) {
    const std::vector<Node*>& steps = node->items;
    StepResult current{input, !(input.is_array() && steps.front()->kind != Kind::Variable)};
    List* tuples = nullptr;
    bool is_tuple = false;
    StepResult result;
    for (std::size_t i = 0; i < steps.size(); ++i) {
        const Node* step = steps[i];
        if (step->tuple) is_tuple = true;
        if (i == 0 && step->consarray) {
            const Value whole = current.single ? Value::of_list(sequence_of(current.value)) : current.value;
            result = {evaluate(step, whole, frame), false};
        } else if (is_tuple) {
            tuples = tuple_step(step, current, tuples, frame);
        } else {
            result = this->step(step, current, frame, i + 1 == steps.size());
        }
        if (!is_tuple && !result.single && is_empty(result.value)) break;
        if (!step->more || step->more->focus.empty()) current = result;
    }

    Value value;
    if (is_tuple) {
        if (node->tuple) {
            value = Value::of_list(tuples);
        } else {
            List* items = sequence();
            budget.step(tuples->size);
            for (std::uint32_t i = 0; i < tuples->size; ++i)
                items->push(arena, context_of(tuples->at(i)));
            value = Value::of_list(items);
        }
    } else if (result.single) {
        const bool bare = !node->keep_singleton && !node->has_suffix;
        if (bare) return result.value;
        value = Value::of_list(sequence_of(result.value));
    } else {
        value = result.value.is_undefined() ? Value::of_list(sequence()) : result.value;
    }
    if (node->keep_singleton && value.is_array() && !value.foreign) {
        if (value.list->cons && !value.list->sequence) value = Value::of_list(sequence_of(value));
        value.list->keep_singleton = true;
    }
    if (node->more && node->more->group != nullptr) {
        return group(*node->more->group, node->more->group_position,
                     is_tuple ? Value::of_list(tuples) : value, frame);
    }
    return value;
}

// The result of a step for one item.
Value Evaluation::step_value(const Node* step, const Value& item, Frame* frame) {
    if (step->plain_name) {
        budget.step();
        Value found = field(item, step->text);
        // The result of a lookup in an array is a sequence, which unwraps.
        if (found.is_sequence()) {
            if (found.list->size == 0) return {};
            if (found.list->size == 1 && !found.list->keep_singleton) return found.list->at(0);
        }
        return found;
    }
    Value result = evaluate(step, item, frame);
    if (has_stages(step)) {
        for (const Stage& stage : step->more->stages)
            result = filter(stage.filter, result, frame);
    }
    return result;
}

Evaluation::StepResult Evaluation::step(const Node* step, const StepResult& input, Frame* frame, bool last) {
    if (step->kind == Kind::Sort) {
        const Value whole = input.single ? Value::of_list(sequence_of(input.value)) : input.value;
        List* sorted = sort(step, whole, frame);
        sorted->sequence = sorted->size == 1;  // a single item unwraps
        return {stages(step, Value::of_list(sorted), frame), false};
    }
    Value first;
    List* list = nullptr;
    std::size_t count = 0;
    const auto add = [&](const Value& value) {
        if (value.is_undefined()) return;
        if (++count == 1) {
            first = value;
            return;
        }
        if (count == 2) {
            list = sequence();
            flatten_into(list, first);
        }
        flatten_into(list, value);
    };
    if (input.single) {
        add(step_value(step, input.value, frame));
    } else {
        const Items items(input.value);
        for (std::size_t i = 0; i < items.size(); ++i)
            add(step_value(step, items[i], frame));
    }
    if (count == 0) return {};
    if (count > 1) return {Value::of_list(list), false};
    if (!first.is_array()) return {first, true};
    if (last && !first.is_sequence()) return {first, false};
    if (!first.foreign && first.list->cons) return {first, true};
    // Only the last step's sequence is kept; of an earlier one only the items matter.
    if (!last) return is_empty(first) ? StepResult() : StepResult{first, false};
    List* copy = sequence();
    flatten_into(copy, first);
    return {Value::of_list(copy), false};
}

// ------------------------------------------------------------------------------------------ predicates

Value Evaluation::filter(const Node* predicate, const Value& input, Frame* frame) {
    if (input.is_undefined()) return {};
    const Items items(input);
    List* results = sequence();
    const bool tuples = input.is_tuple_stream();
    results->tuple_stream = tuples;
    const auto wanted = [&](double index) {
        index = std::floor(index);
        return index < 0 ? static_cast<double>(items.size()) + index : index;
    };
    if (predicate->kind == Kind::Literal && predicate->literal.is_number() && !predicate->has_suffix) {
        const double index = wanted(predicate->literal.number());
        if (index < 0 || index >= static_cast<double>(items.size())) return Value::of_list(results);
        const Value item = items[static_cast<std::size_t>(index)];
        if (item.is_array()) return item;
        results->push(arena, item);
        return Value::of_list(results);
    }
    for (std::size_t i = 0; i < items.size(); ++i) {
        const Value item = items[i];
        const Value verdict = tuples ? evaluate(predicate, context_of(item), frame_of_tuple(frame, item))
                                     : evaluate(predicate, item, frame);
        if (verdict.type == Type::Bool) {
            if (verdict.boolean) results->push(arena, item);
            continue;
        }
        if (is_numeric(verdict)) {
            if (wanted(verdict.number()) == static_cast<double>(i)) results->push(arena, item);
            continue;
        }
        if (verdict.is_array()) {
            const Items indexes(verdict);
            bool numbers = true;
            budget.step(indexes.size());
            for (std::size_t k = 0; numbers && k < indexes.size(); ++k)
                numbers = is_numeric(indexes[k]);
            if (numbers) {
                for (std::size_t k = 0; k < indexes.size(); ++k) {
                    if (wanted(indexes[k].number()) == static_cast<double>(i)) results->push(arena, item);
                }
                continue;
            }
        }
        if (truthy(verdict)) results->push(arena, item);
    }
    return Value::of_list(results);
}

Value Evaluation::stages(const Node* step, Value result, Frame* frame) {
    if (!has_stages(step)) return result;
    for (const Stage& stage : step->more->stages) {
        if (stage.filter != nullptr) {
            result = filter(stage.filter, result, frame);
            continue;
        }
        if (!result.is_tuple_stream()) continue;
        budget.step(result.list->size);
        for (std::uint32_t i = 0; i < result.list->size; ++i)
            result.list->at(i).object->set(arena, stage.index, Value::of_number(i));
    }
    return result;
}

// ------------------------------------------------------------------------------------------ tuples

Frame* Evaluation::frame_of_tuple(Frame* frame, const Value& tuple) {
    Frame* inner = arena.make<Frame>();
    inner->parent = frame;
    // The members of the tuple are the variables. A binding made in this scope must not change the tuple.
    const Object& object = *tuple.object;
    budget.step(object.size);
    for (std::uint32_t i = 0; i < object.size; ++i)
        inner->bindings.set(arena, object.entries[i].key, object.entries[i].value);
    return inner;
}

List* Evaluation::tuple_step(const Node* step, const StepResult& input, List* tuples, Frame* frame) {
    const auto tuple_of = [&](const Value& item) {
        auto* tuple = arena.make<Object>();
        tuple->set(arena, kContext, item);
        return tuple;
    };
    List* result = sequence();
    result->tuple_stream = true;
    const std::string_view index = step->more ? step->more->index : std::string_view();
    const auto staged = [&] {
        const Value value = stages(step, Value::of_list(result), frame);
        return value.is_tuple_stream() ? value.list : result;
    };
    if (step->kind == Kind::Sort) {
        if (tuples != nullptr) {
            result = sort(step, Value::of_list(tuples), frame);
            result->sequence = result->tuple_stream = true;
            return staged();
        }
        const Value whole = input.single ? Value::of_list(sequence_of(input.value)) : input.value;
        const List* sorted = sort(step, whole, frame);
        budget.step(sorted->size);
        for (std::uint32_t i = 0; i < sorted->size; ++i) {
            Object* tuple = tuple_of(sorted->at(i));
            if (!index.empty()) tuple->set(arena, index, Value::of_number(i));
            result->push(arena, Value::of_object(tuple));
        }
        return staged();
    }
    if (tuples == nullptr) {
        tuples = sequence();
        if (input.single) {
            tuples->push(arena, Value::of_object(tuple_of(input.value)));
        } else {
            const Items items(input.value);
            for (std::size_t i = 0; i < items.size(); ++i)
                tuples->push(arena, Value::of_object(tuple_of(items[i])));
        }
    }
    for (std::uint32_t t = 0; t < tuples->size; ++t) {
        const Value before = tuples->at(t);
        const Value found = evaluate(step, context_of(before), frame_of_tuple(frame, before));
        if (found.is_undefined()) continue;
        const Items items(found);
        for (std::size_t i = 0; i < items.size(); ++i) {
            auto* tuple = arena.make<Object>();
            const Object& old = *before.object;
            budget.step(1 + old.size);
            for (std::uint32_t k = 0; k < old.size; ++k)
                tuple->set(arena, old.entries[k].key, old.entries[k].value);
            if (found.is_tuple_stream()) {
                const Object& inner = *items[i].object;
                budget.step(inner.size);
                for (std::uint32_t k = 0; k < inner.size; ++k)
                    tuple->set(arena, inner.entries[k].key, inner.entries[k].value);
            } else {
                if (step->more && !step->more->focus.empty()) {
                    tuple->set(arena, step->more->focus, items[i]);
                } else {
                    tuple->set(arena, kContext, items[i]);
                }
                if (!index.empty()) tuple->set(arena, index, Value::of_number(static_cast<double>(i)));
                if (step->more && step->more->ancestor != nullptr) {
                    tuple->set(arena, step->more->ancestor->label, context_of(before));
                }
            }
            result->push(arena, Value::of_object(tuple));
        }
    }
    return staged();
}

}  // namespace flowctl::jsonata
