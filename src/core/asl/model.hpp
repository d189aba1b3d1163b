// The immutable model of a definition: what machine::advance() runs.
//
// Built once per flow version by asl::compile(), which has checked everything, so that the machine never
// meets a malformed definition: every path is compiled, every transition is an index, every number is in
// range. A Block is a StartAt with its States; the flow's top level is one, and so is each branch of a
// Parallel and the processor of a Map. Frames name a state by its name and find it here. Shared between runs
// and threads of control: nothing here changes after compile().
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

// Where a transition leads: an index into the states of the same block, or the end of the block.
using StateIndex = int;
inline constexpr StateIndex kEnd = -1;

// InputPath and OutputPath: the whole (absent or "$"), nothing (null: the empty object), or what a path
// selects.
struct Selection {
    enum class Kind { Whole, Nothing, Path };
    Kind kind = Kind::Whole;
    std::optional<path::Expression> path;  // Kind::Path
};

// ResultPath: the result replaces the input (absent or "$"), is dropped (null), or goes into the input at a
// path.
struct ResultPlace {
    enum class Kind { Replace, Discard, Insert };
    Kind kind = Kind::Replace;
    std::optional<path::ReferencePath> path;  // Kind::Insert
};

inline constexpr std::int64_t kMostSeconds = 99'999'999;

// A number of seconds that the definition says, or a path or an expression that leads to it.
struct Seconds {
    std::optional<std::int64_t> literal;
    std::optional<path::Expression> path;
    std::optional<Query> query;
};

// How a JSONata state is left: what it gives on, and what it assigns. Of the state itself, of a catcher, of a
// choice rule.
struct Exit {
    std::optional<Query> output;  // absent: what the state gives by default
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
    Exit exit;  // of a JSONata state
};

// ------------------------------------------------------------------------------------------- choice

// One comparison, taken apart: the 42 names are these eleven kinds, of which four have relations and a
// ...Path form.
struct Comparison {
    enum class Kind {
        String,
        Numeric,
        Boolean,
        Timestamp,  // against a value, by `relation`
        StringMatches,
        IsNull,
        IsPresent,
        IsNumeric,
        IsString,
        IsBoolean,
        IsTimestamp,  // against true or false
    };
    enum class Relation { Equals, LessThan, GreaterThan, LessThanEquals, GreaterThanEquals };

    Kind kind = Kind::IsPresent;
    Relation relation = Relation::Equals;
    std::optional<path::Expression> variable;      // always there
    json::Value literal;                           // the operand as written, unless `operand_path`
    std::optional<path::Expression> operand_path;  // the ...Path operators
    std::optional<asl::Timestamp> instant;         // Timestamp kinds: the literal, read
};

struct Condition {
    enum class Kind { Compare, And, Or, Not };
    Kind kind = Kind::Compare;
    std::vector<Condition> operands;            // And, Or: at least one; Not: exactly one
    std::shared_ptr<const Comparison> compare;  // Kind::Compare
};

struct ChoiceRule {
    Condition condition;
    std::optional<Query> query;  // of a JSONata state, in place of `condition`
    StateIndex next = kEnd;
    std::optional<path::Template> assign;
    Exit exit;  // of a JSONata state
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

// Exactly one of them is there.
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

// A number that the definition says, or a path or an expression that leads to it.
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

// Any JSON with expressions in it, in the language of the state; or nothing.
struct Content {
    std::optional<path::Template> payload;
    std::optional<Query> query;
    bool given() const noexcept { return payload || query; }
};

// What a reader finds where it looks, and how it is taken apart into items.
enum class InputType { None, Csv, Json, Jsonl, Parquet, Manifest };

struct ReaderConfig {
    InputType input_type = InputType::None;  // None: the resource says (rows of a query, objects of a bucket)
    bool load_and_flatten = false;           // Transformation: the items are those within each listed object
    std::string manifest_type;               // ATHENA_DATA, S3_INVENTORY, or empty
    char csv_delimiter = ',';
    std::optional<std::vector<std::string>> csv_headers;  // absent: the first row has them
    std::string items_pointer;  // JSON Pointer to the array; empty: the whole document
    Count max_items;            // 0: all
};

struct ItemReader {
    DataResource resource;
    Content arguments;  // Parameters or Arguments
    ReaderConfig config;
};

struct ItemBatcher {
    Count max_items;  // at least one of the two is given
    Count max_bytes;
    Content batch_input;
};

struct ResultWriter {
    // What a result is: all that is known of the child run, its output, or the items of its output if that
    // is an array.
    enum class Transformation { None, Compact, Flatten };
    enum class OutputType { Json, Jsonl };
    std::optional<DataResource> resource;  // absent: the results are the state's own
    Content arguments;
    Transformation transformation = Transformation::None;
    OutputType output_type = OutputType::Json;
};

struct Flow;

// What a Map has whose ProcessorConfig says DISTRIBUTED: its items become runs of their own, each of which
// runs `flow`, whose top level is the Map's processor.
struct Distribution {
    std::shared_ptr<const Flow> flow;
    bool express = false;  // ExecutionType of the children
    std::string label;  // part of the names of the map run and its children; made from the state's if absent
    std::optional<ItemReader> reader;
    std::optional<ItemBatcher> batcher;
    std::optional<ResultWriter> writer;
};

struct MapFields {
    std::shared_ptr<const Block> processor;
    std::shared_ptr<const Distribution> distributed;  // null: inline
    std::optional<path::Expression> items_path;       // absent: the effective input itself
    std::optional<path::Template> item_selector;      // also Parameters, its old name
    std::optional<Query> items;                       // of a JSONata state; absent: the state's input
    std::optional<Query> item_selector_query;
    Count max_concurrency;
    Count tolerated_failure_count;
    Percentage tolerated_failure_percentage;
};

struct State {
    std::string name;
    json::Value named;  // {"name": <name>}: the details of most of the state's history events, made once
    bool reads_context = false;  // whether any of its expressions may read the Context Object
    QueryLanguage language = QueryLanguage::JsonPath;
    StateIndex next = kEnd;  // where the state goes when it is done (not Choice, Succeed, Fail)

    // Of all types that have them; absent fields are as if they were not written.
    Selection input_path;
    std::optional<path::Template> parameters;
    std::optional<path::Template> result_selector;
    ResultPlace result_path;
    Selection output_path;
    std::optional<path::Template> assign;
    // Of JSONata states, in place of those above.
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
    // What the children of each distributed Map run, however deep it is nested, by the Map's name: no two
    // states of a definition have the same. Children of children are found in either flow.
    std::map<std::string, std::shared_ptr<const Flow>, std::less<>> processors;
};

}  // namespace flowctl::asl
