// The immutable model of a definition, which machine::advance() runs.
//
// asl::compile() builds it once per flow version and has checked everything. So the machine never meets a
// malformed definition: every path is compiled, every transition is an index, and every number is in range. A
// Block is a StartAt with its States; the flow's top level is one, and so are each branch of a Parallel and
// the processor of a Map. Frames name a state by its name and find it here. The model is shared between runs
// and threads of control, and nothing in it changes after compile().
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/asl/data_resource.hpp"
#include "core/asl/jsonata_query.hpp"
#include "core/asl/resource.hpp"
#include "core/asl/timestamp.hpp"
#include "core/json.hpp"
#include "core/path/path.hpp"

namespace flowctl::asl {

enum class StateType { Pass, Task, Choice, Wait, Succeed, Fail, Parallel, Map };
enum class QueryLanguage { JsonPath, Jsonata };

std::string_view name_of(StateType type) noexcept;  // "Pass", ...

// The target of a transition: the index of a state in the same block, or the end of the block.
using StateIndex = int;
inline constexpr StateIndex kEnd = -1;

// InputPath and OutputPath: the whole value (absent or "$"), nothing (null: the empty object), or the value
// that a path selects.
struct Selection {
    enum class Kind { Whole, Nothing, Path };
    Kind kind = Kind::Whole;
    std::optional<path::Expression> path;  // for Kind::Path
};

// ResultPath: the result replaces the input (absent or "$"), is dropped (null), or goes into the input at a
// path.
struct ResultPlace {
    enum class Kind { Replace, Discard, Insert };
    Kind kind = Kind::Replace;
    std::optional<path::ReferencePath> path;  // for Kind::Insert
};

inline constexpr std::int64_t kMostSeconds = 99'999'999;

// A number of seconds, written in the definition, or a path or an expression that leads to one.
struct Seconds {
    std::optional<std::int64_t> literal;
    std::optional<path::Expression> path;
    std::optional<Query> query;
};

// An exit of a JSONata state: its output and its assigned variables. The state itself has one, and so have
// each catcher and each choice rule.
struct Exit {
    std::optional<Query> output;  // absent if the state gives its default
    std::optional<Query> assign;  // an object
};

// ------------------------------------------------------------------------------------------- errors

struct Retrier {
    std::vector<std::string> error_equals;
    std::int64_t interval_seconds = 1;
    std::int64_t max_attempts = 3;
    double backoff_rate = 2.0;
    std::optional<std::int64_t> max_delay_seconds;
    bool full_jitter = false;
};

struct Catcher {
    std::vector<std::string> error_equals;
    StateIndex next = kEnd;
    ResultPlace result_path;
    std::optional<path::Template> assign;
    Exit exit;  // for a JSONata state
};

// ------------------------------------------------------------------------------------------- choice

// One comparison. The 42 operator names are these eleven kinds; four of the kinds have relations and a
// ...Path form.
struct Comparison {
    enum class Kind {
        String,
        Numeric,
        Boolean,
        Timestamp,  // compares with a value by `relation`
        StringMatches,
        IsNull,
        IsPresent,
        IsNumeric,
        IsString,
        IsBoolean,
        IsTimestamp,  // compares with true or false
    };
    enum class Relation { Equals, LessThan, GreaterThan, LessThanEquals, GreaterThanEquals };

    Kind kind = Kind::IsPresent;
    Relation relation = Relation::Equals;
    std::optional<path::Expression> variable;      // always there
    json::Value literal;                           // the operand as written, if there is no `operand_path`
    std::optional<path::Expression> operand_path;  // for the ...Path operators
    std::optional<asl::Timestamp> instant;         // for the kind Timestamp: the parsed literal
};

struct Condition {
    enum class Kind { Compare, And, Or, Not };
    Kind kind = Kind::Compare;
    std::vector<Condition> operands;            // And, Or: at least one; Not: exactly one
    std::shared_ptr<const Comparison> compare;  // for Kind::Compare
};

struct ChoiceRule {
    Condition condition;
    std::optional<Query> query;  // for a JSONata state, in place of `condition`
    StateIndex next = kEnd;
    std::optional<path::Template> assign;
    Exit exit;  // for a JSONata state
};

// ------------------------------------------------------------------------------------------- states

struct Block;

struct PassFields {
    std::optional<json::Value> result;
};

struct TaskFields {
    Resource resource;
    Seconds timeout;
    Seconds heartbeat;
    std::optional<path::Template> credentials;
    std::optional<Query> credentials_query;
};

struct ChoiceFields {
    std::vector<ChoiceRule> rules;
    std::optional<StateIndex> default_next;
};

// Exactly one of the members is there.
struct WaitFields {
    Seconds seconds;
    std::optional<Timestamp> timestamp;
    std::optional<path::Expression> timestamp_path;
    std::optional<Query> timestamp_query;
};

struct SucceedFields {};

struct FailFields {
    std::optional<std::string> error;
    std::optional<path::Expression> error_path;
    std::optional<std::string> cause;
    std::optional<path::Expression> cause_path;
    std::optional<Query> error_query;
    std::optional<Query> cause_query;
};

struct ParallelFields {
    std::vector<std::shared_ptr<const Block>> branches;
};

// A number, written in the definition, or a path or an expression that leads to one.
struct Count {
    std::optional<std::int64_t> literal;
    std::optional<path::Expression> path;
    std::optional<Query> query;
    bool given() const noexcept { return literal || path || query; }
};
struct Percentage {
    std::optional<double> literal;
    std::optional<path::Expression> path;
    std::optional<Query> query;
};

// Any JSON with expressions in the state's language, or nothing.
struct Content {
    std::optional<path::Template> payload;
    std::optional<Query> query;
    bool given() const noexcept { return payload || query; }
};

// The format of the document that a reader finds, and how it is divided into items.
enum class InputType { None, Csv, Json, Jsonl, Parquet, Manifest };

struct ReaderConfig {
    // None: the resource decides (rows of a query, objects of a bucket).
    InputType input_type = InputType::None;
    bool load_and_flatten = false;  // Transformation: the items are inside each of the listed objects
    std::string manifest_type;      // ATHENA_DATA, S3_INVENTORY, or empty
    char csv_delimiter = ',';
    std::optional<std::vector<std::string>> csv_headers;  // absent if the first row has them
    std::string items_pointer;  // JSON Pointer to the array; empty for the whole document
    Count max_items;            // 0 for all
};

struct ItemReader {
    DataResource resource;
    Content arguments;  // Parameters or Arguments
    ReaderConfig config;
};

struct ItemBatcher {
    Count max_items;  // at least one of max_items and max_bytes is given
    Count max_bytes;
    Content batch_input;
};

struct ResultWriter {
    // The result of a child: a description of its run, its output, or the items of its output if that is an
    // array.
    enum class Transformation { None, Compact, Flatten };
    enum class OutputType { Json, Jsonl };
    std::optional<DataResource> resource;  // absent if the results are the state's own
    Content arguments;
    Transformation transformation = Transformation::None;
    OutputType output_type = OutputType::Json;
};

struct Flow;

// The fields of a Map whose ProcessorConfig says DISTRIBUTED. Its items become runs of their own, and each of
// them runs `flow`, whose top level is the Map's processor.
struct Distribution {
    std::shared_ptr<const Flow> flow;
    bool express = false;  // ExecutionType of the children
    // A part of the names of the map run and its children. If absent, it is made from the state's name.
    std::string label;
    std::optional<ItemReader> reader;
    std::optional<ItemBatcher> batcher;
    std::optional<ResultWriter> writer;
};

struct MapFields {
    std::shared_ptr<const Block> processor;
    std::shared_ptr<const Distribution> distributed;  // null for an inline Map
    std::optional<path::Expression> items_path;       // absent if the items are the effective input itself
    std::optional<path::Template> item_selector;      // ItemSelector, or Parameters, which is its old name
    std::optional<Query> items;  // for a JSONata state; absent if the items are the state's input
    std::optional<Query> item_selector_query;
    Count max_concurrency;
    Count tolerated_failure_count;
    Percentage tolerated_failure_percentage;
};

struct State {
    std::string name;
    // {"name": <name>}, made once because most of the state's history events have these details.
    json::Value named;
    bool reads_context = false;  // whether any of its expressions may read the Context Object
    QueryLanguage language = QueryLanguage::JsonPath;
    StateIndex next = kEnd;  // the state's successor (not for Choice, Succeed and Fail)

    // The fields of several types of states. An absent field has the value that the language gives it then.
    Selection input_path;
    std::optional<path::Template> parameters;
    std::optional<path::Template> result_selector;
    ResultPlace result_path;
    Selection output_path;
    std::optional<path::Template> assign;
    // For JSONata states, in place of the fields above.
    std::optional<Query> arguments;
    Exit exit;

    std::vector<Retrier> retry;
    std::vector<Catcher> catchers;

    std::variant<PassFields, TaskFields, ChoiceFields, WaitFields, SucceedFields, FailFields, ParallelFields,
                 MapFields>
        fields;

    StateType type() const noexcept { return static_cast<StateType>(fields.index()); }
};

struct Block {
    StateIndex start_at = 0;
    std::vector<State> states;  // in document order
    std::map<std::string, StateIndex, std::less<>> by_name;

    const State* find(std::string_view name) const noexcept {
        const auto found = by_name.find(name);
        return found == by_name.end() ? nullptr : &states[static_cast<std::size_t>(found->second)];
    }
};

struct Flow {
    std::string comment;
    QueryLanguage language = QueryLanguage::JsonPath;
    std::optional<std::int64_t> timeout_seconds;
    Block top;
    // The flows that the children of each distributed Map run, by the name of the Map, however deep it is
    // nested. No two states of a definition have the same name. The flow of a processor holds the Maps inside
    // it as well.
    std::map<std::string, std::shared_ptr<const Flow>, std::less<>> processors;
};

}  // namespace flowctl::asl
