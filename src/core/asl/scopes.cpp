// The scopes of variables: the flow is a scope, and so are each branch of a Parallel and the processor of a
// Map.
//
// An inner scope can read the variables of the scopes around it but must not assign to their names, because
// the meaning of a name must not depend on the way that a run has taken. So it does not matter whether the
// outer state comes before or after the inner one. A processor of a distributed Map sees no outer variables,
// so it may use all names. The variables that a Parallel or Map itself and its catchers assign belong to the
// outer scope. They are assigned when the inner scopes are gone, so AWS lets inner scopes use the same names.
// The check works on the JSON, as graph.cpp does. See states.hpp.
#include <map>
#include <set>
#include <vector>

#include "core/asl/distribution.hpp"
#include "core/asl/states.hpp"
#include "core/asl/walk.hpp"
#include "core/interrupt.hpp"

namespace flowctl::asl {

namespace {

using Names = std::set<std::string_view>;

std::string_view variable_of(std::string_view key) {
    return key.size() > 2 && key.ends_with(".$") ? key.substr(0, key.size() - 2) : key;
}

// Calls visit(assign object, where) for each Assign of a state: its own, and those of its choice rules and
// catchers.
template <class Visit>
void for_each_assign(const json::Value& state, const Where& where, const Visit& visit) {
    const auto look = [&visit](const json::Value& owner, const Where& at) {
        const json::Value* assign = owner.find("Assign");
        if (assign != nullptr && assign->is_object()) visit(*assign, Where(at, "Assign"));
    };
    look(state, where);
    for (const std::string_view list_name : {"Choices", "Catch"}) {
        const json::Value* list = state.find(list_name);
        if (list == nullptr || !list->is_array()) continue;
        const Where list_where(where, list_name);
        for (std::size_t i = 0; i < list->items().size(); ++i)
            look(list->items()[i], Where(list_where, i));
    }
}

// The names that the states of a block assign, as a block inside one of its states sees them. Names that only
// this one state assigns are left out. The blocks form a chain, because copying all names for each block
// would take as much memory as the names times the blocks.
struct Visible {
    const Visible* outer = nullptr;
    // The number of states that assign to each name.
    const std::map<std::string_view, std::size_t>* assigning = nullptr;
    const Names* own = nullptr;  // the names that the state around the block assigns

    bool has(std::string_view name) const {
        for (const Visible* at = this; at != nullptr; at = at->outer) {
            if (at->assigning == nullptr) continue;
            const auto found = at->assigning->find(name);
            if (found != at->assigning->end() && found->second > at->own->count(name)) return true;
        }
        return false;
    }
};

class Scopes {
  public:
    explicit Scopes(Findings& findings) : findings_(findings) {}

    void check(const json::Value& block, const Where& where, const Visible& outer) {
        const json::Value* states = block.find("States");
        if (states == nullptr || !states->is_object()) return;
        const Where states_where(where, "States");
        std::map<std::string_view, std::size_t> assigning;
        std::vector<Names> assigned;  // by state
        for (const json::Member& state : states->members()) {
            Names& names = assigned.emplace_back();
            for_each_assign(state.value, Where(states_where, state.key),
                            [&](const json::Value& assign, const Where& at) {
                                for (const json::Member& member : assign.members())
                                    take(member.key, Where(at, member.key), outer, names);
                            });
            for (const std::string_view name : names)
                ++assigning[name];
        }
        for (std::size_t i = 0; i < assigned.size(); ++i) {
            const json::Member& state = states->members()[i];
            const Visible visible{&outer, &assigning, &assigned[i]};
            for_each_inner(state.value, Where(states_where, state.key),
                           [&](const json::Value& inner, const Where& at, Inner what) {
                               const bool apart = what == Inner::Processor && is_distributed(inner);
                               check(inner, at, apart ? Visible{} : visible);
                           });
        }
    }

  private:
    void take(std::string_view key, const Where& where, const Visible& outer, Names& names) {
        poll_.round();
        const std::string_view name = variable_of(key);
        names.insert(name);
        if (!outer.has(name)) return;
        findings_.error(where, "The variable '" + std::string(name) +
                                   "' belongs to an outer scope and cannot be assigned in an inner one");
    }

    Findings& findings_;
    Poll poll_;
};

}  // namespace

void check_scopes(const json::Value& definition, Findings& findings) {
    Scopes(findings).check(definition, Where(), {});
}

}  // namespace flowctl::asl
