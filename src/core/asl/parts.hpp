// The parts that states are made of, each read from its JSON into the model: paths, templates, retriers,
// catchers, choice rules. Every function reports what is wrong and then returns something harmless; a
// definition with a finding never becomes a Flow. Internal to core/asl.
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
// `name` or `name`Path, at most one of them.
Seconds read_seconds(Fields& fields, std::string_view name, std::string_view path_name, std::int64_t least);

std::vector<Retrier> read_retry(Fields& fields);
std::vector<Catcher> read_catch(Fields& fields, const Targets& targets);

std::vector<ChoiceRule> read_choices(Fields& fields, const Targets& targets);

inline constexpr std::int64_t kMostSeconds = 99'999'999;

}  // namespace flowctl::asl
