// The parts that states are made of: paths, templates, retriers, catchers and choice rules, each read from
// its JSON into the model. Every function reports mistakes and then returns something harmless, because a
// definition with an error never becomes a Flow.
#pragma once

#include <string_view>
#include <vector>

#include "core/asl/fields.hpp"
#include "core/asl/findings.hpp"
#include "core/asl/model.hpp"

namespace flowctl::asl {

// The possible targets of transitions in a block: its states by name. An unknown name gives kEnd, and
// graph.cpp reports it.
using Targets = std::map<std::string, StateIndex, std::less<>>;
StateIndex target(const Targets& targets, std::string_view name);

// Reads an array of objects, each with `read(fields, is_last)`.
template <class Read>
void read_objects(Fields& fields, std::string_view name, const Read& read) {
    const json::Value* list = fields.array(name);
    if (list == nullptr) return;
    const Where where = fields.at(name);
    for (std::size_t i = 0; i < list->items().size(); ++i) {
        const Where here(where, i);
        if (!list->items()[i].is_object()) {
            fields.findings().error(here, "Expected value of type Object");
            continue;
        }
        Fields item(list->items()[i], here, fields.findings());
        item.set_language(fields.language());
        read(item, i + 1 == list->items().size());
    }
}

// Which kinds of paths a field accepts.
enum class PathRule {
    Any,                   // InputPath, OutputPath
    Reference,             // ...Path fields, Variable
    ReferenceOrIntrinsic,  // ErrorPath, CausePath
};

std::optional<path::Expression> read_path(Fields& fields, std::string_view name, PathRule rule);
Selection read_selection(Fields& fields, std::string_view name);
ResultPlace read_result_place(Fields& fields);
// If `objects_only` is set, anything but an object is a finding.
std::optional<path::Template> read_template(Fields& fields, std::string_view name, bool objects_only);
std::optional<path::Template> read_assign(Fields& fields);
// Reads `name` or `name`Path, of which at most one may be there. In JSONata it reads `name`, which may be an
// expression.
Seconds read_seconds(Fields& fields, std::string_view name, std::string_view path_name, std::int64_t least);

// The parts of $states that a field can read, besides input and context.
using Place = jsonata::Expression::Places;
inline constexpr Place kNoPlace{.result = false, .error_output = false};
inline constexpr Place kResultPlace{.result = true, .error_output = false};
inline constexpr Place kErrorPlace{.result = false, .error_output = true};

// Reads a field of a JSONata state: any JSON with expressions in it.
std::optional<Query> read_query(Fields& fields, std::string_view name, const Place& place = kNoPlace);
// Reads the field of a JSONata state if it is one expression. Otherwise the result is nothing, and the field
// is read as in JSONPath.
std::optional<Query> read_expression(Fields& fields, std::string_view name);
// Reads Output and Assign of a JSONata state.
Exit read_exit(Fields& fields, const Place& place);

void check_variable_name(std::string_view name, const Where& where, Findings& findings);

std::vector<Retrier> read_retry(Fields& fields);
std::vector<Catcher> read_catch(Fields& fields, const Targets& targets);

std::vector<ChoiceRule> read_choices(Fields& fields, const Targets& targets);
// Whether only choice rules in JSONPath have the field.
bool is_rule_field(std::string_view name) noexcept;

}  // namespace flowctl::asl
