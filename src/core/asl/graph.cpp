// The graph of a definition: where transitions lead, which states can be reached, and whether there is an
// end.
//
// The check works on the JSON and not on the model. So a state that cannot be read for another reason still
// counts as a target and a source, and one mistake gives one finding. As on AWS, some findings suppress
// others: for a block without an end only this and unknown targets are reported. See states.hpp.
#include <set>
#include <vector>

#include "core/asl/states.hpp"
#include "core/asl/walk.hpp"
#include "core/interrupt.hpp"

namespace flowctl::asl {

namespace {

// A transition, and the place where its target is named: a field of a state, or of an entry of one of its
// lists. The place is made into a pointer only if something is wrong there, because a pointer can be as long
// as the definition.
struct Edge {
    std::string_view target;
    std::string_view field;
    std::string_view list = {};
    std::size_t index = 0;
};

// The transitions of a block, by the state that they start from. Every state has an entry.
using Edges = std::map<std::string_view, std::vector<Edge>>;

class Graph {
  public:
    explicit Graph(Findings& findings) : findings_(findings) {}

    void check(const json::Value& block, const Where& where) {
        const json::Value* states = block.find("States");
        if (states == nullptr || !states->is_object()) return;
        const Where states_where(where, "States");
        Edges edges;
        bool has_end = false;
        for (const json::Member& state : states->members()) {
            const Where here(states_where, state.key);
            if (!names_.insert(state.key).second)
                findings_.error(here, "Duplicate State name: " + state.key, kDuplicateState);
            std::vector<Edge>& from = edges[state.key];
            if (!state.value.is_object()) continue;
            collect(state.value, from);
            has_end = has_end || ends(state.value);
            for_each_inner(state.value, here,
                           [this](const json::Value& inner, const Where& at, Inner) { check(inner, at); });
        }
        std::vector<Edge> start;
        add(block, "StartAt", start);
        for (const Edge& edge : start)
            check_target(edge, where, edges);
        for (const auto& [name, outgoing] : edges) {
            for (const Edge& edge : outgoing)
                check_target(edge, Where(states_where, name), edges);
        }
        if (states->members().empty()) return;
        if (!has_end) {
            findings_.error(where, "Workflow has no terminal state", kNoEnd);
            return;
        }
        if (start.empty()) return;
        check_reachable(*states, states_where, edges, start.front().target);
    }

  private:
    static void add(const json::Value& object, std::string_view field, std::vector<Edge>& out,
                    std::string_view list = {}, std::size_t index = 0) {
        const json::Value* name = object.find(field);
        if (name != nullptr && name->is_string()) out.push_back({name->as_string(), field, list, index});
    }

    static void collect(const json::Value& state, std::vector<Edge>& out) {
        add(state, "Next", out);
        add(state, "Default", out);
        for (const std::string_view list_name : {"Choices", "Catch"}) {
            const json::Value* list = state.find(list_name);
            if (list == nullptr || !list->is_array()) continue;
            for (std::size_t i = 0; i < list->items().size(); ++i)
                add(list->items()[i], "Next", out, list_name, i);
        }
    }

    static bool ends(const json::Value& state) {
        const json::Value* type = state.find("Type");
        if (type != nullptr && type->is_string() &&
            (type->as_string() == "Succeed" || type->as_string() == "Fail"))
            return true;
        const json::Value* end = state.find("End");
        return end != nullptr && !(end->is_bool() && !end->as_bool());  // another type is reported elsewhere
    }

    // `where` is the place of the state or the block.
    void check_target(const Edge& edge, const Where& where, const Edges& edges) {
        poll_.round();
        if (edges.count(edge.target) != 0) return;
        const Where list(where, edge.list);
        const Where entry(list, edge.index);
        findings_.error(Where(edge.list.empty() ? where : entry, edge.field),
                        "Missing 'Next' target: " + std::string(edge.target), kNoTarget);
    }

    void check_reachable(const json::Value& states, const Where& where, const Edges& edges,
                         std::string_view start) {
        std::set<std::string_view> reached;
        std::vector<std::string_view> pending{start};
        while (!pending.empty()) {
            const std::string_view name = pending.back();
            pending.pop_back();
            const auto outgoing = edges.find(name);
            if (outgoing == edges.end() || !reached.insert(outgoing->first).second) continue;
            for (const Edge& edge : outgoing->second)
                pending.push_back(edge.target);
        }
        for (const json::Member& state : states.members()) {
            if (reached.count(state.key) != 0) continue;
            findings_.error(Where(where, state.key), "State \"" + state.key + "\" is not reachable.",
                            kNoTarget);
        }
    }

    Findings& findings_;
    std::set<std::string, std::less<>> names_;
    Poll poll_;
};

}  // namespace

void check_graph(const json::Value& definition, Findings& findings) {
    Graph(findings).check(definition, Where());
}

}  // namespace flowctl::asl
