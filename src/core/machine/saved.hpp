// What is saved as JSON and read back: frames, plans of map runs, transcripts.
//
// An absent member has its default, which keeps what is saved small. Reading trusts nothing, because the text
// may come from a table or another process: a member of the wrong type or out of range is a mistake, and the
// first mistake is remembered with the member's name, so that a run can fail with a reason.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include "core/json.hpp"

namespace flowctl::machine {

inline void add_number(json::ObjectBuilder& out, std::string_view key, std::int64_t number) {
    if (number != 0) out.add(key, json::Value::integer(number));
}
inline void add_number(json::ObjectBuilder& out, std::string_view key,
                       const std::optional<std::int64_t>& number) {
    if (number) out.add(key, json::Value::integer(*number));
}
inline void add_text(json::ObjectBuilder& out, std::string_view key, const std::string& text) {
    if (!text.empty()) out.add(key, text);
}
inline void add_text(json::ObjectBuilder& out, std::string_view key, const std::optional<std::string>& text) {
    if (text) out.add(key, *text);
}
inline void add_flag(json::ObjectBuilder& out, std::string_view key, bool flag) {
    if (flag) out.add(key, json::Value::boolean(true));
}
inline void add_value(json::ObjectBuilder& out, std::string_view key, const json::Value& value) {
    if (!value.is_null()) out.add(key, value);
}
// Null is a value like others here.
inline void add_value(json::ObjectBuilder& out, std::string_view key,
                      const std::optional<json::Value>& value) {
    if (value) out.add(key, *value);
}

class SavedReader {
  public:
    // `what` is read, as errors call it, such as "the stored frame".
    explicit SavedReader(std::string_view what) : what_(what) {}

    // Null: there is no such member, or it is not of this kind.
    const json::Value* member(const json::Value& object, std::string_view key, json::Kind kind) {
        const json::Value* value = object.find(key);
        if (value == nullptr || value->kind() == kind) return value;
        fail(key);
        return nullptr;
    }
    const json::Value* required(const json::Value& object, std::string_view key, json::Kind kind) {
        const json::Value* value = member(object, key, kind);
        if (value == nullptr) fail(key);
        return value;
    }
    std::optional<std::int64_t> number(const json::Value& object, std::string_view key) {
        const json::Value* value = member(object, key, json::Kind::Number);
        if (value == nullptr) return std::nullopt;
        const auto number = value->as_integer();
        if (!number) fail(key);
        return number;
    }
    std::int64_t integer(const json::Value& object, std::string_view key, std::int64_t absent,
                         std::int64_t least, std::int64_t most) {
        const json::Value* value = member(object, key, json::Kind::Number);
        return value == nullptr ? absent : checked(*value, key, least, most);
    }
    std::int64_t checked(const json::Value& value, std::string_view key, std::int64_t least,
                         std::int64_t most) {
        const auto number = value.is_number() ? value.as_integer() : std::nullopt;
        if (number && *number >= least && *number <= most) return *number;
        fail(key);
        return least;
    }
    std::optional<std::string> text(const json::Value& object, std::string_view key) {
        const json::Value* value = member(object, key, json::Kind::String);
        if (value == nullptr) return std::nullopt;
        return std::string(value->as_string());
    }
    std::string text_or_empty(const json::Value& object, std::string_view key) {
        return text(object, key).value_or(std::string());
    }
    bool flag(const json::Value& object, std::string_view key, bool absent = false) {
        const json::Value* value = member(object, key, json::Kind::Bool);
        return value == nullptr ? absent : value->as_bool();
    }
    static json::Value value(const json::Value& object, std::string_view key) {
        const json::Value* found = object.find(key);
        return found != nullptr ? *found : json::Value();
    }
    static std::optional<json::Value> optional_value(const json::Value& object, std::string_view key) {
        const json::Value* found = object.find(key);
        return found != nullptr ? std::optional(*found) : std::nullopt;
    }
    // The index of the name.
    template <class Names>
    std::size_t one_of(const json::Value& object, std::string_view key, const Names& names) {
        const json::Value* value = required(object, key, json::Kind::String);
        for (std::size_t i = 0; value != nullptr && i < std::size(names); ++i)
            if (value->as_string() == names[i]) return i;
        fail(key);
        return 0;
    }
    template <class Names>
    std::size_t one_of(const json::Value& object, std::string_view key, const Names& names,
                       std::size_t absent) {
        return object.find(key) == nullptr ? absent : one_of(object, key, names);
    }

    void fail(std::string_view key) {
        if (error_.empty()) error_ = std::string(what_) + " is wrong at '" + std::string(key) + "'";
    }
    bool ok() const { return error_.empty(); }
    const std::string& error() const { return error_; }

  private:
    std::string_view what_;
    std::string error_;
};

}  // namespace flowctl::machine
