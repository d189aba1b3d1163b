// The evaluation of the tree's nodes. The operators are in operators.cpp.
#include <algorithm>
#include <cmath>

#include "core/jsonata/error.hpp"
#include "core/jsonata/evaluation.hpp"
#include "core/jsonata/library.hpp"
#include "core/jsonata/serialise.hpp"

namespace flowctl::jsonata {

// ------------------------------------------------------------------------------------------ making values

Value Evaluation::text(std::string_view content) {
    arena.check_text(content.size());
    auto* node = static_cast<Text*>(arena.allocate(sizeof(Text) + content.size()));
    char* characters = reinterpret_cast<char*>(node + 1);
    if (!content.empty()) std::memcpy(characters, content.data(), content.size());
    node->data = characters;
    node->size = content.size();
    node->room = nullptr;
    return Value::of_text(node);
}

Value Evaluation::adopt(json::Value value) {
    return Value::of_json(adopted_.emplace_back(std::move(value)));
}

List* Evaluation::sequence() {
    List* list = arena.make<List>();
    list->sequence = true;
    return list;
}

List* Evaluation::sequence_of(const Value& item) {
    List* list = sequence();
    list->push(arena, item);
    return list;
}

void Evaluation::flatten_into(List* list, const Value& value) {
    if (!value.is_array() || (!value.foreign && value.list->cons)) {
        list->push(arena, value);
        return;
    }
    const Items items(value);
    budget.step(items.size());
    list->reserve(arena, list->size + items.size());
    for (std::size_t i = 0; i < items.size(); ++i)
        list->push(arena, items[i]);
}

Value Evaluation::append(const Value& first, const Value& second) {
    if (first.is_undefined()) return second;
    if (second.is_undefined()) return first;
    const Items left(first);
    const Items right(second);
    budget.step(right.size());
    List* result = list();
    if (first.is_array() && !first.foreign && first.list->room != nullptr) {
        result->items = first.list->items;
        result->room = first.list->room;
        result->size = first.list->size;
        if (result->room->used != result->size || result->room->capacity < left.size() + right.size()) {
            budget.step(left.size());
        }
        result->reserve(arena, left.size() + right.size());
    } else {
        budget.step(left.size());
        result->reserve(arena, left.size() + right.size());
        for (std::size_t i = 0; i < left.size(); ++i)
            result->push(arena, left[i]);
    }
    for (std::size_t i = 0; i < right.size(); ++i)
        result->push(arena, right[i]);
    return Value::of_list(result);
}

Value Evaluation::field(const Value& input, std::string_view name) {
    budget.text(name.size());
    if (input.is_object()) {
        if (input.foreign) {
            const json::Value* found = input.json->find(name);
            return found != nullptr ? Value::of_json(*found) : Value();
        }
        const Value* found = input.object->find(name);
        return found != nullptr ? *found : Value();
    }
    if (!input.is_array()) return {};
    const Budget::Depth depth(budget);
    List* result = sequence();
    const Items items(input);
    for (std::size_t i = 0; i < items.size(); ++i) {
        budget.step();
        const Value found = field(items[i], name);
        if (found.is_undefined()) continue;
        if (found.is_array()) {
            const Items inner(found);
            budget.step(inner.size());
            for (std::size_t k = 0; k < inner.size(); ++k)
                result->push(arena, inner[k]);
        } else {
            result->push(arena, found);
        }
    }
    return Value::of_list(result);
}

int Evaluation::compare_texts(std::string_view a, std::string_view b) {
    budget.text(std::min(a.size(), b.size()));
    return compare_strings(a, b);
}

bool Evaluation::truthy(const Value& value) {
    return to_boolean(value, budget);
}

// ------------------------------------------------------------------------------------------ the walk

Value Evaluation::run(const Program& program, const json::Value* input) {
    Frame* top = arena.make<Frame>();
    Value context = input != nullptr ? Value::of_json(*input) : Value();
    top->bindings.set(arena, "$", context);
    if (context.is_array()) {
        List* wrapper = sequence_of(context);
        wrapper->outer_wrapper = true;
        context = Value::of_list(wrapper);
    }
    return evaluate(program.root, context, top);
}

Value Evaluation::lookup(std::string_view name, const Builtin* builtin, const Frame* frame) {
    for (; frame != nullptr; frame = frame->parent) {
        budget.step(1 + name.size() / 64);
        if (const Value* found = frame->bindings.find(name)) return *found;
    }
    if (const json::Value* bound = bindings_.find(name)) return Value::of_json(*bound);
    if (builtin == nullptr || (environment.flow && builtin->is_eval)) return {};
    return Value::of_function(builtin_function(builtin));
}

Value Evaluation::evaluate(const Node* node, const Value& input, Frame* frame) {
    budget.step();
    const Budget::Depth depth(budget);
    const Nesting nesting(*this);
    Value result = walk(node, input, frame);
    if (node->has_suffix) result = with_suffix(node, result, frame);
    if (result.is_sequence() && !result.list->tuple_stream) {
        if (node->keep_array) result.list->keep_singleton = true;
        if (result.list->size == 0) return {};
        if (result.list->size == 1 && !result.list->keep_singleton) return result.list->at(0);
    }
    return result;
}

Value Evaluation::with_suffix(const Node* node, Value result, Frame* frame) {
    if (!node->more) return result;
    for (const Node* predicate : node->more->predicates)
        result = filter(predicate, result, frame);
    if (node->kind != Kind::Path && node->more->group != nullptr) {
        result = group(*node->more->group, node->more->group_position, result, frame);
    }
    return result;
}

Value Evaluation::walk(const Node* node, const Value& input, Frame* frame) {
    switch (node->kind) {
        case Kind::Path:
            return path(node, input, frame);
        case Kind::Name:
            return field(input, node->text);
        case Kind::Literal:
            return node->literal;
        case Kind::Variable:
            if (node->text.empty()) {
                const bool wrapped = input.is_array() && !input.foreign && input.list->outer_wrapper;
                return wrapped ? input.list->at(0) : input;
            }
            return lookup(node->text, node->builtin, frame);
        case Kind::Binary:
            return binary(node, input, frame);
        case Kind::Call:
            if (node->thunk) {
                auto* thunk = arena.make<Function>();
                thunk->kind = Function::Kind::Thunk;
                thunk->node = node;
                thunk->input = input;
                thunk->frame = frame;
                return Value::of_function(thunk);
            }
            return call(node, input, frame, nullptr);
        case Kind::Condition:
            if (truthy(evaluate(node->left, input, frame))) return evaluate(node->right, input, frame);
            return node->other != nullptr ? evaluate(node->other, input, frame) : Value();
        case Kind::Coalesce: {
            const Value left = evaluate(node->left, input, frame);
            return left.is_undefined() ? evaluate(node->right, input, frame) : left;
        }
        case Kind::Default: {
            const Value left = evaluate(node->left, input, frame);
            return truthy(left) ? left : evaluate(node->right, input, frame);
        }
        case Kind::Block:
            return block(node, input, frame);
        case Kind::Bind: {
            const Value value = evaluate(node->right, input, frame);
            frame->bindings.set(arena, node->left->text, value);
            return value;
        }
        case Kind::ObjectOf:
            return group(node->more->pairs, node->position, input, frame);
        case Kind::Array:
            return array_of(node, input, frame);
        case Kind::Negate:
            return negate(node, input, frame);
        case Kind::Wildcard:
            return wildcard(input);
        case Kind::Descendant:
            return descendants(input);
        case Kind::Parent:
            return lookup(node->more->slot->label, nullptr, frame);
        case Kind::Apply:
            return apply_operator(node, input, frame);
        case Kind::Partial:
            return partial(node, input, frame);
        case Kind::Lambda:
        case Kind::Regex:
        case Kind::Transform: {
            auto* function = arena.make<Function>();
            function->kind = node->kind == Kind::Lambda  ? Function::Kind::Lambda
                             : node->kind == Kind::Regex ? Function::Kind::Regex
                                                         : Function::Kind::Transform;
            function->node = node;
            function->input = input;
            function->frame = frame;
            function->parameters = node->items.data();
            function->parameter_count = static_cast<std::uint32_t>(node->items.size());
            return Value::of_function(function);
        }
        default:
            return {};
    }
}

Value Evaluation::block(const Node* node, const Value& input, Frame* frame) {
    Frame* inner = arena.make<Frame>();
    inner->parent = frame;
    Value result;
    for (const Node* expression : node->items)
        result = evaluate(expression, input, inner);
    return result;
}

Value Evaluation::negate(const Node* node, const Value& input, Frame* frame) {
    const Value value = evaluate(node->left, input, frame);
    if (value.is_undefined()) return {};
    if (!is_numeric(value)) {
        throw Raised{.code = "D1002",
                     .position = node->position,
                     .token = std::string("-"),
                     .value = brief_json(value)};
    }
    return Value::of_number(-value.number());
}

Value Evaluation::array_of(const Node* node, const Value& input, Frame* frame) {
    List* result = list();
    for (const Node* item : node->items) {
        const Value value = evaluate(item, input, frame);
        if (value.is_undefined()) continue;
        if (item->kind == Kind::Array) {
            result->push(arena, value);
        } else if (value.is_array()) {
            // If the array consists of one range, it stays a range.
            if (node->items.size() == 1 && !value.foreign && value.list->is_range) {
                *result = *value.list;
                result->sequence = result->keep_singleton = false;
                break;
            }
            const Items items(value);
            budget.step(items.size());
            result->reserve(arena, result->size + items.size());
            for (std::size_t i = 0; i < items.size(); ++i)
                result->push(arena, items[i]);
        } else {
            result->push(arena, value);
        }
    }
    result->cons = node->consarray;
    return Value::of_list(result);
}

Value Evaluation::wildcard(const Value& given) {
    Value input = given;
    if (input.is_array() && !input.foreign && input.list->outer_wrapper && input.list->size > 0) {
        input = input.list->at(0);
    }
    List* result = sequence();
    const auto add = [&](const Value& value) {
        if (!value.is_array()) {
            result->push(arena, value);
            return;
        }
        // Flat to any depth. The result is not a sequence any more, because the reference concatenates
        // arrays.
        result->sequence = false;
        const auto flatten = [&](const auto& self, const Value& nested) -> void {
            budget.step();
            if (!nested.is_array()) {
                result->push(arena, nested);
                return;
            }
            const Budget::Depth depth(budget);
            const Items items(nested);
            for (std::size_t i = 0; i < items.size(); ++i)
                self(self, items[i]);
        };
        flatten(flatten, value);
    };
    if (input.is_array()) {
        const Items items(input);
        budget.step(items.size());
        for (std::size_t i = 0; i < items.size(); ++i)
            add(items[i]);
    } else {
        const Members members(input);
        budget.step(members.size());
        for (std::size_t i = 0; i < members.size(); ++i)
            add(members.value(i));
    }
    return Value::of_list(result);
}

Value Evaluation::descendants(const Value& input) {
    if (input.is_undefined()) return {};
    List* result = sequence();
    collect_descendants(input, result);
    return result->size == 1 ? result->at(0) : Value::of_list(result);
}

void Evaluation::collect_descendants(const Value& value, List* out) {
    const Budget::Depth depth(budget);
    budget.step();
    if (value.is_array()) {
        const Items items(value);
        for (std::size_t i = 0; i < items.size(); ++i)
            collect_descendants(items[i], out);
        return;
    }
    out->push(arena, value);
    const Members members(value);
    for (std::size_t i = 0; i < members.size(); ++i)
        collect_descendants(members.value(i), out);
}

}  // namespace flowctl::jsonata
