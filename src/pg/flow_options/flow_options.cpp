// The tables of options. See flow_options.hpp.
#include "pg/flow_options/flow_options.hpp"

#include <algorithm>

#include "pg/flow_options/flow_option_values.hpp"
#include "pg/server/quoting.hpp"

extern "C" {
#include "utils/varlena.h"
}

namespace flowctl::pg {

namespace {

// `read` gives false where the value is not allowed; `allowed` is the hint then. `shown` is what the option is
// completed with where it is not given, as JSON; empty: nothing, so it is kept only where it differs from
// its `otherwise`.
template <class Options>
struct Spec {
    std::string_view name;
    std::string_view allowed;
    std::string_view shown, otherwise;
    bool (*read)(const json::Value& value, Options& options);
};

// Puts what was read into its member.
template <class Value, class Member>
bool put(const std::optional<Value>& value, Member& member) {
    if (value) member = static_cast<Member>(*value);
    return value.has_value();
}

constexpr std::size_t kMostTags = 50;
constexpr std::size_t kMostAttributes = 10;

bool are_tags(const json::Value& value) {
    if (!value.is_object() || value.size() > kMostTags) return false;
    return std::all_of(value.members().begin(), value.members().end(), [](const json::Member& tag) {
        return !tag.key.empty() && tag.key.size() <= 128 && tag.value.is_string() &&
               tag.value.as_string().size() <= 256;
    });
}

bool read_attributes(const json::Value& value, FlowOptions& options) {
    if (!value.is_object() || value.size() > kMostAttributes) return false;
    for (const json::Member& member : value.members()) {
        if (!read_names(json::Value::array({json::Value::string(member.key)}), 1)) return false;
        const auto expression = read_expression("attributes", member.value);
        if (!expression) return false;
        options.attributes.push_back({member.key, *expression});
    }
    return true;
}

// A run is found by its subject as by an attribute.
bool read_subject_key(const json::Value& value, FlowOptions& options) {
    const auto expression = read_expression("subject_key", value);
    if (expression) options.attributes.push_back({std::string(kSubjectAttribute), *expression});
    return expression.has_value();
}

bool read_expect(const json::Value& value, FlowOptions& options) {
    if (!value.is_object() || value.size() == 0) return false;
    for (const json::Member& member : value.members()) {
        const auto micros = read_length_of_time(member.value);
        if (!micros || (member.key != "start_within" && member.key != "finish_within")) return false;
        (member.key == "start_within" ? options.start_within : options.finish_within) = *micros;
    }
    return true;
}

bool read_input_schema(const json::Value& value, VersionOptions& options) {
    if (!value.is_object() && !value.is_bool()) return false;
    auto compiled = schema::Schema::compile(value);
    if (!compiled)
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE,
                        "option \"input_schema\" of a flow is not valid: " +
                            (compiled.error().pointer.empty() ? "the schema"
                                                              : shortened_name(compiled.error().pointer)) +
                            " " + compiled.error().message,
                        "It is a JSON Schema of draft 7 (json-schema.org).",
                        compiled.error().pointer.empty()
                            ? std::string()
                            : "JSON Pointer: " + std::string(first_bytes(compiled.error().pointer, 1024)));
    options.input_schema = std::make_shared<const schema::Schema>(std::move(compiled).value());
    return true;
}

constexpr std::string_view kExpressionHint =
    "It is a JSONPath or JSONata over the input that gives a text, a number or a truth value, such as "
    "'$.customer'.";
constexpr std::string_view kRateHint =
    "It is a number of runs and a time, such as '100/min', '5/s' or '20/2 h': at least one, and at most a "
    "million a second.";
constexpr std::string_view kTimeHint = "It is a length of time of at most a year, such as '5 s' or '1 h 30 min'.";

bool read_priority(const json::Value& value, FlowOptions& options) {
    if (value.is_number()) return put(read_whole_number(value, -100, 100), options.limits.priority);
    return put(read_expression("priority", value), options.limits.priority_of);
}

constexpr Spec<VersionOptions> kVersionSpecs[] = {
    {"run_as", "It is one of: OWNER, INVOKER.", "\"OWNER\"", "",
     [](const json::Value& v, VersionOptions& o) {
         return put(read_choice(v, {"OWNER", "INVOKER"}), o.run_as_invoker);
     }},
    {"keep_data", "It is one of: ALL, ERROR, NONE.", "\"ALL\"", "",
     [](const json::Value& v, VersionOptions& o) {
         return put(read_choice(v, {"ALL", "ERROR", "NONE"}), o.keep_data);
     }},
    {"run_as_superuser", "It is true or false.", "", "false",
     [](const json::Value& v, VersionOptions& o) { return put(read_truth(v), o.run_as_superuser); }},
    {"on_exhausted", "It is one of: fail, pause.", "", "\"fail\"",
     [](const json::Value& v, VersionOptions& o) {
         return put(read_choice(v, {"fail", "pause"}), o.on_exhausted);
     }},
    {"input_schema",
     "It is a JSON Schema of draft 7, such as {\"type\": \"object\", \"required\": [\"order\"]}.", "",
     "", read_input_schema},
};

constexpr Spec<FlowOptions> kFlowSpecs[] = {
    {"tags",
     "It is an object of at most 50 texts, such as {\"team\": \"billing\"}; a name has 1 to 128 bytes and a "
     "text at most 256.",
     "", "{}", [](const json::Value& v, FlowOptions&) { return are_tags(v); }},
    {"attributes",
     "It is an object of at most 10 expressions over the input, such as {\"order\": \"$.after.id\"}; names "
     "have 1 to 80 of the characters A-Z, a-z, 0-9, _ and -.",
     "", "{}", read_attributes},
    {"subject_key",
     "It is an expression over the input that finds the person whom a run is about, such as \"$.customer.id\".",
     "", "", read_subject_key},
    {"on_failure", "It is the name of a flow, which may have a version or alias: 'tidy', 'tidy:3' or 'tidy:live'.",
     "", "", [](const json::Value& v, FlowOptions& o) { return put(read_flow_reference(v), o.on_failure); }},
    {"expect",
     "It is an object of start_within and finish_within, each a length of time of at most a year, such as "
     "{\"start_within\": \"5 min\", \"finish_within\": \"1 h\"}.",
     "", "", read_expect},
    {"max_concurrency", "It is a whole number from 1 to 1000000000: how many runs may be open at once.", "", "",
     [](const json::Value& v, FlowOptions& o) {
         return put(read_whole_number(v, 1, 1'000'000'000), o.limits.max_concurrency);
     }},
    {"concurrency_key", kExpressionHint, "", "",
     [](const json::Value& v, FlowOptions& o) {
         return put(read_expression("concurrency_key", v), o.limits.concurrency_key);
     }},
    {"rate", kRateHint, "", "",
     [](const json::Value& v, FlowOptions& o) { return put(read_rate(v), o.limits.rate); }},
    {"burst", "It is a whole number from 1 to 1000000: how many runs may begin at once after a rest.", "", "",
     [](const json::Value& v, FlowOptions& o) {
         return o.limits.has_burst = put(read_whole_number(v, 1, gates::Bucket::kMostBurst), o.limits.burst);
     }},
    {"rate_key", kExpressionHint, "", "",
     [](const json::Value& v, FlowOptions& o) { return put(read_expression("rate_key", v), o.limits.rate_key); }},
    {"priority", "It is a whole number from -100 to 100, or an expression over the input that gives one.", "", "0",
     read_priority},
    {"limits", "It is an array of at most 10 names of limits that flowctl.create_limit() has made.", "", "[]",
     [](const json::Value& v, FlowOptions& o) { return put(read_names(v, 10), o.limits.named); }},
    {"queue_timeout", kTimeHint, "", "",
     [](const json::Value& v, FlowOptions& o) {
         return put(read_length_of_time(v), o.limits.queue_timeout);
     }},
    {"on_limit", "It is one of: queue, refuse, replace.", "", "\"queue\"",
     [](const json::Value& v, FlowOptions& o) {
         return put(read_choice(v, {"queue", "refuse", "replace"}), o.limits.on_limit);
     }},
    {"debounce", kTimeHint, "", "",
     [](const json::Value& v, FlowOptions& o) { return put(read_length_of_time(v), o.limits.debounce); }},
    {"debounce_max", kTimeHint, "", "",
     [](const json::Value& v, FlowOptions& o) { return put(read_length_of_time(v), o.limits.debounce_max); }},
    {"debounce_key", kExpressionHint, "", "",
     [](const json::Value& v, FlowOptions& o) {
         return put(read_expression("debounce_key", v), o.limits.debounce_key);
     }},
};

// ------------------------------------------------------------------------------------------ one option

template <class Options, std::size_t count>
const Spec<Options>* find_spec(const Spec<Options> (&specs)[count], std::string_view name) {
    const auto found = std::find_if(std::begin(specs), std::end(specs),
                                    [name](const Spec<Options>& spec) { return spec.name == name; });
    return found == std::end(specs) ? nullptr : found;
}

template <class Options>
void check_value(const Spec<Options>& spec, const json::Value& value) {
    Options ignored;
    if (spec.read(value, ignored)) return;
    throw UserError(ERRCODE_INVALID_PARAMETER_VALUE,
                    "invalid value for option " + in_quotes(spec.name) + " of a flow",
                    std::string(spec.allowed));
}

json::Value value_of(std::string_view text) {
    return json::parse(text).value();
}

// Calls `visit` with the name of each option.
template <class Visit>
void each_name(Visit&& visit) {
    for (const auto& spec : kVersionSpecs)
        visit(spec.name);
    for (const auto& spec : kFlowSpecs)
        visit(spec.name);
}

std::string names_of_flow_options() {
    std::string names;
    for (const auto& spec : kFlowSpecs)
        names += (names.empty() ? "" : ", ") + std::string(spec.name);
    return names;
}

// The name that a mistyped one most likely means: a third of it may differ.
std::string closest_name(const std::string& given) {
    std::string best;
    if (given.empty() || given.size() >= NAMEDATALEN) return best;
    int nearest = std::max(1, static_cast<int>(given.size()) / 3) + 1;
    each_name([&](std::string_view name) {
        const char* const text = given.data();
        const int length = static_cast<int>(given.size());
        const int distance = guarded([&] {
            return varstr_levenshtein_less_equal(text, length, name.data(), static_cast<int>(name.size()), 1, 1,
                                                 1, nearest, true);
        });
        if (distance >= nearest) return;
        nearest = distance;
        best = name;
    });
    return best;
}

[[noreturn]] void refuse_unknown(const std::string& name) {
    std::string names;
    each_name([&](std::string_view known) { names += (names.empty() ? "" : ", ") + std::string(known); });
    const std::string closest = closest_name(name);
    throw UserError(
        ERRCODE_INVALID_PARAMETER_VALUE, "unknown option " + in_quotes(shortened_name(name)) + " of a flow",
        (closest.empty() ? "" : "Perhaps you meant " + in_quotes(closest) + ". ") + "The options are: " + names +
            ".");
}

// ------------------------------------------------------------------------------------------ all of them

// Rules about options that go together.
void require_with(bool given, std::string_view option, bool other_given, std::string_view other) {
    if (!given || other_given) return;
    throw UserError(ERRCODE_INVALID_PARAMETER_VALUE,
                    "option " + in_quotes(option) + " of a flow needs the option " + in_quotes(other),
                    "Set both, or remove " + std::string(option) + " with a null.");
}

void check_together(const FlowOptions& options) {
    const FlowOptions::Limits& limits = options.limits;
    require_with(limits.has_burst, "burst", limits.rate.has_value(), "rate");
    require_with(limits.rate_key.has_value(), "rate_key", limits.rate.has_value(), "rate");
    require_with(limits.concurrency_key.has_value(), "concurrency_key", limits.max_concurrency.has_value(),
                 "max_concurrency");
    require_with(limits.on_limit == OnLimit::Replace, "on_limit", limits.max_concurrency.has_value(),
                 "max_concurrency");
    require_with(limits.debounce_max.has_value(), "debounce_max", limits.debounce.has_value(), "debounce");
    require_with(limits.debounce_key.has_value(), "debounce_key", limits.debounce.has_value(), "debounce");
    if (limits.debounce_max && *limits.debounce_max < *limits.debounce)
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE,
                        "option \"debounce_max\" of a flow is shorter than debounce",
                        "A window lasts as long as debounce says, and debounce_max is the longest that it may be "
                        "prolonged to.");
}

template <class Options, std::size_t count>
Options read_stored(const Spec<Options> (&specs)[count], std::string_view stored) {
    Options options;
    const auto parsed = json::parse(stored);
    if (!parsed) return options;
    for (const auto& spec : specs) {
        const json::Value* value = parsed->find(spec.name);
        if (value == nullptr) continue;
        try {
            Options with = options;
            if (spec.read(*value, with)) options = std::move(with);
        } catch (const UserError&) {
        }
    }
    return options;
}

}  // namespace

DividedOptions divide_options(const json::Value& given) {
    if (!given.is_object())
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE, "options of a flow must be a JSON object",
                        "For example '{\"run_as\": \"OWNER\"}'.");
    json::ObjectBuilder version, flow;
    for (const json::Member& member : given.members()) {
        if (find_spec(kVersionSpecs, member.key) != nullptr)
            version.add(member.key, member.value);
        else if (find_spec(kFlowSpecs, member.key) != nullptr)
            flow.add(member.key, member.value);
        else
            refuse_unknown(member.key);
    }
    return {version.build(), flow.build()};
}

json::Value complete_version_options(const json::Value& given) {
    json::ObjectBuilder complete;
    for (const auto& spec : kVersionSpecs) {
        const json::Value* value = given.find(spec.name);
        if (value == nullptr || value->is_null()) {
            if (!spec.shown.empty()) complete.add(spec.name, value_of(spec.shown));
            continue;
        }
        check_value(spec, *value);
        if (spec.shown.empty() && !spec.otherwise.empty() && json::equal(*value, value_of(spec.otherwise)))
            continue;
        complete.add(spec.name, *value);
    }
    return complete.build();
}

void check_flow_options(const json::Value& given) {
    for (const auto& spec : kFlowSpecs)
        if (const json::Value* value = given.find(spec.name); value != nullptr && !value->is_null())
            check_value(spec, *value);
}

json::Value change_flow_options(const json::Value& present, const json::Value& given) {
    check_flow_options(given);
    json::ObjectBuilder changed;
    FlowOptions all;
    for (const auto& spec : kFlowSpecs) {
        const json::Value* value = given.find(spec.name);
        if (value == nullptr) value = present.find(spec.name);
        if (value == nullptr || value->is_null()) continue;
        if (!spec.otherwise.empty() && json::equal(*value, value_of(spec.otherwise))) continue;
        changed.add(spec.name, *value);
        (void)spec.read(*value, all);
    }
    check_together(all);
    return changed.build();
}

void require_flow_options(const json::Value& given) {
    for (const json::Member& member : given.members())
        if (find_spec(kVersionSpecs, member.key) != nullptr)
            throw UserError(ERRCODE_INVALID_PARAMETER_VALUE,
                            "option " + in_quotes(member.key) + " belongs to the versions of a flow",
                            "A version never changes: define a new one by flowctl.define_flow(). "
                            "flowctl.alter_flow() changes: " +
                                names_of_flow_options() + ".");
}

VersionOptions read_version_options(std::string_view stored) {
    return read_stored(kVersionSpecs, stored);
}

FlowOptions read_flow_options(std::string_view stored) {
    return read_stored(kFlowSpecs, stored);
}

}  // namespace flowctl::pg
