// One evaluation of one program: its arena, its scopes, and the functions that evaluate the nodes of the
// tree.
//
// Values follow the rules of the reference implementation: paths map over arrays and flatten, a sequence of
// one item unwraps where an expression ends, and undefined is not an error. A call in tail position is
// returned to apply() as a thunk, so a loop that is written as a recursion uses no stack. Every node is a
// step of the budget, and every level of recursion enters a Depth.
//
// evaluation.cpp has the walk down the tree, operators.cpp the operators, paths.cpp the paths, group.cpp
// grouping and sorting, and apply.cpp functions.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "core/jsonata/ast.hpp"
#include "core/jsonata/jsonata.hpp"
#include "core/jsonata/signature.hpp"
#include "core/jsonata/value.hpp"

namespace flowctl::jsonata {

class Evaluation {
  public:
    Evaluation(const Environment& given, const json::Value& bindings)
        : arena(given.budget, given.flow ? given.flow->value_bytes : kUnlimited),
          budget(given.budget),
          environment(given),
          depth_limit_(given.flow ? given.flow->depth : static_cast<unsigned>(-1)),
          bindings_(bindings) {}

    // The result of the whole program.
    Value run(const Program& program, const json::Value* input);

    Value evaluate(const Node* node, const Value& input, Frame* frame);
    // Calls a function. The arguments are checked against its signature.
    Value apply(Function* function, Arguments& arguments, const Value& input, Frame* frame,
                const Node* call = nullptr);
    // Calls a function that a function got as an argument.
    Value call_back(Function* function, std::initializer_list<Value> arguments);
    // Like call_back, with as many of the arguments as the function takes.
    Value call_with_as_many(Function* function, const Value& first, const Value& second, const Value& third);
    unsigned arity_of(const Function* function) const;
    // The value of a variable; functions of the library are variables, too.
    Value lookup(std::string_view name, const Builtin* builtin, const Frame* frame);
    Value evaluate_text(std::string_view expression, const Value& input, Frame* frame);

    // Makes a value of JSON that the evaluation keeps.
    Value adopt(json::Value value);
    Value text(std::string_view text);
    List* sequence();
    List* sequence_of(const Value& item);
    List* list() { return arena.make<List>(); }
    // The member of an object, or of all objects in an array.
    Value field(const Value& input, std::string_view name);
    Value append(const Value& first, const Value& second);
    void flatten_into(List* list, const Value& value);
    bool truthy(const Value& value);
    // Compares strings in the order of the reference implementation: negative, zero or positive.
    int compare_texts(std::string_view a, std::string_view b);
    // Sorts, and the sort is stable. swap(a, b) says whether b comes before a.
    template <class Swap>
    List* merge_sort(const Items& items, const Swap& swap);

    Arena arena;
    Budget& budget;
    const Environment& environment;

  private:
    static constexpr std::size_t kUnlimited = static_cast<std::size_t>(-1);

    // One node inside another, which is a call of evaluate() in the reference implementation.
    class Nesting {
      public:
        explicit Nesting(Evaluation& evaluation) : depth_(evaluation.depth_) {
            if (depth_ >= evaluation.depth_limit_) {
                throw BudgetExceeded(BudgetExceeded::Of::Depth, "the evaluation is nested too deeply");
            }
            ++depth_;
        }
        ~Nesting() { --depth_; }
        Nesting(const Nesting&) = delete;
        Nesting& operator=(const Nesting&) = delete;

      private:
        unsigned& depth_;
    };

    struct StepResult {
        Value value;
        // True if the result is the only item of the sequence; else it is an array, or undefined if empty.
        bool single = false;
    };
    struct TupleScope;

    Value walk(const Node* node, const Value& input, Frame* frame);
    Value with_suffix(const Node* node, Value result, Frame* frame);
    Value binary(const Node* node, const Value& input, Frame* frame);
    Value compute(Operator op, const Value& left, const Value& right);
    Value range(const Value& left, const Value& right);
    Value compare(Operator op, const Value& left, const Value& right);
    Value concatenate(const Value& left, const Value& right);
    bool includes(const Value& left, const Value& right);
    Value negate(const Node* node, const Value& input, Frame* frame);
    Value array_of(const Node* node, const Value& input, Frame* frame);
    Value wildcard(const Value& input);
    Value descendants(const Value& input);
    void collect_descendants(const Value& value, List* out);
    Value block(const Node* node, const Value& input, Frame* frame);

    Value path(const Node* node, const Value& input, Frame* frame);
    StepResult step(const Node* step, const StepResult& input, Frame* frame, bool last);
    Value step_value(const Node* step, const Value& item, Frame* frame);
    List* tuple_step(const Node* step, const StepResult& input, List* tuples, Frame* frame);
    Value stages(const Node* step, Value result, Frame* frame);
    Value filter(const Node* predicate, const Value& input, Frame* frame);
    Frame* frame_of_tuple(Frame* frame, const Value& tuple);
    Value group(const std::vector<Pair>& pairs, std::size_t position, const Value& input, Frame* frame);
    List* sort(const Node* node, const Value& input, Frame* frame);
    Value reduce_tuples(const Value& tuples);

    Value call(const Node* node, const Value& input, Frame* frame, const Value* first);
    Value apply_operator(const Node* node, const Value& input, Frame* frame);
    Value partial(const Node* node, const Value& input, Frame* frame);
    Value apply_once(Function* function, Arguments& arguments, const Value& input, Frame* frame);
    Value call_partial(Function* function, const Arguments& arguments, Frame* frame);
    Value match_regex(const Function* function, const Value& subject, std::size_t from);
    Value transform(const Function* function, const Value& object);
    Value clone(const Value& value);
    Function* builtin_function(const Builtin* builtin);

    const unsigned depth_limit_;
    unsigned depth_ = 0;
    const json::Value& bindings_;
    std::deque<json::Value> adopted_;
    std::vector<std::shared_ptr<const Program>> evaluated_;  // programs made by $eval
};

template <class Swap>
List* Evaluation::merge_sort(const Items& items, const Swap& swap) {
    const std::size_t size = items.size();
    std::vector<Value> from(size);
    budget.bytes(2 * size * sizeof(Value));
    for (std::size_t i = 0; i < size; ++i)
        from[i] = items[i];
    std::vector<Value> to(size);
    // Halves as the reference implementation cuts them: from the top, the left half being the smaller one.
    const auto sort_range = [&](const auto& self, std::size_t begin, std::size_t end) -> void {
        if (end - begin <= 1) return;
        const std::size_t middle = begin + (end - begin) / 2;
        self(self, begin, middle);
        self(self, middle, end);
        std::size_t left = begin;
        std::size_t right = middle;
        for (std::size_t at = begin; at < end; ++at) {
            budget.step();
            if (left == middle) {
                to[at] = from[right++];
            } else if (right == end || !swap(from[left], from[right])) {
                to[at] = from[left++];
            } else {
                to[at] = from[right++];
            }
        }
        std::copy(to.begin() + static_cast<std::ptrdiff_t>(begin),
                  to.begin() + static_cast<std::ptrdiff_t>(end),
                  from.begin() + static_cast<std::ptrdiff_t>(begin));
    };
    sort_range(sort_range, 0, size);
    List* result = list();
    result->reserve(arena, size);
    for (const Value& value : from)
        result->push(arena, value);
    return result;
}

}  // namespace flowctl::jsonata
