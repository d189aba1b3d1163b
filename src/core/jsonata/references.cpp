// Finds the parts of an expression that refer to something that a flow does not have.
//
// A flow evaluates without a context item, so only a variable can begin a path; Step Functions refuses other
// definitions. Inside a step, a predicate, a sort term, a grouping or a transform, the step's items are the
// context, so any name may stand there. The body of a lambda has the context of the place where the lambda
// stands. The walk follows the tree as long as the context is the one at the top.
#include "core/jsonata/references.hpp"

#include <algorithm>

#include "core/jsonata/ast.hpp"
#include "core/jsonata/signature.hpp"
#include "core/jsonata/text.hpp"

namespace flowctl::jsonata {
namespace {

class Walk {
  public:
    explicit Walk(const Expression::Places& places) : places_(places) {}

    void visit(const Node* node) {
        if (node == nullptr) return;
        switch (node->kind) {
            case Kind::Path:
                visit(node->items.front());
                if (node->items.size() > 1) states_field(node->items[0], node->items[1]);
                break;
            case Kind::Name:
                add("Reference to '" + std::string(node->text) + "' at the top level is not supported.");
                break;
            case Kind::Variable:
                if (node->text.empty()) add("Reference to '$' at the top level is not supported.");
                if (node->text == "$") add("Reference to '$$' is not supported.");
                break;
            case Kind::Array:
            case Kind::Block:
                visit_all(node);
                break;
            case Kind::ObjectOf:
                for (const Pair& pair : node->more->pairs) {
                    visit(pair.key);
                    visit(pair.value);
                }
                break;
            case Kind::Call:
            case Kind::Partial:
                visit(node->left);
                visit_all(node);
                break;
            case Kind::Bind:
            case Kind::Lambda:
                visit(node->right);
                break;
            case Kind::Negate:
            case Kind::Binary:
            case Kind::Apply:
            case Kind::Condition:
            case Kind::Coalesce:
            case Kind::Default:
                visit(node->left);
                visit(node->right);
                visit(node->other);
                break;
            default:
                break;
        }
    }

    std::vector<std::string> take() { return std::move(found_); }

  private:
    void visit_all(const Node* node) {
        for (const Node* item : node->items)
            visit(item);
    }

    void states_field(const Node* first, const Node* second) {
        if (first->kind != Kind::Variable || first->text != "states" || second->kind != Kind::Name) return;
        if ((second->text == "result" && !places_.result) ||
            (second->text == "errorOutput" && !places_.error_output)) {
            add("Field '$states." + std::string(second->text) + "' does not exist.");
        }
    }

    void add(std::string_view text) {
        std::string sentence = for_message(text);
        if (std::find(found_.begin(), found_.end(), sentence) != found_.end()) return;
        if (found_.size() < kMost) found_.push_back(std::move(sentence));
    }

    static constexpr std::size_t kMost = 100;  // for one expression; nobody reads more
    const Expression::Places& places_;
    std::vector<std::string> found_;
};

}  // namespace

std::vector<std::string> unsupported_references(const Program& program, const Expression::Places& places) {
    Walk walk(places);
    walk.visit(program.root);
    return walk.take();
}

}  // namespace flowctl::jsonata
