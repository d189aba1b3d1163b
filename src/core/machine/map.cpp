// Map: its items, and the numbers that say how it goes over them; see runner.hpp.
//
// In JSONPath, items are taken from the state's input when their turn comes and are held nowhere else: paths
// give the same value throughout a visit, because neither its input nor its variables change. Queries may
// not, and may be expensive, so what Items gives is kept in the fork. The tolerated failures say what a
// distributed Map does; they are read and checked here, and the first item that fails ends the Map.
#include <algorithm>

#include "core/machine/runner.hpp"

namespace flowctl::machine {

namespace {

const asl::MapFields& map_of(const BranchFrame& branch) {
    return std::get<asl::MapFields>(branch.definition->fields);
}

// The number that a value is or, if it is a string, spells.
json::Value number_in(const json::Value& value) {
    if (value.is_number()) return value;
    if (!value.is_string()) return {};
    auto parsed = json::parse(value.as_string());
    return parsed.ok() && parsed.value().is_number() ? parsed.value() : json::Value();
}

Failure not_a_number(std::string_view field, const path::Expression& path, const json::Value& value,
                     std::string_view wanted, const Evaluator& evaluator) {
    return evaluator.runtime("The " + std::string(field) + "Path field refers to value " + json::dump(value) +
                             " which is not a valid " + std::string(wanted) + ": " + path.text());
}

Evaluated<std::int64_t> count_of(const asl::Count& count, std::string_view field, Evaluator& evaluator,
                                 const json::Value& input) {
    if (count.query) {
        const auto value = evaluator.query(*count.query, field, json::Kind::Number);
        if (!value.ok()) return Err{value.error()};
        const auto integer = value.value().as_integer();
        if (integer && *integer >= 0) return *integer;
        return Err{evaluator.query_failure(
            integer ? std::string(field) + " cannot be negative."
                    : "The " + std::string(field) + " field has the value " + json::dump(value.value()) +
                          " which is not a valid integer: " + count.query->text,
            field)};
    }
    if (!count.path) return count.literal.value_or(0);
    const auto value = evaluator.evaluate(*count.path, input);
    if (!value.ok()) return Err{value.error()};
    const json::Value number = number_in(value.value());
    const auto integer = number.is_number() ? number.as_integer() : std::nullopt;
    if (!integer) return Err{not_a_number(field, *count.path, value.value(), "integer", evaluator)};
    if (*integer < 0) return Err{evaluator.runtime(std::string(field) + " cannot be negative.")};
    return *integer;
}

std::optional<Failure> check_percentage(const asl::Percentage& percentage, Evaluator& evaluator,
                                        const json::Value& input) {
    constexpr std::string_view kField = "ToleratedFailurePercentage";
    constexpr std::string_view kOutOfRange = "ToleratedFailurePercentage must be between 0 and 100.";
    if (percentage.query) {
        const auto value = evaluator.query(*percentage.query, kField, json::Kind::Number);
        if (!value.ok()) return value.error();
        const double given = value.value().as_double();
        if (given >= 0.0 && given <= 100.0) return std::nullopt;
        return evaluator.query_failure(std::string(kOutOfRange), kField);
    }
    if (!percentage.path) return std::nullopt;
    const auto value = evaluator.evaluate(*percentage.path, input);
    if (!value.ok()) return value.error();
    const json::Value number = number_in(value.value());
    if (!number.is_number()) {
        return not_a_number(kField, *percentage.path, value.value(), "float", evaluator);
    }
    const double given = number.as_double();
    if (given >= 0.0 && given <= 100.0) return std::nullopt;
    return evaluator.runtime(std::string(kOutOfRange));
}

// What a Map in JSONata goes over. An object can be written out in the definition; that an expression, or
// what came before, gives one is refused.
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

// What the Map goes over: an array, or an object, whose members are its items.
Evaluated<json::Value> items_of(const asl::MapFields& map, Evaluator& evaluator, const json::Value& input) {
    auto items = map.items_path ? evaluator.evaluate(*map.items_path, input) : Evaluated<json::Value>(input);
    if (!items.ok() || items.value().is_array() || items.value().is_object()) return items;
    return Err{evaluator.runtime("Reference path \"" + (map.items_path ? map.items_path->text() : "$") +
                                 "\" must point to array.")};
}

}  // namespace

void Runner::work_map(BranchFrame& branch, Evaluator& evaluator) {
    const asl::State& state = *branch.definition;
    const asl::MapFields& map = map_of(branch);
    const auto selected = evaluator.select(state.input_path, branch.input.value);
    if (!selected.ok()) return fail_state(branch, selected.error());
    const auto items = is_jsonata(branch) ? query_items(map, evaluator, selected.value())
                                          : items_of(map, evaluator, selected.value());
    if (!items.ok()) return fail_fork_state(branch, items.error());
    const auto most = count_of(map.max_concurrency, "MaxConcurrency", evaluator, selected.value());
    if (!most.ok()) return fail_fork_state(branch, most.error());

    Fork fork;
    fork.input = branch.input;
    if (is_jsonata(branch)) fork.items = items.value();
    fork.length = items.value().size();
    const std::int64_t allowed = limits_.max_map_concurrency;
    fork.most = static_cast<std::size_t>(most.value() == 0 || allowed == 0 ? most.value() + allowed
                                                                           : std::min(most.value(), allowed));
    // Nobody sees the result of a state that discards it unread.
    fork.keeps_outputs =
        state.result_path.kind != asl::ResultPlace::Kind::Discard || state.result_selector || state.assign;
    fork.outputs = Outputs(fork.length);
    record(branch, "MapStateStarted",
           json::ObjectBuilder()
               .add("length", json::Value::integer(static_cast<std::int64_t>(fork.length)))
               .build());
    if (history_full_) return;
    const auto tolerated =
        count_of(map.tolerated_failure_count, "ToleratedFailureCount", evaluator, selected.value());
    if (!tolerated.ok()) return fail_fork_state(branch, tolerated.error());
    if (const auto failure = check_percentage(map.tolerated_failure_percentage, evaluator, selected.value()))
        return fail_fork_state(branch, *failure);
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
        child.input.value = item.value;
    } else {
        const json::Member& member = items.value().members()[child.index - from];
        item.key = member.key;
        item.value = member.value;
        child.input.value = json::ObjectBuilder().add("Key", member.key).add("Value", member.value).build();
    }
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
