// The options of flows: their names, what each may be, and the values as the code reads them.
//
// Some options belong to a version, the others to the flow. What a run in flight does, or what its definition
// counts on, belongs to the version: the run keeps it, as it keeps the definition. Everything else belongs to
// the flow and counts for all its versions: what is looked at when a run starts or ends, and what operators
// change while runs are under way (flowctl.alter_flow).
//
// Each option is one row of a table in flow_options.cpp. A capability that has an option adds a row and a
// member here; what has to be looked up in the catalog is checked where the option is set (flows/).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/gates/rate.hpp"
#include "core/json.hpp"
#include "core/schema/json_schema.hpp"
#include "pg/flow_options/flow_expression.hpp"

namespace flowctl::pg {

// The attribute that the option subject_key gives. No attribute of the option attributes has such a name.
constexpr std::string_view kSubjectAttribute = "$subject";

enum class KeepData { All, Error, None };
enum class OnExhausted { Fail, Pause };
enum class OnLimit { Queue, Refuse, Replace };

// Options of a version. The members hold the defaults.
struct VersionOptions {
    bool run_as_invoker = false;
    KeepData keep_data = KeepData::All;
    bool run_as_superuser = false;
    OnExhausted on_exhausted = OnExhausted::Fail;
    std::shared_ptr<const schema::Schema> input_schema;  // null: any input fits
};

// Options of a flow.
struct FlowOptions {
    struct Attribute {
        std::string name;
        FlowExpression expression;
    };
    std::vector<Attribute> attributes;
    std::optional<std::string> on_failure;  // the flow to start, as flowctl.start() takes it
    std::optional<std::int64_t> start_within, finish_within;  // expect; microseconds

    // Limits: which runs may begin when. Lengths of time are in microseconds.
    struct Limits {
        std::optional<std::int64_t> max_concurrency;
        std::optional<gates::Rate> rate;
        std::int64_t burst = 1;
        std::optional<FlowExpression> concurrency_key, rate_key;
        int priority = 0;
        std::optional<FlowExpression> priority_of;  // instead, where it depends on the input
        std::vector<std::string> named;
        std::optional<std::int64_t> queue_timeout;
        OnLimit on_limit = OnLimit::Queue;
        std::optional<std::int64_t> debounce, debounce_max;
        std::optional<FlowExpression> debounce_key;
        bool has_burst = false;

        // Whether a run may have to wait before it begins.
        bool any() const { return max_concurrency || rate || debounce || !named.empty(); }
    };
    Limits limits;
};

// What define_flow() and alter_flow() are given, divided by where it belongs. Each raises an error that names
// the option where there is no such option, where its value is not allowed, or where options contradict each
// other. A null stands for the default.
struct DividedOptions {
    json::Value version, flow;  // objects
};
DividedOptions divide_options(const json::Value& given);
// With every option that is always shown, in a fixed order, so that equal options are equal text.
json::Value complete_version_options(const json::Value& given);
// Whether each option of a flow may have its value; whether they go together, the present ones decide, too.
void check_flow_options(const json::Value& given);
// The options of a flow after a change; `given` holds options of the flow only.
json::Value change_flow_options(const json::Value& present, const json::Value& given);
// Raises where the object names an option of a version, since a version never changes.
void require_flow_options(const json::Value& given);

// What is stored, as it was checked when it was set. An option that this library cannot read any more has its
// default.
VersionOptions read_version_options(std::string_view stored);
FlowOptions read_flow_options(std::string_view stored);

}  // namespace flowctl::pg
