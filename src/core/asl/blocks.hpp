// The blocks of a definition as it is written: the flow itself, the branches of a Parallel, the processor of
// a Map.
//
// What is looked at in the whole definition is looked at in the JSON and not in the model, so that what
// cannot be read for one reason is still seen by the others. The depth is the document's, which the parser
// limits. Called by graph, scopes, express and distribution; internal to core/asl.
#pragma once

#include <cstddef>
#include <string_view>

#include "core/asl/findings.hpp"
#include "core/json.hpp"

namespace flowctl::asl {

// Calls visit(state, where) for each state of a block; a state is a json::Member.
template <class Visit>
void for_each_state(const json::Value& block, const Where& where, const Visit& visit) {
    const json::Value* states = block.find("States");
    if (states == nullptr || !states->is_object()) return;
    const Where states_where(where, "States");
    for (const json::Member& state : states->members())
        visit(state, Where(states_where, state.key));
}

enum class Inner { Branch, Processor };

// Calls visit(block, where, what it is) for each block inside a state.
template <class Visit>
void for_each_inner(const json::Value& state, const Where& where, const Visit& visit) {
    if (const json::Value* branches = state.find("Branches"); branches != nullptr && branches->is_array()) {
        const Where branches_where(where, "Branches");
        for (std::size_t i = 0; i < branches->items().size(); ++i)
            visit(branches->items()[i], Where(branches_where, i), Inner::Branch);
    }
    for (const std::string_view name : {"ItemProcessor", "Iterator"})
        if (const json::Value* processor = state.find(name))
            visit(*processor, Where(where, name), Inner::Processor);
}

}  // namespace flowctl::asl
