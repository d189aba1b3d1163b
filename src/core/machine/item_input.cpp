// Inputs of items; see item_input.hpp.
#include "core/machine/item_input.hpp"

namespace flowctl::machine {

ItemInputs::ItemInputs(const asl::State& map, const MapRunPlan& plan) : context_(plan.context) {
    visit_.state = plan.state;
    visit_.path = plan.path;
    visit_.definition = &map;
    visit_.phase = VisitPhase::MapRunning;
    visit_.input.value = plan.input;
    visit_.entered_event = plan.entered_event;
    visit_.visit = plan.visit;
    visit_.attempt = plan.attempt;
    for (const json::Member& variable : plan.variables.members())
        visit_.variables.emplace(variable.key, variable.value);
}

Evaluated<json::Value> ItemInputs::of(const MapItem& item, const Limits& limits, const Now& now) const {
    const auto& map = std::get<asl::MapFields>(visit_.definition->fields);
    if (!map.item_selector && !map.item_selector_query) return plain_input(item);
    Random random(now.seed);
    json::Value context;
    if (context_.is_object()) context = json::with_member(context_, "Map", map_context(item));
    Evaluator evaluator(limits, now.at, visit_, random, std::move(context));
    if (map.item_selector_query)
        return evaluator.query(*map.item_selector_query, std::string("ItemSelector"));
    return evaluator.apply(map.item_selector, visit_.input.value);
}

json::Value plain_input(const MapItem& item) {
    if (!item.key) return item.value;
    return json::ObjectBuilder().add("Key", *item.key).add("Value", item.value).build();
}

}  // namespace flowctl::machine
