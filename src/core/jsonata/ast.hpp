// The program of an expression: the nodes of the syntax tree, at first as parsed, then with paths resolved.
//
// The parser makes binary operators of '.', '[', '^' and so on. lowering.cpp turns them into paths of steps
// with stages, binds each '%' to the step whose context it refers to, and marks tail calls. Nodes belong to
// the Program and never change after that.
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
    Placeholder,  // the ? of a partial application
    Path,
    Binary,     // operators that compute
    Predicate,  // this and the next five become part of a path or a node of their own
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
    Node* filter = nullptr;    // a predicate, or nullptr
    std::string_view index{};  // otherwise the variable that takes the position
};

// Members that few nodes have.
struct Details {
    std::vector<Stage> stages;      // for a step
    std::vector<Node*> predicates;  // for any other node
    std::vector<Pair> pairs;        // ObjectOf, GroupBy
    std::vector<bool> descending;   // Sort: for each term
    const std::vector<Pair>* group = nullptr;
    std::uint32_t group_position = 0;
    std::string_view focus;
    std::string_view index;
    Slot* ancestor = nullptr;    // Name, Wildcard: the label that its input is bound to
    Slot* slot = nullptr;        // Parent
    std::vector<Slot*> seeking;  // the '%' inside that no step has claimed yet
    std::unique_ptr<Signature> signature;
    std::unique_ptr<Regex> regex;
};

struct Node {
    Kind kind = Kind::End;
    Operator op = Operator::None;
    bool keep_array = false;
    // Path: the steps that need not be checked again when the path is joined with another one.
    std::uint32_t joined = 0;
    bool keep_singleton = false;  // Path
    bool consarray = false;
    bool tuple = false;
    bool thunk = false;       // Call: in tail position
    bool has_suffix = false;  // it has predicates, a group that does not belong to a path, or keep_array
    bool plain_name = false;  // Name: a step that only looks the name up
    bool is_string = false;   // Literal: a string
    std::uint32_t depth = 1;
    std::uint32_t position = 0;
    std::string_view text;  // the name, variable or operator
    Value literal;
    Node* left = nullptr;
    Node* right = nullptr;
    Node* other = nullptr;             // the else part; the delete clause
    std::vector<Node*> items;          // steps, expressions, arguments or terms
    const Builtin* builtin = nullptr;  // Variable: the library's function of that name
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

// Throws Raised.
std::shared_ptr<const Program> compile_program(std::string_view text);
// The parts of compile_program(). They throw Raised.
void parse_program(Program& program);
void resolve_program(Program& program);

}  // namespace flowctl::jsonata
