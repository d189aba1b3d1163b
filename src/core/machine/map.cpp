// Map: its items, and the numbers that say how it goes over them; see runner.hpp.
//
// In JSONPath, items are read from the state's input when their turn comes and are stored nowhere else: a
// path gives the same value throughout a visit, because neither its input nor its variables change. A query
// may give another value the second time and may be expensive, so the value of Items is kept in the fork.
// Tolerated failures belong to distributed Maps (map_run_state.cpp). An inline Map checks the fields as well,
// as AWS does, and still fails with the first item that fails.
#include <algorithm>

#include "core/machine/item_input.hpp"
#include "core/machine/map_numbers.hpp"
#include "core/machine/runner.hpp"

namespace flowctl::machine {

namespace {

const asl::MapFields& map_of(const BranchFrame& branch) {
    return std::get<asl::MapFields>(branch.definition->fields);
}

// The items of a Map in JSONata. An object is allowed only if it is written out in the definition; an object
// from an expression or from the input is refused.
Evaluated<json::Value> query_items(const asl::MapFields& map, Evaluator& evaluator,
                                   const json::Value& input) {
    if (map.items) {
        return map.items->kind == asl::Query::Kind::Expression
                   ? evaluator.query(*map.items, "Items", json::Kind::Array)
                   : evaluator.query(*map.items, std::string("Items"));
    }
    if (input.is_array()) return input;
    return Err{evaluator.query_failure("Map state input must be an array but was: " + json::dump(input), "")};
}

// The items of the Map: an array, or an object whose members are the items.
Evaluated<json::Value> items_of(const asl::MapFields& map, Evaluator& evaluator, const json::Value& input) {
    auto items = map.items_path ? evaluator.evaluate(*map.items_path, input) : Evaluated<json::Value>(input);
    if (!items.ok() || items.value().is_array()) return items;
    // AWS takes an object only from the state's data; from the Context Object it takes arrays only.
    const bool of_context = map.items_path && map.items_path->text().starts_with("$$");
    if (items.value().is_object() && !of_context) return items;
    return Err{evaluator.runtime("Reference path \"" + (map.items_path ? map.items_path->text() : "$") +
                                 "\" must point to array.")};
}

}  // namespace

void Runner::work_map(BranchFrame& branch, Evaluator& evaluator) {
    const asl::State& state = *branch.definition;
    const asl::MapFields& map = map_of(branch);
    const auto selected = evaluator.select(state.input_path, branch.input.value);
    if (!selected.ok()) return fail_state(branch, selected.error());
    const bool reads = map.distributed != nullptr && map.distributed->reader;
    const auto items = reads                ? Evaluated<json::Value>(json::Value())
                       : is_jsonata(branch) ? query_items(map, evaluator, selected.value())
                                            : items_of(map, evaluator, selected.value());
    if (!items.ok()) return fail_fork_state(branch, items.error());
    const auto most = count_of(map.max_concurrency, "MaxConcurrency", evaluator, selected.value());
    if (!most.ok()) return fail_fork_state(branch, most.error());
    evaluator.note(&map.max_concurrency, json::Value::integer(most.value()));
    const std::size_t length = items.value().size();
    record(
        branch, "MapStateStarted",
        json::ObjectBuilder().add("length", json::Value::integer(static_cast<std::int64_t>(length))).build());
    if (history_full_) return;
    const auto tolerated =
        count_of(map.tolerated_failure_count, "ToleratedFailureCount", evaluator, selected.value());
    if (!tolerated.ok()) return fail_fork_state(branch, tolerated.error());
    if (map.tolerated_failure_count.given())
        evaluator.note(&map.tolerated_failure_count, json::Value::integer(tolerated.value()));
    const auto percentage = percentage_of(map.tolerated_failure_percentage, evaluator, selected.value());
    if (!percentage.ok()) return fail_fork_state(branch, percentage.error());
    if (percentage.value())
        evaluator.note(&map.tolerated_failure_percentage, json::Value::number(*percentage.value()));
    if (map.distributed != nullptr) {
        MapRunPlan plan;
        plan.items = items.value();
        plan.max_concurrency = most.value();
        if (map.tolerated_failure_count.given()) plan.tolerated_count = tolerated.value();
        plan.tolerated_percentage = percentage.value();
        return begin_map_run(branch, evaluator, selected.value(), std::move(plan));
    }

    Fork fork;
    fork.input = branch.input;
    if (is_jsonata(branch)) fork.items = items.value();
    fork.length = length;
    const std::int64_t allowed = limits_.max_map_concurrency;
    fork.most = static_cast<std::size_t>(most.value() == 0 || allowed == 0 ? most.value() + allowed
                                                                           : std::min(most.value(), allowed));
    // The result of a state that discards it unread is seen by nobody, so outputs need not be kept.
    fork.keeps_outputs =
        state.result_path.kind != asl::ResultPlace::Kind::Discard || state.result_selector || state.assign;
    fork.outputs = Outputs(fork.length);
    begin_fork(branch, std::move(fork));
}

std::optional<Failure> Runner::take_item(BranchFrame& parent, BranchFrame& child) {
    const asl::MapFields& map = map_of(parent);
    Evaluator of_map = evaluator_of(parent);
    const auto selected = of_map.select(parent.definition->input_path, parent.input.value);
    if (!selected.ok()) return selected.error();
    const bool kept = !parent.fork->items.is_null();
    const auto items =
        kept ? Evaluated<json::Value>(parent.fork->items) : items_of(map, of_map, selected.value());
    if (!items.ok()) return items.error();
    const std::size_t from = parent.fork->items_from;
    if (items.value().size() + from != parent.fork->length)
        return of_map.runtime("The stored state of the run does not fit its input.");

    MapItem item;
    item.index = child.index;
    if (items.value().is_array()) {
        item.value = items.value().items()[child.index - from];
    } else {
        const json::Member& member = items.value().members()[child.index - from];
        item.key = member.key;
        item.value = member.value;
    }
    child.input.value = plain_input(item);
    if (map.item_selector || map.item_selector_query) {
        Evaluator of_item = evaluator_of(parent, &item);
        auto input = map.item_selector_query
                         ? of_item.query(*map.item_selector_query, std::string("ItemSelector"))
                         : of_item.apply(map.item_selector, selected.value());
        spend(of_item);
        if (!input.ok()) return input.error();
        child.input.value = std::move(input).value();
    }
    child.item = std::move(item);
    if (child.input.value.same(parent.input.value)) {
        child.input.event = parent.input.event;
        return std::nullopt;
    }
    return unkeepable(parent, child.input.value);
}

}  // namespace flowctl::machine
