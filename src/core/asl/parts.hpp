// The parts that states are made of, each read from its JSON into the model: paths, templates, retriers,
// catchers, choice rules. Every function reports what is wrong and then returns something harmless; a
// definition with a finding never becomes a Flow.
#pragma once

#include <string_view>
#include <vector>

#include "core/asl/fields.hpp"
#include "core/asl/findings.hpp"
#include "core/asl/model.hpp"

namespace flowctl::asl {

// The targets that a block knows: its states by name. An unknown name gives kEnd; graph.cpp reports it.
using Targets = std::map<std::string, StateIndex, std::less<>>;
StateIndex target(const Targets& targets, std::string_view name);

// Reads an array of objects, each by `read(fields, is_last)`.
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

// How strict a path field is.
enum class PathRule {
    Any,                   // InputPath, OutputPath
    Reference,             // ...Path fields, Variable
    ReferenceOrIntrinsic,  // ErrorPath, CausePath
};

std::optional<path::Expression> read_path(Fields& fields, std::string_view name, PathRule rule);
Selection read_selection(Fields& fields, std::string_view name);
ResultPlace read_result_place(Fields& fields);
// `objects_only`: whether anything but an object is a finding.
std::optional<path::Template> read_template(Fields& fields, std::string_view name, bool objects_only);
std::optional<path::Template> read_assign(Fields& fields);
// `name` or `name`Path, at most one of them; in JSONata, `name`, which may be an expression.
Seconds read_seconds(Fields& fields, std::string_view name, std::string_view path_name, std::int64_t least);

// Which parts of $states a field can read, besides input and context.
using Place = jsonata::Expression::Places;
inline constexpr Place kNoPlace{.result = false, .error_output = false};
inline constexpr Place kResultPlace{.result = true, .error_output = false};
inline constexpr Place kErrorPlace{.result = false, .error_output = true};

// Fields of JSONata states: any JSON with expressions in it; the field if it is one expression (else nothing,
// and the field is read as in the other language); Output and Assign.
std::optional<Query> read_query(Fields& fields, std::string_view name, const Place& place = kNoPlace);
std::optional<Query> read_expression(Fields& fields, std::string_view name);
Exit read_exit(Fields& fields, const Place& place);

void check_variable_name(std::string_view name, const Where& where, Findings& findings);

std::vector<Retrier> read_retry(Fields& fields);
std::vector<Catcher> read_catch(Fields& fields, const Targets& targets);

std::vector<ChoiceRule> read_choices(Fields& fields, const Targets& targets);
// Whether only choice rules in JSONPath have the field.
bool is_rule_field(std::string_view name) noexcept;

}  // namespace flowctl::asl
