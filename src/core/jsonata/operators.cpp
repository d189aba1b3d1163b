// The binary operators. See evaluation.hpp.
#include <cmath>
#include <cstring>

#include "core/jsonata/error.hpp"
#include "core/jsonata/evaluation.hpp"
#include "core/jsonata/serialise.hpp"

namespace flowctl::jsonata {

Value Evaluation::binary(const Node* node, const Value& input, Frame* frame) {
    const Value left = evaluate(node->left, input, frame);
    const Operator op = node->op;
    if (op == Operator::And || op == Operator::Or) {
        bool is = false;
        try {
            is = truthy(left);
        } catch (Raised& raised) {
            raised.position = node->position;
            raised.token = std::string(node->text);
            throw;
        }
        if (is == (op == Operator::Or)) return Value::of_bool(is);
        return Value::of_bool(truthy(evaluate(node->right, input, frame)));
    }
    const Value right = evaluate(node->right, input, frame);
    try {
        switch (op) {
            case Operator::Equal:
            case Operator::NotEqual:
                if (left.is_undefined() || right.is_undefined()) return Value::of_bool(false);
                return Value::of_bool(deep_equal(left, right, budget) == (op == Operator::Equal));
            case Operator::Less:
            case Operator::LessOrEqual:
            case Operator::Greater:
            case Operator::GreaterOrEqual:
                return compare(op, left, right);
            case Operator::Concatenate:
                return concatenate(left, right);
            case Operator::Range:
                return range(left, right);
            case Operator::In:
                return Value::of_bool(includes(left, right));
            default:
                return compute(op, left, right);
        }
    } catch (Raised& raised) {
        raised.position = node->position;
        raised.token = std::string(node->text);
        throw;
    }
}

Value Evaluation::compute(Operator op, const Value& left, const Value& right) {
    if (!left.is_undefined() && !is_numeric(left)) throw Raised{.code = "T2001", .value = brief_json(left)};
    if (!right.is_undefined() && !is_numeric(right))
        throw Raised{.code = "T2002", .value = brief_json(right)};
    if (left.is_undefined() || right.is_undefined()) return {};
    const double a = left.number();
    const double b = right.number();
    switch (op) {
        case Operator::Add:
            return Value::of_number(a + b);
        case Operator::Subtract:
            return Value::of_number(a - b);
        case Operator::Multiply:
            return Value::of_number(a * b);
        case Operator::Divide:
            return Value::of_number(a / b);
        default:
            return Value::of_number(std::fmod(a, b));
    }
}

Value Evaluation::compare(Operator op, const Value& left, const Value& right) {
    const auto comparable = [](const Value& v) { return v.is_undefined() || v.is_string() || v.is_number(); };
    if (!comparable(left) || !comparable(right)) {
        throw Raised{.code = "T2010", .value = brief_json(comparable(left) ? right : left)};
    }
    if (left.is_undefined() || right.is_undefined()) return {};
    if (left.type != right.type) {
        throw Raised{.code = "T2009", .value = brief_json(left), .value2 = brief_json(right)};
    }
    double a = 0;
    double b = 0;
    if (left.is_number()) {
        a = left.number();
        b = right.number();
    } else {
        a = compare_texts(left.string(), right.string());
    }
    switch (op) {
        case Operator::Less:
            return Value::of_bool(a < b);
        case Operator::LessOrEqual:
            return Value::of_bool(a <= b);
        case Operator::Greater:
            return Value::of_bool(a > b);
        default:
            return Value::of_bool(a >= b);
    }
}

Value Evaluation::concatenate(const Value& left, const Value& right) {
    constexpr std::size_t kLong = 256;
    if (left.is_string() && right.is_string()) {
        const std::string_view head = left.string();
        const std::string_view tail = right.string();
        const std::size_t size = head.size() + tail.size();
        arena.check_text(size);
        budget.step(tail.size() / kLong);
        if (size >= kLong) {
            Room* room = left.foreign ? nullptr : left.text->room;
            const char* data = head.data();
            if (room == nullptr || room->used != head.size() || room->capacity < size) {
                room = static_cast<Room*>(arena.allocate(sizeof(Room) + 2 * size));
                *room = {head.size(), 2 * size};
                std::memcpy(room + 1, head.data(), head.size());
                data = reinterpret_cast<const char*>(room + 1);
                budget.step(head.size() / kLong);
            }
            std::memcpy(reinterpret_cast<char*>(room + 1) + head.size(), tail.data(), tail.size());
            room->used = size;
            return Value::of_text(arena.make<Text>(data, size, room));
        }
    }
    std::string joined;
    const auto add = [&](const Value& value) {
        if (value.is_undefined()) return;
        if (value.is_string()) {
            joined += value.string();
        } else {
            joined += to_string(value, false, budget);
        }
    };
    add(left);
    add(right);
    budget.step(joined.size() / 256);
    return text(joined);
}

bool Evaluation::includes(const Value& left, const Value& right) {
    if (left.is_undefined() || right.is_undefined()) return false;
    const Items items(right);
    const auto same = [&](const Value& item) {
        if (left.type != item.type) return false;
        if (!left.is_array() && !left.is_object()) return deep_equal(left, item, budget);
        if (left.foreign != item.foreign) return false;
        return left.foreign ? left.json->same(*item.json) : left.bits == item.bits;
    };
    for (std::size_t i = 0; i < items.size(); ++i) {
        budget.step();
        if (same(items[i])) return true;
    }
    return false;
}

Value Evaluation::range(const Value& left, const Value& right) {
    const auto is_integer = [](const Value& v) {
        return v.is_number() && std::isfinite(v.number()) && std::trunc(v.number()) == v.number();
    };
    if (!left.is_undefined() && !is_integer(left)) throw Raised{.code = "T2003", .value = brief_json(left)};
    if (!right.is_undefined() && !is_integer(right))
        throw Raised{.code = "T2004", .value = brief_json(right)};
    if (left.is_undefined() || right.is_undefined()) return {};
    const double first = left.number();
    const double last = right.number();
    if (first > last) return {};
    const double size = last - first + 1;
    if (size > 1e7) throw Raised{.code = "D2014", .value = number_to_string(size)};
    arena.check_items(static_cast<std::size_t>(size));
    List* result = sequence();
    result->is_range = true;
    result->first = first;
    result->size = static_cast<std::uint32_t>(size);
    return Value::of_list(result);
}

}  // namespace flowctl::jsonata
