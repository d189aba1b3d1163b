// From the parsed tree to the program that is evaluated: paths, stages, parents, tail calls.
//
// A path is a list of steps, and filters, sorting, grouping and binding belong to steps. Each '%' is a slot.
// It searches, from right to left through the steps and out of blocks, for the step whose input it refers to.
// That step then binds its input to the slot's label, and all steps in between carry tuples.
#include <algorithm>

#include "core/interrupt.hpp"
#include "core/jsonata/ast.hpp"
#include "core/jsonata/error.hpp"
#include "core/jsonata/signature.hpp"

namespace flowctl::jsonata {
namespace {

std::string_view name_of(Kind kind) noexcept {
    switch (kind) {
        case Kind::Parent:
            return "parent";
        case Kind::Path:
            return "path";
        case Kind::Variable:
            return "variable";
        case Kind::Call:
            return "function";
        case Kind::Array:
        case Kind::ObjectOf:
        case Kind::Negate:
            return "unary";
        case Kind::Binary:
            return "binary";
        case Kind::Condition:
            return "condition";
        case Kind::Block:
            return "block";
        case Kind::Bind:
            return "bind";
        case Kind::Apply:
            return "apply";
        case Kind::Lambda:
            return "lambda";
        case Kind::Descendant:
            return "descendant";
        case Kind::Sort:
            return "sort";
        default:
            return "value";
    }
}

class Resolver {
  public:
    explicit Resolver(Program& program) : program_(program) {}

    Node* resolve(Node* node) {
        poll_.round();
        const bool keep_array = node->keep_array;
        Node* result = resolve_kind(node);
        if (keep_array) result->keep_array = true;
        result->has_suffix =
            result->keep_array ||
            (result->more && (!result->more->predicates.empty() || result->more->group != nullptr));
        return result;
    }

    // Marks the calls at the end of a lambda.
    static void mark_tail_calls(Node* node) {
        for (;;) {
            if (node->kind == Kind::Call) {
                node->thunk = !node->has_suffix;
                return;
            }
            if (node->kind == Kind::Condition && !node->has_suffix) {
                mark_tail_calls(node->right);
                if (node->other == nullptr) return;
                node = node->other;
            } else if ((node->kind == Kind::Coalesce || node->kind == Kind::Default) && !node->has_suffix) {
                node = node->right;
            } else if (node->kind == Kind::Block && !node->items.empty() && !node->has_suffix) {
                node = node->items.back();
            } else {
                return;
            }
        }
    }

  private:
    Node* make_path(Node* step) {
        Node* path = program_.make(Kind::Path, step->position);
        path->depth = step->depth;
        path->items.push_back(step);
        return path;
    }

    Node* resolve_kind(Node* node) {
        switch (node->kind) {
            case Kind::End:
                throw Raised{.code = "S0207", .position = node->position, .token = std::string(node->text)};
            case Kind::Name: {
                Node* path = make_path(node);
                path->keep_singleton = node->keep_array;
                return path;
            }
            case Kind::Parent: {
                Slot& slot = program_.slots.emplace_back();
                slot.label = program_.keep("!" + std::to_string(program_.slots.size()));
                node->details().slot = &slot;
                return node;
            }
            case Kind::Dot:
                return dot(node);
            case Kind::Predicate:
                return predicate(node);
            case Kind::GroupBy:
                return group_by(node);
            case Kind::OrderBy:
                return order_by(node);
            case Kind::Focus:
                return focus(node);
            case Kind::Index:
                return index(node);
            case Kind::Array:
                resolve_items(node);
                return node;
            case Kind::ObjectOf:
                for (Pair& pair : node->details().pairs) {
                    pair = {resolve(pair.key), resolve(pair.value)};
                    pass_on(node, pair.key);
                    pass_on(node, pair.value);
                }
                return node;
            case Kind::Negate:
                node->left = resolve(node->left);
                if (node->left->kind == Kind::Literal && node->left->literal.is_number()) {
                    node->left->literal = Value::of_number(-node->left->literal.number());
                    return node->left;
                }
                pass_on(node, node->left);
                return node;
            case Kind::Call:
            case Kind::Partial:
                resolve_items(node);
                node->left = resolve(node->left);
                return node;
            case Kind::Lambda:
                node->right = resolve(node->right);
                mark_tail_calls(node->right);
                return node;
            case Kind::Block:
                resolve_items(node);
                for (const Node* item : node->items) {
                    if (item->consarray || (item->kind == Kind::Path && item->items.front()->consarray)) {
                        node->consarray = true;
                    }
                }
                return node;
            case Kind::Bind:
                node->left = resolve(node->left);
                node->right = resolve(node->right);
                pass_on(node, node->right);
                return node;
            case Kind::Apply:
                node->left = resolve(node->left);
                node->right = resolve(node->right);
                node->keep_array = node->left->keep_array || node->right->keep_array;
                return node;
            case Kind::Transform:
                node->left = resolve(node->left);
                node->right = resolve(node->right);
                if (node->other != nullptr) node->other = resolve(node->other);
                return node;
            case Kind::Binary:
            case Kind::Condition:
            case Kind::Coalesce:
            case Kind::Default:
                node->left = resolve(node->left);
                pass_on(node, node->left);
                node->right = resolve(node->right);
                pass_on(node, node->right);
                if (node->other != nullptr) {
                    node->other = resolve(node->other);
                    pass_on(node, node->other);
                }
                return node;
            default:
                return node;
        }
    }

    void resolve_items(Node* node) {
        for (Node*& item : node->items) {
            if (item->kind == Kind::Placeholder) continue;
            item = resolve(item);
            pass_on(node, item);
        }
    }

    Node* dot(Node* node) {
        Node* left = resolve(node->left);
        Node* path = left->kind == Kind::Path ? left : make_path(left);
        if (left->kind == Kind::Parent) path->details().seeking = {left->details().slot};
        Node* rest = resolve(node->right);
        if (rest->kind == Kind::Path) {
            path->items.insert(path->items.end(), rest->items.begin(), rest->items.end());
        } else {
            if (rest->more && !rest->more->predicates.empty()) {
                for (Node* filter : rest->more->predicates)
                    rest->more->stages.push_back({filter, {}});
                rest->more->predicates.clear();
                rest->has_suffix = rest->keep_array || rest->more->group != nullptr;
            }
            path->items.push_back(rest);
        }
        // All steps before the last one were checked when the path was joined.
        for (std::size_t i = path->joined; i < path->items.size(); ++i) {
            Node* step = path->items[i];
            if (step->kind == Kind::Literal && !step->is_string) {
                throw Raised{.code = "S0213",
                             .position = step->position,
                             .token = std::string(step->text),
                             .value = std::string(step->text)};
            }
            if (step->kind == Kind::Literal) step->kind = Kind::Name;
            if (step->keep_array) path->keep_singleton = true;
        }
        path->joined = static_cast<std::uint32_t>(path->items.size() - 1);
        poll_.round(path->items.size() / 8);
        Node* first = path->items.front();
        if (first->kind == Kind::Array) first->consarray = true;
        Node* last = path->items.back();
        if (last->kind == Kind::Array) last->consarray = true;
        path->depth = std::max(path->depth, node->depth);
        resolve_ancestry(path);
        return path;
    }

    Node* predicate(Node* node) {
        Node* result = resolve(node->left);
        Node* step = result->kind == Kind::Path ? result->items.back() : result;
        // The group of a path is stored at the path.
        if ((step->more && step->more->group != nullptr) ||
            (result->more && result->more->group != nullptr)) {
            throw Raised{.code = "S0209", .position = node->position};
        }
        Node* filter = resolve(node->right);
        if (filter->more && !filter->more->seeking.empty()) {
            for (Slot* slot : filter->more->seeking) {
                if (slot->level == 1) {
                    seek(step, slot);
                } else {
                    --slot->level;
                }
            }
            pass_on(step, filter);
        }
        if (filter->kind == Kind::Parent) pass_on(step, filter);
        if (result->kind == Kind::Path) {
            step->details().stages.push_back({filter, {}});
        } else {
            step->details().predicates.push_back(filter);
        }
        return result;
    }

    Node* group_by(Node* node) {
        Node* result = resolve(node->left);
        if (result->more && result->more->group != nullptr) {
            throw Raised{.code = "S0210", .position = node->position};
        }
        std::vector<Pair>& group = program_.groups.emplace_back();
        for (const Pair& pair : node->details().pairs) {
            Node* key = resolve(pair.key);
            Node* value = resolve(pair.value);
            group.push_back({key, value});
        }
        result->details().group = &group;
        result->details().group_position = node->position;
        return result;
    }

    Node* order_by(Node* node) {
        Node* result = resolve(node->left);
        if (result->kind != Kind::Path) result = make_path(result);
        Node* sort = program_.make(Kind::Sort, node->position);
        sort->details().descending = node->details().descending;
        for (Node* term : node->items) {
            sort->items.push_back(resolve(term));
            pass_on(sort, sort->items.back());
        }
        result->items.push_back(sort);
        resolve_ancestry(result);
        return result;
    }

    Node* focus(Node* node) {
        Node* result = resolve(node->left);
        Node* step = result->kind == Kind::Path ? result->items.back() : result;
        if (step->more && (!step->more->stages.empty() || !step->more->predicates.empty())) {
            throw Raised{.code = "S0215", .position = node->position};
        }
        if (step->kind == Kind::Sort) throw Raised{.code = "S0216", .position = node->position};
        if (node->keep_array) step->keep_array = true;
        step->details().focus = node->right->text;
        step->tuple = true;
        return result;
    }

    Node* index(Node* node) {
        Node* result = resolve(node->left);
        Node* step = result;
        if (result->kind == Kind::Path) {
            step = result->items.back();
        } else {
            result = make_path(step);
            if (step->more) {
                for (Node* filter : step->more->predicates)
                    step->more->stages.push_back({filter, {}});
                step->more->predicates.clear();
                step->has_suffix = step->keep_array || step->more->group != nullptr;
            }
        }
        if (step->details().stages.empty()) {
            step->details().index = node->right->text;
        } else {
            step->details().stages.push_back({nullptr, node->right->text});
        }
        step->tuple = true;
        return result;
    }

    // ----------------------------------------------------------------------------------------------- parents

    void pass_on(Node* result, Node* value) {
        if (!value->more) return;
        Details& from = *value->more;
        if (from.seeking.empty() && value->kind != Kind::Parent) return;
        poll_.round(from.seeking.size());
        std::vector<Slot*>& to = result->details().seeking;
        to.insert(to.end(), from.seeking.begin(), from.seeking.end());
        if (value->kind == Kind::Parent) to.push_back(from.slot);
    }

    void seek(Node* node, Slot* slot) {
        poll_.round();
        switch (node->kind) {
            case Kind::Name:
            case Kind::Wildcard:
                if (--slot->level == 0) {
                    Details& details = node->details();
                    if (details.ancestor != nullptr) slot->label = details.ancestor->label;
                    details.ancestor = slot;
                    node->tuple = true;
                }
                break;
            case Kind::Parent:
                ++slot->level;
                break;
            case Kind::Block:
                if (!node->items.empty()) {
                    node->tuple = true;
                    seek(node->items.back(), slot);
                }
                break;
            case Kind::Path: {
                node->tuple = true;
                std::size_t at = node->items.size() - 1;
                seek(node->items[at], slot);
                while (slot->level > 0 && at > 0)
                    seek(node->items[--at], slot);
                break;
            }
            default:
                throw Raised{
                    .code = "S0217", .position = node->position, .token = std::string(name_of(node->kind))};
        }
    }

    void resolve_ancestry(Node* path) {
        Node* last = path->items.back();
        std::vector<Slot*> slots;
        if (last->more) slots = last->more->seeking;
        if (last->kind == Kind::Parent) slots.push_back(last->more->slot);
        for (Slot* slot : slots) {
            // How many steps before the last one are still to be tried.
            std::size_t left = path->items.size() - 1;
            while (slot->level > 0) {
                if (left == 0) {
                    path->details().seeking.push_back(slot);
                    break;
                }
                Node* step = path->items[--left];
                // Of neighbouring steps that bind the focus, only the first one has a parent.
                while (left > 0 && has_focus(step) && has_focus(path->items[left - 1]))
                    step = path->items[--left];
                seek(step, slot);
            }
        }
    }

    static bool has_focus(const Node* step) noexcept { return step->more && !step->more->focus.empty(); }

    Program& program_;
    Poll poll_;
};

// Sets what the evaluation needs to know of each step. It runs last, because it needs the final tree.
void finish(Program& program) {
    for (Node& node : program.nodes) {
        if (node.kind != Kind::Name) continue;
        const Details* more = node.more.get();
        node.plain_name = !node.tuple && !node.keep_array &&
                          (more == nullptr || (more->stages.empty() && more->predicates.empty()));
    }
}

}  // namespace

void resolve_program(Program& program) {
    program.root = Resolver(program).resolve(program.root);
    if (program.root->kind == Kind::Parent || (program.root->more && !program.root->more->seeking.empty())) {
        throw Raised{.code = "S0217",
                     .position = program.root->position,
                     .token = std::string(name_of(program.root->kind))};
    }
    finish(program);
}

}  // namespace flowctl::jsonata
