// The program of an expression: nodes of the syntax tree, first as parsed, then with paths resolved.
//
// The parser makes binary operators of '.', '[', '^' and so on; lowering.cpp turns them into paths of steps
// with stages, binds each '%' to the step whose context it means, and marks tail calls. Nodes belong to the
// Program and never change after that.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/jsonata/ecmascript_regex.hpp"
#include "core/jsonata/value.hpp"

namespace flowctl::jsonata {

struct Signature;

enum class Kind : std::uint8_t {
    End,
    Name,
    Variable,
    Literal,  // string, number, true, false, null
    Regex,
    Wildcard,
    Descendant,
    Parent,
    Placeholder,  // ? of a partial application
    Path,
    Binary,     // operators that compute
    Predicate,  // these six become part of a path or a node of their own
    Dot,
    GroupBy,
    OrderBy,
    Focus,
    Index,
    Negate,
    Array,
    ObjectOf,  // {...} without a left side
    Call,
    Partial,
    Lambda,
    Condition,
    Coalesce,  // ??
    Default,   // ?:
    Block,
    Bind,
    Apply,
    Transform,
    Sort,  // a step
};

enum class Operator : std::uint8_t {
    None,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Concatenate,
    And,
    Or,
    In,
    Range,
};

struct Slot {
    std::string_view label;
    int level = 1;
};

struct Pair {
    Node* key;
    Node* value;
};

struct Stage {
    Node* filter = nullptr;    // a predicate, or
    std::string_view index{};  // the variable that takes the position
};

// What few nodes have.
struct Details {
    std::vector<Stage> stages;      // of a step
    std::vector<Node*> predicates;  // of another node
    std::vector<Pair> pairs;        // ObjectOf, GroupBy
    std::vector<bool> descending;   // Sort: by term
    const std::vector<Pair>* group = nullptr;
    std::uint32_t group_position = 0;
    std::string_view focus;
    std::string_view index;
    Slot* ancestor = nullptr;    // Name, Wildcard: binds its input to this label
    Slot* slot = nullptr;        // Parent
    std::vector<Slot*> seeking;  // '%' inside that no step has claimed yet
    std::unique_ptr<Signature> signature;
    std::unique_ptr<Regex> regex;
};

struct Node {
    Kind kind = Kind::End;
    Operator op = Operator::None;
    bool keep_array = false;
    std::uint32_t joined = 0;  // Path: the steps that need no second look when it is joined with another
    bool keep_singleton = false;  // Path
    bool consarray = false;
    bool tuple = false;
    bool thunk = false;       // Call: in tail position
    bool has_suffix = false;  // has predicates, or a group that is not of a path, or keep_array
    bool plain_name = false;  // Name: a step that does nothing but look up
    bool is_string = false;   // Literal: of a text
    std::uint32_t depth = 1;
    std::uint32_t position = 0;
    std::string_view text;  // name, variable, operator
    Value literal;
    Node* left = nullptr;
    Node* right = nullptr;
    Node* other = nullptr;             // else; delete clause
    std::vector<Node*> items;          // steps, expressions, arguments, terms
    const Builtin* builtin = nullptr;  // Variable of that name in the library
    std::unique_ptr<Details> more;

    Details& details() {
        if (!more) more = std::make_unique<Details>();
        return *more;
    }
};

struct Program {
    std::string source;
    std::deque<Node> nodes;
    std::deque<Slot> slots;
    std::deque<std::string> strings;
    std::deque<Text> texts;
    std::deque<std::vector<Pair>> groups;
    Node* root = nullptr;

    Node* make(Kind kind, std::size_t position) {
        Node& node = nodes.emplace_back();
        node.kind = kind;
        node.position = static_cast<std::uint32_t>(position);
        return &node;
    }
    std::string_view keep(std::string text) { return strings.emplace_back(std::move(text)); }
    Value text_value(std::string text) {
        const std::string_view kept = keep(std::move(text));
        return Value::of_text(&texts.emplace_back(Text{kept.data(), kept.size(), nullptr}));
    }
};

// Both throw Raised.
std::shared_ptr<const Program> compile_program(std::string_view text);
void parse_program(Program& program);
void resolve_program(Program& program);

}  // namespace flowctl::jsonata
