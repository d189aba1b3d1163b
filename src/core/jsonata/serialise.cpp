// Converts values of an evaluation. Every function in here goes down a value, so every one enters a Depth.
#include "core/jsonata/serialise.hpp"

#include <charconv>
#include <cmath>

#include "core/jsonata/error.hpp"
#include "core/jsonata/text.hpp"

namespace flowctl::jsonata {
namespace {

[[noreturn]] void raise_out_of_range(double number) {
    throw Raised{.code = "D1001",
                 .value = std::isnan(number) ? "NaN"
                          : number < 0       ? "-Infinity"
                                             : "Infinity"};
}

// The number with 15 significant digits, as the reference implementation shows numbers that are not integers.
double shown(double number) {
    if (std::trunc(number) == number) return number;
    char digits[40];
    const auto end =
        std::to_chars(digits, digits + sizeof digits, number, std::chars_format::scientific, 14).ptr;
    double rounded = number;
    std::from_chars(digits, end, rounded);
    return rounded;
}

class Writer {
  public:
    Writer(bool pretty, Budget& budget) : pretty_(pretty), budget_(budget) {}

    void write(const Value& value) {
        const Budget::Depth depth(budget_);
        budget_.step();
        switch (value.type) {
            case Type::Undefined:
            case Type::Null:
                out += "null";
                break;
            case Type::Bool:
                out += value.boolean ? "true" : "false";
                break;
            case Type::Number: {
                const double number = value.number();
                if (std::isnan(number)) {
                    out += "null";
                    break;
                }
                if (!std::isfinite(number)) raise_out_of_range(number);
                out += number_to_string(shown(number));
                break;
            }
            case Type::String:
                append_quoted(value.string(), out);
                break;
            case Type::Array: {
                const Items items(value);
                open('[');
                for (std::size_t i = 0; i < items.size(); ++i) {
                    next(i == 0);
                    write(items[i]);
                }
                close(']', items.size() == 0);
                break;
            }
            case Type::Object: {
                const Members members(value);
                bool first = true;
                open('{');
                for (std::size_t i = 0; i < members.size(); ++i) {
                    const Value member = members.value(i);
                    if (member.is_undefined()) continue;
                    next(first);
                    first = false;
                    append_quoted(members.key(i), out);
                    out += pretty_ ? ": " : ":";
                    write(member);
                }
                close('}', first);
                break;
            }
            case Type::Function:
                out += "\"\"";
                break;
        }
        if (out.size() > charged_ + 4096) {
            budget_.bytes(out.size() - charged_);
            charged_ = out.size();
        }
    }

    std::string out;

  private:
    void open(char bracket) {
        out.push_back(bracket);
        ++level_;
    }
    void next(bool first) {
        if (!first) out.push_back(',');
        if (pretty_) line();
    }
    void close(char bracket, bool empty) {
        --level_;
        if (pretty_ && !empty) line();
        out.push_back(bracket);
    }
    void line() {
        out.push_back('\n');
        out.append(2 * level_, ' ');
    }

    bool pretty_;
    Budget& budget_;
    std::size_t level_ = 0;
    std::size_t charged_ = 0;
};

// The output of a flow is stored, and jsonb cannot hold U+0000.
void require_storable(std::string_view text) {
    if (text.find('\0') == std::string_view::npos) return;
    throw Raised{.code = "D3137", .message = "The result holds the character U+0000, which cannot be stored"};
}

}  // namespace

std::string number_to_string(double number) {
    if (number == 0) return "0";
    return json::Value::number(number).number_as_text();
}

json::Value to_json(const Value& value, Budget& budget, NonFinite non_finite) {
    if (value.foreign) return *value.json;
    switch (value.type) {
        case Type::Undefined:
        case Type::Null:
            return {};
        case Type::Bool:
            return json::Value::boolean(value.boolean);
        case Type::Number:
            if (non_finite == NonFinite::Named && !std::isfinite(value.real)) {
                return json::Value::string(std::isnan(value.real) ? "NaN"
                                           : value.real < 0       ? "-Infinity"
                                                                  : "Infinity");
            }
            if (std::isinf(value.real)) raise_out_of_range(value.real);
            if (std::isnan(value.real)) return {};
            return json::Value::number(value.real == 0 ? 0 : value.real);
        case Type::String: {
            const std::string_view text = value.string();
            budget.bytes(text.size() + 32);
            if (non_finite == NonFinite::Named) require_storable(text);
            return json::Value::string(has_lone_surrogate(text) ? well_formed(text) : text);
        }
        case Type::Function:
            return json::Value::string("");
        case Type::Array: {
            const Budget::Depth depth(budget);
            const Items items(value);
            budget.step(items.size());
            budget.bytes(items.size() * sizeof(json::Value) + 64);
            std::vector<json::Value> out;
            out.reserve(items.size());
            for (std::size_t i = 0; i < items.size(); ++i)
                out.push_back(to_json(items[i], budget, non_finite));
            return json::Value::array(std::move(out));
        }
        case Type::Object: {
            const Budget::Depth depth(budget);
            const Object& object = *value.object;
            budget.step(object.size);
            budget.bytes(object.size * sizeof(json::Member) + 64);
            std::vector<json::Member> out;
            out.reserve(object.size);
            for (std::uint32_t i = 0; i < object.size; ++i) {
                if (object.entries[i].value.is_undefined()) continue;
                const std::string_view key = object.entries[i].key;
                if (non_finite == NonFinite::Named) require_storable(key);
                out.push_back({has_lone_surrogate(key) ? well_formed(key) : std::string(key),
                               to_json(object.entries[i].value, budget, non_finite)});
            }
            return json::Value::object(std::move(out));
        }
    }
    return {};
}

std::string to_string(const Value& value, bool pretty, Budget& budget) {
    switch (value.type) {
        case Type::String:
            return std::string(value.string());
        case Type::Function:
            return "";
        case Type::Number: {
            const double number = value.number();
            if (!std::isfinite(number)) throw Raised{.code = "D3001", .value = "null"};
            return number_to_string(shown(number));
        }
        default:
            break;
    }
    Writer writer(pretty, budget);
    const bool wrapped = value.is_array() && !value.foreign && value.list->outer_wrapper;
    writer.write(wrapped ? value.list->at(0) : value);
    budget.bytes(writer.out.size());
    return std::move(writer.out);
}

std::string brief_json(const Value& value) {
    switch (value.type) {
        case Type::Undefined:
            return "";
        case Type::Null:
            return "null";
        case Type::Bool:
            return value.boolean ? "true" : "false";
        case Type::Number:
            return std::isfinite(value.number()) ? number_to_string(value.number()) : "null";
        case Type::String: {
            const std::string_view text = value.string();
            return quoted(text.substr(0, offset_of_character(text, 200)));
        }
        case Type::Function:
            return "\"\"";
        default:
            break;
    }
    try {
        Budget budget({.steps = 200, .bytes = 10000, .depth = 20});
        Writer writer(false, budget);
        writer.write(value);
        return std::move(writer.out);
    } catch (const BudgetExceeded&) {
        return value.is_array() ? "[...]" : "{...}";
    } catch (const Raised&) {
        return "null";
    }
}

bool is_numeric(const Value& value) {
    if (!value.is_number()) return false;
    const double number = value.number();
    if (std::isinf(number)) raise_out_of_range(number);
    return !std::isnan(number);
}

bool to_boolean(const Value& value, Budget& budget) {
    switch (value.type) {
        case Type::Bool:
            return value.boolean;
        case Type::Number:
            return is_numeric(value) && value.number() != 0;
        case Type::String:
            return !value.string().empty();
        case Type::Object:
            return Members(value).size() > 0;
        case Type::Array: {
            const Budget::Depth depth(budget);
            const Items items(value);
            for (std::size_t i = 0; i < items.size(); ++i) {
                budget.step();
                if (to_boolean(items[i], budget)) return true;
            }
            return false;
        }
        default:
            return false;
    }
}

bool deep_equal(const Value& a, const Value& b, Budget& budget) {
    budget.step();
    if (a.type != b.type) return false;
    switch (a.type) {
        case Type::Undefined:
        case Type::Null:
            return true;
        case Type::Bool:
            return a.boolean == b.boolean;
        case Type::Number:
            return a.number() == b.number();
        case Type::String: {
            const std::string_view left = a.string();
            budget.step(left.size() / 64);
            return left == b.string();
        }
        case Type::Function:
            return a.function == b.function;
        case Type::Array: {
            if (a.foreign && b.foreign && a.json->same(*b.json)) return true;
            const Budget::Depth depth(budget);
            const Items left(a);
            const Items right(b);
            if (left.size() != right.size()) return false;
            for (std::size_t i = 0; i < left.size(); ++i) {
                if (!deep_equal(left[i], right[i], budget)) return false;
            }
            return true;
        }
        case Type::Object: {
            if (a.foreign && b.foreign && a.json->same(*b.json)) return true;
            const Budget::Depth depth(budget);
            const Members left(a);
            if (left.size() != Members(b).size()) return false;
            for (std::size_t i = 0; i < left.size(); ++i) {
                const std::string_view key = left.key(i);
                budget.step(1 + key.size() / 64);
                if (b.foreign) {
                    const json::Value* other = b.json->find(key);
                    if (other == nullptr || !deep_equal(left.value(i), Value::of_json(*other), budget))
                        return false;
                } else {
                    const Value* other = b.object->find(key);
                    if (other == nullptr || !deep_equal(left.value(i), *other, budget)) return false;
                }
            }
            return true;
        }
    }
    return false;
}

}  // namespace flowctl::jsonata
