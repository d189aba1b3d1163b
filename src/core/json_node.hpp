// How json::Value lies in memory: scalars in the handle, containers in counted nodes.
//
// A node is freed when its last handle goes. Freeing must need neither memory nor stack, so nodes that wait
// to be freed form a list; the link of this list shares a word with the count, because only a node without
// handles is in the list. A container remembers its size as text and its depth once they have been asked for.
// So checking an unchanged payload against a limit costs O(1), and a graph of shared nodes is measured once
// per node.
#pragma once

#include <cstring>
#include <memory>

#include "core/json.hpp"

namespace flowctl::json {

// Where the content of a Value is.
enum Form : std::uint8_t {
    kInline,      // null; boolean_; the empty string, array and object
    kInteger,     // a number in integer_, whose canonical text is the number's text
    kDouble,      // a finite number in double_
    kStringNode,  // a string, or a number kept as text
    kArrayNode,   // not empty
    kObjectNode,  // not empty
};

struct Node {
    union {
        std::uint64_t handles;
        Node* next_to_free;
    };
    mutable std::size_t dumped = 0;   // size as text; 0 = not known
    mutable std::uint32_t depth = 0;  // levels of containers; 0 = not known
    Form form;

    explicit Node(Form f) noexcept : handles(1), form(f) {}
};

// The characters follow the node in the same allocation.
struct StringNode : Node {
    std::size_t length;

    explicit StringNode(std::size_t n) noexcept : Node(kStringNode), length(n) {}
    char* characters() noexcept { return reinterpret_cast<char*>(this + 1); }
    std::string_view text() const noexcept { return {reinterpret_cast<const char*>(this + 1), length}; }
};

struct ArrayNode : Node {
    std::vector<Value> items;

    explicit ArrayNode(std::vector<Value> v) noexcept : Node(kArrayNode), items(std::move(v)) {}
};

struct ObjectNode : Node {
    std::vector<Member> members;
    // Positions of members ordered by key, made at the first search in a large object.
    mutable std::unique_ptr<std::uint32_t[]> by_key;

    explicit ObjectNode(std::vector<Member> v) noexcept : Node(kObjectNode), members(std::move(v)) {}
};

struct Access {
    static_assert(kStringNode == Value::kFirstCounted && kInline == 0);

    static Form form(const Value& v) noexcept { return static_cast<Form>(v.form_); }
    static bool counted(const Value& v) noexcept { return v.form_ >= kStringNode; }
    static Node* node(const Value& v) noexcept { return v.node_; }
    static const StringNode& string(const Value& v) noexcept { return *static_cast<StringNode*>(v.node_); }
    static const ArrayNode& array(const Value& v) noexcept { return *static_cast<ArrayNode*>(v.node_); }
    static const ObjectNode& object(const Value& v) noexcept { return *static_cast<ObjectNode*>(v.node_); }
    static std::int64_t integer(const Value& v) noexcept { return v.integer_; }
    static double real(const Value& v) noexcept { return v.double_; }
    static bool boolean(const Value& v) noexcept { return v.boolean_; }

    static Value inline_value(Kind kind) noexcept {
        Value v;
        v.kind_ = kind;
        return v;
    }
    static Value boolean_value(bool b) noexcept {
        Value v = inline_value(Kind::Bool);
        v.boolean_ = b;
        return v;
    }
    static Value integer_value(std::int64_t i) noexcept {
        Value v = inline_value(Kind::Number);
        v.form_ = kInteger;
        v.integer_ = i;
        return v;
    }
    static Value double_value(double d) noexcept {
        Value v = inline_value(Kind::Number);
        v.form_ = kDouble;
        v.double_ = d;
        return v;
    }
    // Makes a Value of a new node and takes over the node's first count.
    static Value node_value(Kind kind, Node* node) noexcept {
        Value v = inline_value(kind);
        v.form_ = node->form;
        v.node_ = node;
        return v;
    }
    // Empties the handle without releasing its node.
    static Node* take_node(Value& v) noexcept {
        v.kind_ = Kind::Null;
        v.form_ = kInline;
        return v.node_;
    }
};

// A Value of kind String or Number whose node holds a copy of the text.
Value make_text(Kind kind, std::string_view text);

}  // namespace flowctl::json
