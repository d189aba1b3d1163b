// JSON values of the core: immutable, shared, and faithful to the text they came from.
//
// A run's data passes through many states unchanged. So a Value is a reference-counted handle to an immutable
// node: copying is cheap, and two handles to one node are recognised as the same payload (same()). A change
// builds a new node that shares the rest with the old one. RapidJSON does the parsing, iteratively, so
// nesting needs no stack.
//
// Invariants: a number keeps its text until arithmetic touches it, so values of numeric and int8 columns pass
// through a flow without rounding. Object members keep their order, and a repeated key keeps its last value,
// as in jsonb. The reference count is not atomic, so a value belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace flowctl::json {

enum class Kind : std::uint8_t { Null, Bool, Number, String, Array, Object };

struct Member;
struct Node;

class Value {
  public:
    Value() noexcept : kind_(Kind::Null), form_(0), integer_(0) {}
    Value(const Value& other) noexcept : kind_(other.kind_), form_(other.form_), integer_(other.integer_) {
        if (is_counted()) retain();
    }
    Value(Value&& other) noexcept : kind_(other.kind_), form_(other.form_), integer_(other.integer_) {
        other.kind_ = Kind::Null;
        other.form_ = 0;
    }
    Value& operator=(const Value& other) noexcept;
    Value& operator=(Value&& other) noexcept;
    // Nested nodes are released iteratively, so depth needs no stack.
    ~Value() {
        if (is_counted()) release();
    }

    static Value boolean(bool b) noexcept;
    static Value number(double d) noexcept;  // the caller must not pass NaN or an infinity
    static Value integer(std::int64_t i) noexcept;
    static Value number_text(std::string_view text);  // a valid JSON number, kept as it is written
    static Value string(std::string_view text);       // valid UTF-8
    static Value array(std::vector<Value> items);
    static Value object(std::vector<Member> members);  // keys must be unique

    Kind kind() const noexcept { return kind_; }
    bool is_null() const noexcept { return kind() == Kind::Null; }
    bool is_bool() const noexcept { return kind() == Kind::Bool; }
    bool is_number() const noexcept { return kind() == Kind::Number; }
    bool is_string() const noexcept { return kind() == Kind::String; }
    bool is_array() const noexcept { return kind() == Kind::Array; }
    bool is_object() const noexcept { return kind() == Kind::Object; }

    bool as_bool() const;      // Bool only
    double as_double() const;  // Number only; may be ±infinity for text beyond a double
    // The value of a number that is an integer and fits, such as 1.0 or 1e2; otherwise nothing.
    std::optional<std::int64_t> as_integer() const;
    std::string number_as_text() const;          // Number only
    std::string_view as_string() const;          // String only
    const std::vector<Value>& items() const;     // Array only
    const std::vector<Member>& members() const;  // Object only
    std::size_t size() const noexcept;           // elements or members; 0 for scalars
    // The member of this name; nullptr if the value has no such member or is not an object.
    const Value* find(std::string_view key) const noexcept;

    // True when both handles have one node, or equal scalars that need no node. The values are not compared,
    // so the cost is constant.
    bool same(const Value& other) const noexcept;

  private:
    friend struct Access;
    static constexpr std::uint8_t kFirstCounted = 3;  // json_node.hpp lists the forms
    bool is_counted() const noexcept { return form_ >= kFirstCounted; }
    void retain() const noexcept;
    void release() noexcept;

    // The value: its kind, and a scalar or a pointer to a counted node.
    Kind kind_;
    std::uint8_t form_;
    union {
        bool boolean_;
        double double_;
        std::int64_t integer_;
        Node* node_;
    };
};

struct Member {
    std::string key;
    Value value;
};

// Deep equality. Numbers are compared exactly and by value (1 = 1.0 = 1e0); the order of members does not
// matter.
bool equal(const Value& a, const Value& b);

struct ParseLimits {
    std::size_t max_bytes = 16 * 1024 * 1024;
    std::size_t max_depth = 1000;
    // Refuses values that jsonb cannot hold or print: \u0000, lone surrogates, numbers of more than 1,000
    // digits when written out, strings over 64 MB. (Invalid UTF-8 is always refused.)
    bool storable = true;
    // Refuses an object with two members of one name. Otherwise the last one's value is kept.
    bool unique_names = false;
};

struct ParseError {
    std::size_t offset = 0;  // in bytes, from 0
    std::string message;     // in lower case, without the position
};

Result<Value, ParseError> parse(std::string_view text, const ParseLimits& limits = {});
// Why parse() would refuse the text, or nullopt if it would not. No value is built. Member names may repeat.
std::optional<ParseError> check(std::string_view text, const ParseLimits& limits = {});

// Whether the text can become a string value that parse() would accept: UTF-8 without U+0000.
bool is_storable(std::string_view text) noexcept;

// Compact JSON text.
std::string dump(const Value& value);
void dump(const Value& value, std::string& out);
// Appends the string as JSON text, in quotes.
void dump_string(std::string_view text, std::string& out);
// The length of the compact text, and how deeply containers are nested (0 for a scalar). Both are remembered
// in the nodes, so a second question costs O(1), and values that share nodes are measured once per node.
std::size_t dumped_size(const Value& value);
std::size_t depth(const Value& value);

// A copy of `object` with `key` set: a member of this name is replaced in its place, a new one is appended.
// `object` must be an object.
Value with_member(const Value& object, std::string_view key, Value value);

// Builds an object member by member: ObjectBuilder().add("a", v).build(). No key may repeat.
class ObjectBuilder {
  public:
    ObjectBuilder& add(std::string_view key, Value value) {
        members_.push_back(Member{std::string(key), std::move(value)});
        return *this;
    }
    ObjectBuilder& add(std::string_view key, std::string_view text) { return add(key, Value::string(text)); }
    Value build() { return Value::object(std::move(members_)); }

  private:
    std::vector<Member> members_;
};

}  // namespace flowctl::json
