// The parser: Pratt's top-down operator precedence, as in the reference implementation.
//
// Resolving and evaluating go down the tree. So Expression::kMaxDepth bounds both the recursion of the parser
// and the depth of the tree that operators build to the left.
#include <algorithm>

#include "core/interrupt.hpp"
#include "core/jsonata/error.hpp"
#include "core/jsonata/lexer.hpp"
#include "core/jsonata/library.hpp"
#include "core/jsonata/signature.hpp"

namespace flowctl::jsonata {
namespace {

struct Infix {
    std::string_view text;
    unsigned power;
    Kind kind;
    Operator op;
};

constexpr Infix kInfix[] = {
    {".", 75, Kind::Dot, Operator::None},
    {"[", 80, Kind::Predicate, Operator::None},
    {"(", 80, Kind::Call, Operator::None},
    {"@", 80, Kind::Focus, Operator::None},
    {"#", 80, Kind::Index, Operator::None},
    {"{", 70, Kind::GroupBy, Operator::None},
    {"*", 60, Kind::Binary, Operator::Multiply},
    {"/", 60, Kind::Binary, Operator::Divide},
    {"%", 60, Kind::Binary, Operator::Remainder},
    {"+", 50, Kind::Binary, Operator::Add},
    {"-", 50, Kind::Binary, Operator::Subtract},
    {"&", 50, Kind::Binary, Operator::Concatenate},
    {"=", 40, Kind::Binary, Operator::Equal},
    {"<", 40, Kind::Binary, Operator::Less},
    {">", 40, Kind::Binary, Operator::Greater},
    {"^", 40, Kind::OrderBy, Operator::None},
    {"!=", 40, Kind::Binary, Operator::NotEqual},
    {"<=", 40, Kind::Binary, Operator::LessOrEqual},
    {">=", 40, Kind::Binary, Operator::GreaterOrEqual},
    {"~>", 40, Kind::Apply, Operator::None},
    {"?:", 40, Kind::Default, Operator::None},
    {"??", 40, Kind::Coalesce, Operator::None},
    {"in", 40, Kind::Binary, Operator::In},
    {"and", 30, Kind::Binary, Operator::And},
    {"or", 25, Kind::Binary, Operator::Or},
    {"?", 20, Kind::Condition, Operator::None},
    {":=", 10, Kind::Bind, Operator::None},
};
constexpr unsigned kPrefix = 70;

class Parser {
  public:
    explicit Parser(Program& program) : program_(program), lexer_(program) {}

    Node* run() {
        token_ = lexer_.next(false);
        Node* root = expression(0);
        if (token_.type != Token::Type::End) raise("S0201", token_);
        return root;
    }

  private:
    // This code is kept out of the recursive functions, so that their stack frames stay small.
    [[noreturn, gnu::noinline]] static void raise_at(const char* code, std::size_t position,
                                                     std::string_view token, std::string_view value = {},
                                                     std::string_view message = {}) {
        throw Raised{.code = code,
                     .position = position,
                     .token = std::string(token),
                     .value = std::string(value),
                     .message = std::string(message)};
    }
    [[noreturn]] static void raise(const char* code, const Token& token) {
        raise_at(code, token.position, token.text);
    }

    void advance(bool after_operand = false) {
        poll_.round();
        token_ = lexer_.next(after_operand);
        if (token_.is("!") || token_.is("~")) raise("S0204", token_);
    }
    [[noreturn, gnu::noinline]] void raise_unexpected(std::string_view wanted) const {
        const char* code = token_.type == Token::Type::End ? "S0203" : "S0202";
        raise_at(code, token_.position, token_.text, quoted(wanted));
    }
    void expect(std::string_view op, bool after_operand = false) {
        if (!token_.is(op)) {
            raise_unexpected(op);
        }
        advance(after_operand);
    }

    Node* make(Kind kind, const Token& token) {
        Node* node = program_.make(kind, token.position);
        node->text = token.text;
        return node;
    }
    void deepen(Node* node, const Node* child) {
        if (child == nullptr || child->depth < node->depth) return;
        node->depth = child->depth + 1;
        if (node->depth > Expression::kMaxDepth) raise_at("U1001", node->position, "");
    }

    Node* expression(unsigned power) {
        if (++depth_ > Expression::kMaxDepth) raise_at("U1001", token_.position, "");
        Token token = token_;
        advance(true);
        Node* left = prefix(token);
        while (const Infix* infix = infix_of(token_)) {
            if (power >= infix->power) break;
            token = token_;
            advance();
            left = led(*infix, token, left);
        }
        --depth_;
        return left;
    }

    static const Infix* infix_of(const Token& token) {
        if (token.type != Token::Type::Operator) return nullptr;
        const auto* found = std::find_if(std::begin(kInfix), std::end(kInfix),
                                         [&](const Infix& infix) { return infix.text == token.text; });
        return found != std::end(kInfix) ? found : nullptr;
    }

    [[gnu::noinline]] Node* prefix(const Token& token) {
        switch (token.type) {
            case Token::Type::Name:
                return make(Kind::Name, token);
            case Token::Type::Variable: {
                Node* node = make(Kind::Variable, token);
                node->builtin = find_builtin(token.text);
                return node;
            }
            case Token::Type::String:
            case Token::Type::Number:
            case Token::Type::Literal: {
                Node* node = make(Kind::Literal, token);
                node->literal = token.literal;
                node->is_string = token.type == Token::Type::String;
                return node;
            }
            case Token::Type::Regex:
                return regex(token);
            case Token::Type::End:
                return make(Kind::End, token);
            case Token::Type::Operator:
                break;
        }
        const std::string_view op = token.text;
        if (op == "and" || op == "or" || op == "in") return make(Kind::Name, token);
        if (op == "*") return make(Kind::Wildcard, token);
        if (op == "**") return make(Kind::Descendant, token);
        if (op == "%") return make(Kind::Parent, token);
        if (op == "-") {
            Node* node = make(Kind::Negate, token);
            node->left = expression(kPrefix);
            deepen(node, node->left);
            return node;
        }
        if (op == "(") return block(token);
        if (op == "[") return array(token);
        if (op == "{") return pairs(make(Kind::ObjectOf, token));
        if (op == "|") return transform(token);
        raise("S0211", token);
    }

    [[gnu::noinline]] Node* regex(const Token& token) {
        auto compiled = Regex::compile(token.text, token.flags);
        if (!compiled.ok()) {
            raise_at("S0303", token.position, token.text, "",
                     "Invalid or unsupported regular expression: " + compiled.error());
        }
        Node* node = make(Kind::Regex, token);
        node->details().regex = std::move(compiled).value();
        return node;
    }

    [[gnu::noinline]] Node* block(const Token& token) {
        Node* node = make(Kind::Block, token);
        while (!token_.is(")")) {
            add_item(node, expression(0));
            if (!token_.is(";")) break;
            advance();
        }
        expect(")", true);
        return node;
    }

    void add_item(Node* node, Node* item) {
        node->items.push_back(item);
        deepen(node, item);
    }

    [[gnu::noinline]] Node* array(const Token& token) {
        Node* node = make(Kind::Array, token);
        if (!token_.is("]")) {
            for (;;) {
                Node* item = expression(0);
                if (token_.is("..")) {
                    Node* range = make(Kind::Binary, token_);
                    range->op = Operator::Range;
                    advance();
                    range->left = item;
                    range->right = expression(0);
                    deepen(range, range->left);
                    deepen(range, range->right);
                    item = range;
                }
                add_item(node, item);
                if (!token_.is(",")) break;
                advance();
            }
        }
        expect("]", true);
        return node;
    }

    [[gnu::noinline]] Node* pairs(Node* node) {
        std::vector<Pair>& list = node->details().pairs;
        if (!token_.is("}")) {
            for (;;) {
                Node* key = expression(0);
                expect(":");
                Node* value = expression(0);
                list.push_back({key, value});
                deepen(node, key);
                deepen(node, value);
                if (!token_.is(",")) break;
                advance();
            }
        }
        expect("}", true);
        return node;
    }

    [[gnu::noinline]] Node* transform(const Token& token) {
        Node* node = make(Kind::Transform, token);
        node->left = expression(0);
        expect("|");
        node->right = expression(0);
        if (token_.is(",")) {
            advance();
            node->other = expression(0);
        }
        expect("|");
        deepen(node, node->left);
        deepen(node, node->right);
        deepen(node, node->other);
        return node;
    }

    [[gnu::noinline]] Node* led(const Infix& infix, const Token& token, Node* left) {
        if (infix.kind == Kind::Predicate && token_.is("]")) {
            // With empty brackets the step keeps its array.
            Node* step = left;
            while (step->kind == Kind::Predicate)
                step = step->left;
            step->keep_array = true;
            advance();
            return left;
        }
        if (infix.kind == Kind::Bind && left->kind != Kind::Variable) {
            raise_at("S0212", left->position, left->text);
        }
        Node* node = make(infix.kind, token);
        node->op = infix.op;
        node->left = left;
        deepen(node, left);
        switch (infix.kind) {
            case Kind::Predicate:
                node->right = expression(0);
                expect("]", true);
                break;
            case Kind::Call:
                return call(node);
            case Kind::GroupBy:
                return pairs(node);
            case Kind::OrderBy:
                return order_by(node);
            case Kind::Bind:
                node->right = expression(infix.power - 1);
                break;
            case Kind::Focus:
            case Kind::Index:
                node->right = expression(infix.power);
                if (node->right->kind != Kind::Variable) {
                    raise_at("S0214", node->right->position, infix.kind == Kind::Focus ? "@" : "#");
                }
                break;
            case Kind::Condition:
                node->right = expression(0);
                if (token_.is(":")) {
                    advance();
                    node->other = expression(0);
                    deepen(node, node->other);
                }
                break;
            case Kind::Coalesce:
            case Kind::Default:
                node->right = expression(0);
                break;
            default:
                node->right = expression(infix.power);
        }
        deepen(node, node->right);
        return node;
    }

    [[gnu::noinline]] Node* order_by(Node* node) {
        expect("(");
        for (;;) {
            const bool descending = token_.is(">");
            if (descending || token_.is("<")) advance();
            add_item(node, expression(0));
            node->details().descending.push_back(descending);
            if (!token_.is(",")) break;
            advance();
        }
        expect(")");
        return node;
    }

    [[gnu::noinline]] Node* call(Node* node) {
        if (!token_.is(")")) {
            for (;;) {
                if (token_.is("?")) {
                    node->kind = Kind::Partial;
                    node->items.push_back(make(Kind::Placeholder, token_));
                    advance();
                } else {
                    add_item(node, expression(0));
                }
                if (!token_.is(",")) break;
                advance();
            }
        }
        expect(")", true);
        const Node* procedure = node->left;
        if (procedure->kind == Kind::Name && (procedure->text == "function" || procedure->text == "λ")) {
            return lambda(node);
        }
        return node;
    }

    [[gnu::noinline]] Node* lambda(Node* node) {
        for (std::size_t i = 0; i < node->items.size(); ++i) {
            const Node* parameter = node->items[i];
            if (parameter->kind == Kind::Variable) continue;
            raise_at("S0208", parameter->position, parameter->text, std::to_string(i + 1));
        }
        node->kind = Kind::Lambda;
        node->left = nullptr;
        if (token_.is("<")) {
            const std::size_t start = token_.position;
            std::string text = "<";
            for (int depth = 1; depth > 0 && !token_.is("{") && token_.type != Token::Type::End;) {
                advance();
                depth += token_.is("<") ? 1 : token_.is(">") ? -1 : 0;
                text += token_.text;
            }
            expect(">");
            node->details().signature = parse_signature(text, start);
        }
        expect("{");
        node->right = expression(0);
        expect("}");
        deepen(node, node->right);
        return node;
    }

    Program& program_;
    Lexer lexer_;
    Token token_;
    unsigned depth_ = 0;
    Poll poll_;
};

}  // namespace

void parse_program(Program& program) {
    program.root = Parser(program).run();
}

std::shared_ptr<const Program> compile_program(std::string_view text) {
    if (text.size() > Expression::kMaxBytes) {
        throw Raised{.code = "U1001", .message = "The expression is too long"};
    }
    auto program = std::make_shared<Program>();
    program->source = text;
    parse_program(*program);
    resolve_program(*program);
    return program;
}

}  // namespace flowctl::jsonata
