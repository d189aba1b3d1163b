// Functions: calls, tail calls, partial application, the apply operator, and the functions that operators
// make.
#include <algorithm>

#include "core/jsonata/error.hpp"
#include "core/jsonata/evaluation.hpp"
#include "core/jsonata/library.hpp"
#include "core/jsonata/serialise.hpp"
#include "core/jsonata/text.hpp"

namespace flowctl::jsonata {
namespace {

// The name of a call's procedure in errors.
std::string_view procedure_name(const Node* procedure) {
    return procedure->kind == Kind::Path ? procedure->items.front()->text : procedure->text;
}

const Signature* signature_of(const Function* function) {
    if (function->kind == Function::Kind::Builtin) return function->builtin->signature.get();
    if (function->kind == Function::Kind::Lambda && function->checked && function->node->more) {
        return function->node->more->signature.get();
    }
    return nullptr;
}

void blame(Raised& raised, const Node* call) {
    raised.position = call->position;
    if (!raised.token) raised.token = std::string(procedure_name(call->left));
}

}  // namespace

Function* Evaluation::builtin_function(const Builtin* builtin) {
    auto* function = arena.make<Function>();
    function->kind = Function::Kind::Builtin;
    function->builtin = builtin;
    return function;
}

Value Evaluation::call(const Node* node, const Value& input, Frame* frame, const Value* first) {
    const Node* procedure = node->left;
    const Value target = evaluate(procedure, input, frame);
    if (target.is_undefined() && procedure->kind == Kind::Path) {
        const std::string_view name = procedure->items.front()->text;
        if (!lookup(name, find_builtin(name), frame).is_undefined()) {
            throw Raised{.code = "T1005", .position = node->position, .token = std::string(name)};
        }
    }
    Arguments arguments;
    arguments.reserve(node->items.size() + 1);
    if (first != nullptr) arguments.push_back(*first);
    for (const Node* argument : node->items)
        arguments.push_back(evaluate(argument, input, frame));
    if (!target.is_function()) {
        Raised raised{.code = "T1006"};
        blame(raised, node);
        throw raised;
    }
    return apply(target.function, arguments, input, frame, node);
}

Value Evaluation::apply(Function* function, Arguments& arguments, const Value& input, Frame* frame,
                        const Node* call) {
    const Budget::Depth depth(budget);
    try {
        Value result = apply_once(function, arguments, input, frame);
        // The call at the end of a lambda is made from here, so it takes no stack.
        while (result.is_function() && result.function->kind == Function::Kind::Thunk) {
            budget.step();
            const Function* thunk = result.function;
            call = thunk->node;
            const Value next = evaluate(call->left, thunk->input, thunk->frame);
            Arguments next_arguments;
            next_arguments.reserve(call->items.size());
            for (const Node* argument : call->items)
                next_arguments.push_back(evaluate(argument, thunk->input, thunk->frame));
            if (!next.is_function()) throw Raised{.code = "T1006"};
            arguments = std::move(next_arguments);
            result = apply_once(next.function, arguments, input, frame);
        }
        return result;
    } catch (Raised& raised) {
        if (call != nullptr) blame(raised, call);
        throw;
    }
}

Value Evaluation::apply_once(Function* function, Arguments& arguments, const Value& input, Frame* frame) {
    if (const Signature* signature = signature_of(function)) validate(*signature, arguments, input, arena);
    switch (function->kind) {
        case Function::Kind::Lambda: {
            Frame* scope = arena.make<Frame>();
            scope->parent = function->frame;
            for (std::uint32_t i = 0; i < function->parameter_count; ++i) {
                scope->bindings.set(arena, function->parameters[i]->text,
                                    i < arguments.size() ? arguments[i] : Value());
            }
            return evaluate(function->node->right, function->input, scope);
        }
        case Function::Kind::Builtin:
            return function->builtin->row.run({*this, arguments, input, frame});
        case Function::Kind::Partial:
            return call_partial(function, arguments, frame);
        case Function::Kind::Chain: {
            Arguments inner{arguments.empty() ? Value() : arguments[0]};
            Arguments outer{apply(function->first, inner, Value::null(), frame)};
            return apply(function->second, outer, Value::null(), frame);
        }
        case Function::Kind::Regex:
            if (arguments.empty() || !arguments[0].is_string()) return {};
            return match_regex(function, arguments[0], 0);
        case Function::Kind::NextMatch: {
            if (function->offset >= function->subject.string().size()) return {};
            const Value next = match_regex(function, function->subject, function->offset);
            if (next.is_object() && next.object->find("match")->string().empty()) {
                throw Raised{.code = "D1004",
                             .position = function->node->position,
                             .value = quoted(function->node->more->regex->pattern())};
            }
            return next;
        }
        case Function::Kind::Transform:
            return transform(function, arguments.empty() ? Value() : arguments[0]);
        case Function::Kind::Thunk:
            break;
    }
    return {};
}

Value Evaluation::call_back(Function* function, std::initializer_list<Value> arguments) {
    Arguments list(arguments);
    return apply(function, list, Value::null(), nullptr);
}

unsigned Evaluation::arity_of(const Function* function) const {
    switch (function->kind) {
        case Function::Kind::Lambda:
            return function->parameter_count;
        case Function::Kind::Builtin:
            return function->builtin->row.arity;
        case Function::Kind::Partial:
            return static_cast<unsigned>(
                std::count(function->holes, function->holes + function->argument_count, true));
        case Function::Kind::Regex:
            return 2;
        case Function::Kind::NextMatch:
        case Function::Kind::Thunk:
            return 0;
        case Function::Kind::Chain:
        case Function::Kind::Transform:
            return 1;
    }
    return 0;
}

Value Evaluation::call_with_as_many(Function* function, const Value& first, const Value& second,
                                    const Value& third) {
    const unsigned arity = arity_of(function);
    if (arity >= 3) return call_back(function, {first, second, third});
    if (arity == 2) return call_back(function, {first, second});
    return call_back(function, {first});
}

// ------------------------------------------------------------------------------------------ partial application

Value Evaluation::partial(const Node* node, const Value& input, Frame* frame) {
    const std::size_t given = node->items.size();
    auto* arguments = arena.array<Value>(given);
    auto* holes = arena.array<bool>(given);
    for (std::size_t i = 0; i < given; ++i) {
        holes[i] = node->items[i]->kind == Kind::Placeholder;
        arguments[i] = holes[i] ? Value() : evaluate(node->items[i], input, frame);
    }
    const Node* procedure = node->left;
    const Value target = evaluate(procedure, input, frame);
    const std::string_view name = procedure_name(procedure);
    if (target.is_undefined() && procedure->kind == Kind::Path &&
        !lookup(name, find_builtin(name), frame).is_undefined()) {
        throw Raised{.code = "T1007", .position = node->position, .token = std::string(name)};
    }
    if (!target.is_function()) {
        throw Raised{.code = "T1008", .position = node->position, .token = std::string(name)};
    }
    Function* function = target.function;
    auto* result = arena.make<Function>();
    if (function->kind == Function::Kind::Lambda) {
        // Makes a lambda with the parameters that are left, in a scope that holds the others.
        Frame* scope = arena.make<Frame>();
        scope->parent = function->frame;
        auto* left = arena.array<const Node*>(function->parameter_count);
        std::uint32_t count = 0;
        for (std::uint32_t i = 0; i < function->parameter_count; ++i) {
            if (i < given && holes[i]) {
                left[count++] = function->parameters[i];
            } else {
                scope->bindings.set(arena, function->parameters[i]->text, i < given ? arguments[i] : Value());
            }
        }
        *result = *function;
        result->frame = scope;
        result->parameters = left;
        result->parameter_count = count;
        result->checked = false;
        return Value::of_function(result);
    }
    result->kind = Function::Kind::Partial;
    result->first = function;
    result->arguments = arguments;
    result->holes = holes;
    result->argument_count = static_cast<std::uint32_t>(given);
    return Value::of_function(result);
}

// The given arguments fill the holes in order.
Value Evaluation::call_partial(Function* function, const Arguments& arguments, Frame* frame) {
    Arguments all;
    std::size_t next = 0;
    for (std::uint32_t i = 0; i < function->argument_count; ++i) {
        if (!function->holes[i]) {
            all.push_back(function->arguments[i]);
        } else {
            all.push_back(next < arguments.size() ? arguments[next] : Value());
            ++next;
        }
    }
    return apply(function->first, all, Value::null(), frame);
}

Value Evaluation::apply_operator(const Node* node, const Value& input, Frame* frame) {
    const Value left = evaluate(node->left, input, frame);
    if (node->right->kind == Kind::Call) return call(node->right, input, frame, &left);
    const Value target = evaluate(node->right, input, frame);
    if (!target.is_function()) {
        throw Raised{.code = "T2006", .position = node->position, .value = brief_json(target)};
    }
    if (left.is_function()) {
        auto* chain = arena.make<Function>();
        chain->kind = Function::Kind::Chain;
        chain->first = left.function;
        chain->second = target.function;
        return Value::of_function(chain);
    }
    Arguments arguments{left};
    return apply(target.function, arguments, Value::null(), frame);
}

// ------------------------------------------------------------------------------------------ functions of operators

// The result of a call of a regular expression: the match, and the function that finds the next one.
Value Evaluation::match_regex(const Function* function, const Value& subject, std::size_t from) {
    const std::string_view text_of = subject.string();
    Match match;
    if (!function->node->more->regex->find(text_of, from, budget, match)) return {};
    const auto part = [&](std::size_t start, std::size_t end) {
        return text(text_of.substr(start, end - start));
    };
    List* groups = list();
    for (std::size_t i = 1; i <= match.groups(); ++i) {
        const std::size_t start = match.bounds[2 * i];
        const std::size_t end = match.bounds[2 * i + 1];
        groups->push(arena, start == Match::kNone || end == Match::kNone ? Value() : part(start, end));
    }
    auto* next = arena.make<Function>();
    next->kind = Function::Kind::NextMatch;
    next->node = function->node;
    next->subject = subject;
    next->offset = match.end();
    budget.step(match.end() / 64);
    auto* result = arena.make<Object>();
    result->set(arena, "match", part(match.start(), match.end()));
    result->set(arena, "start",
                Value::of_number(static_cast<double>(utf16_length(text_of.substr(0, match.start())))));
    result->set(arena, "end",
                Value::of_number(static_cast<double>(utf16_length(text_of.substr(0, match.end())))));
    result->set(arena, "groups", Value::of_list(groups));
    result->set(arena, "next", Value::of_function(next));
    return Value::of_object(result);
}

// A copy that may be changed in place.
Value Evaluation::clone(const Value& value) {
    const Budget::Depth depth(budget);
    budget.step();
    if (value.is_array()) {
        const Items items(value);
        List* copy = list();
        copy->reserve(arena, items.size());
        for (std::size_t i = 0; i < items.size(); ++i)
            copy->push(arena, clone(items[i]));
        return Value::of_list(copy);
    }
    if (value.is_object()) {
        const Members members(value);
        auto* copy = arena.make<Object>();
        for (std::size_t i = 0; i < members.size(); ++i)
            copy->set(arena, members.key(i), clone(members.value(i)));
        return Value::of_object(copy);
    }
    return value.is_function() ? text("") : value;
}

Value Evaluation::transform(const Function* function, const Value& object) {
    if (object.is_undefined()) return {};
    const Node* node = function->node;
    if (!object.is_array() && !object.is_object()) {
        throw Raised{.code = "T0410", .position = node->position, .value = brief_json(object), .index = 1};
    }
    const Value cloner = lookup("clone", find_builtin("clone"), function->frame);
    if (!cloner.is_function()) throw Raised{.code = "T2013", .position = node->position};
    Value result;
    if (cloner.function->kind == Function::Kind::Builtin) {
        result = clone(object);
    } else {
        Arguments arguments{object};
        // A clone made by the user's function may share parts with the input, which must not change. So it is
        // cloned once more.
        result = clone(apply(cloner.function, arguments, Value::null(), function->frame));
    }
    const Value matches = evaluate(node->left, result, function->frame);
    const Items items(matches);
    for (std::size_t i = 0; i < items.size(); ++i) {
        const Value match = items[i];
        const bool changeable = match.is_object() && !match.foreign;
        const Value update = evaluate(node->right, match, function->frame);
        if (!update.is_undefined()) {
            if (!update.is_object()) {
                throw Raised{.code = "T2011", .position = node->right->position, .value = brief_json(update)};
            }
            const Members members(update);
            budget.step(members.size());
            for (std::size_t k = 0; changeable && k < members.size(); ++k)
                match.object->set(arena, members.key(k), members.value(k));
        }
        if (node->other == nullptr) continue;
        const Value deletions = evaluate(node->other, match, function->frame);
        const Items keys(deletions);
        for (std::size_t k = 0; k < keys.size(); ++k) {
            if (!keys[k].is_string()) {
                throw Raised{
                    .code = "T2012", .position = node->other->position, .value = brief_json(deletions)};
            }
        }
        for (std::size_t k = 0; changeable && k < keys.size(); ++k) {
            budget.step(match.object->size + match.object->table_size);
            match.object->remove(keys[k].string());
        }
    }
    return result;
}

// ------------------------------------------------------------------------------------------ $eval

Value Evaluation::evaluate_text(std::string_view expression, const Value& input, Frame* frame) {
    std::shared_ptr<const Program> program;
    budget.step(expression.size());
    budget.bytes(expression.size() * 128);
    try {
        program = compile_program(expression);
    } catch (const Raised& raised) {
        throw Raised{.code = "D3120", .value = quoted(message_of(raised))};
    }
    evaluated_.push_back(program);
    try {
        return evaluate(program->root, input, frame);
    } catch (const Raised& raised) {
        throw Raised{.code = "D3121", .value = quoted(message_of(raised))};
    }
}

}  // namespace flowctl::jsonata
