// Reads the states of a definition; see states.hpp.
//
// One function reads each type of state. The fields that several types have (names, transitions, paths,
// templates, Retry, Catch) are read by shared functions, in the order of AWS's documentation.
#include "core/asl/states.hpp"

#include <algorithm>
#include <array>

#include "base/utf8.hpp"
#include "core/asl/context_use.hpp"
#include "core/asl/distribution.hpp"
#include "core/asl/task_checks.hpp"

namespace flowctl::asl {

namespace {

constexpr std::array<std::string_view, 8> kTypeNames = {"Pass",    "Task", "Choice",   "Wait",
                                                        "Succeed", "Fail", "Parallel", "Map"};

std::optional<StateType> type_of(std::string_view name) {
    const auto found = std::find(kTypeNames.begin(), kTypeNames.end(), name);
    if (found == kTypeNames.end()) return std::nullopt;
    return static_cast<StateType>(found - kTypeNames.begin());
}

struct Reader {
    Fields& fields;
    const Targets& targets;
    QueryLanguage flow_language;
    State& state;

    void read_transition() {
        const auto end = fields.boolean("End");
        const auto next = fields.string("Next");
        if (next) state.next = target(targets, *next);
        if (end.value_or(false)) fields.at_most_one({"Next", "End"});
        if (!fields.has("Next") && !fields.has("End"))
            fields.findings().error(fields.where(),
                                    "There should be one of the following fields: [Next, End]");
        if (end && !*end && !fields.has("Next"))
            fields.findings().error(fields.at("End"), "End must be true");
    }
    bool is_jsonata() const { return state.language == QueryLanguage::Jsonata; }

    // Reads the fields for input and output, which all types but Fail have. `works` says that the state has a
    // result, and `assigns` that the type has Assign.
    void read_input_output(bool works, bool assigns = true) {
        if (is_jsonata()) {
            if (assigns) {
                state.exit = read_exit(fields, works ? kResultPlace : kNoPlace);
            } else {
                state.exit.output = read_query(fields, "Output");
            }
            return;
        }
        state.input_path = read_selection(fields, "InputPath");
        state.output_path = read_selection(fields, "OutputPath");
        if (assigns) state.assign = read_assign(fields);
    }
    // Reads the fields for the input of the state's work and the place of its result.
    void read_work(bool has_selector) {
        if (is_jsonata()) {
            if (has_selector) state.arguments = read_query(fields, "Arguments");
            return;
        }
        state.parameters = read_template(fields, "Parameters", false);
        read_result(has_selector);
    }
    void read_result(bool has_selector) {
        state.result_path = read_result_place(fields);
        if (has_selector) state.result_selector = read_template(fields, "ResultSelector", true);
    }
    void read_errors() {
        state.retry = read_retry(fields);
        state.catchers = read_catch(fields, targets);
    }

    void read_pass() {
        PassFields pass;
        if (!is_jsonata()) {
            if (const json::Value* result = fields.any("Result")) pass.result = *result;
        }
        read_input_output(false);
        read_work(false);
        read_transition();
        state.fields = std::move(pass);
    }

    void read_task() {
        TaskFields task;
        fields.require({"Resource"});
        if (const auto text = fields.string("Resource")) {
            auto resource = Resource::parse(*text);
            if (resource.ok()) {
                task.resource = std::move(resource).value();
            } else {
                fields.findings().error(fields.at("Resource"), resource.error());
            }
        }
        read_input_output(true);
        read_work(true);
        at_most_one({"TimeoutSeconds", "TimeoutSecondsPath"});
        task.timeout = read_seconds(fields, "TimeoutSeconds", "TimeoutSecondsPath", 1);
        at_most_one({"HeartbeatSeconds", "HeartbeatSecondsPath"});
        task.heartbeat = read_seconds(fields, "HeartbeatSeconds", "HeartbeatSecondsPath", 1);
        if (task.timeout.literal && task.heartbeat.literal &&
            *task.heartbeat.literal >= *task.timeout.literal)
            fields.findings().error(fields.at("HeartbeatSeconds"),
                                    "HeartbeatSeconds must be less than TimeoutSeconds");
        if (is_jsonata()) {
            task.credentials_query = read_query(fields, "Credentials");
        } else {
            task.credentials = read_template(fields, "Credentials", true);
        }
        check_task(fields, task.resource);
        read_errors();
        read_transition();
        state.fields = std::move(task);
    }

    void read_choice() {
        ChoiceFields choice;
        fields.require({"Choices"});
        choice.rules = read_choices(fields, targets);
        if (const auto next = fields.string("Default")) choice.default_next = target(targets, *next);
        read_input_output(false);
        state.fields = std::move(choice);
    }

    void read_wait() {
        WaitFields wait;
        check_wait_fields();
        wait.seconds = read_seconds(fields, "Seconds", "SecondsPath", 0);
        wait.timestamp_query = read_expression(fields, "Timestamp");
        if (!wait.timestamp_query) {
            if (const auto text = fields.string("Timestamp")) {
                wait.timestamp = parse_timestamp(*text);
                if (!wait.timestamp)
                    fields.findings().error(fields.at("Timestamp"),
                                            "String does not match RFC3339 timestamp");
            }
        }
        if (!is_jsonata()) wait.timestamp_path = read_path(fields, "TimestampPath", PathRule::Reference);
        read_input_output(false);
        read_transition();
        state.fields = std::move(wait);
    }

    void check_wait_fields() {
        const bool has_path = fields.has("SecondsPath") || fields.has("TimestampPath");
        const bool has_any = fields.has("Seconds") || fields.has("Timestamp") || (has_path && !is_jsonata());
        if (is_jsonata()) {
            fields.at_most_one({"Seconds", "Timestamp"});
        } else {
            fields.at_most_one({"SecondsPath", "Seconds", "TimestampPath", "Timestamp"});
        }
        if (has_any) return;
        fields.findings().error(fields.where(),
                                is_jsonata()
                                    ? "There should be one of the following fields: [Seconds, Timestamp]"
                                    : "There should be one of the following fields: [SecondsPath, Seconds, "
                                      "TimestampPath, Timestamp]");
    }

    // At most one of a field and its ...Path may be there. JSONata states do not have the latter at all.
    void at_most_one(std::initializer_list<std::string_view> names) {
        if (!is_jsonata()) fields.at_most_one(names);
    }

    void read_succeed() {
        read_input_output(false, false);
        state.fields = SucceedFields{};
    }

    void read_fail() {
        FailFields fail;
        at_most_one({"Error", "ErrorPath"});
        at_most_one({"Cause", "CausePath"});
        fail.error_query = read_expression(fields, "Error");
        if (!fail.error_query) fail.error = fields.string("Error");
        fail.cause_query = read_expression(fields, "Cause");
        if (!fail.cause_query) fail.cause = fields.string("Cause");
        if (!is_jsonata()) {
            fail.error_path = read_path(fields, "ErrorPath", PathRule::ReferenceOrIntrinsic);
            fail.cause_path = read_path(fields, "CausePath", PathRule::ReferenceOrIntrinsic);
        }
        state.fields = std::move(fail);
    }

    // Reads a branch of a Parallel, or the processor of a Map. Only the latter has a ProcessorConfig.
    std::shared_ptr<Block> read_inner(const json::Value& value, const Where& where, ProcessorConfig* config) {
        if (!value.is_object()) {
            fields.findings().error(where, "Expected value of type Object");
            return nullptr;
        }
        Fields inner(value, where, fields.findings());
        auto block = std::make_shared<Block>(read_block(inner, flow_language));
        inner.string("Comment");
        if (config != nullptr) *config = read_processor_config(inner);
        inner.refuse_others();
        return block;
    }

    // Makes the block of a distributed Map a flow, which its children run.
    void distribute(MapFields& map, Block block, const ProcessorConfig& config) {
        auto flow = std::make_shared<Flow>();
        flow->language = flow_language;
        flow->top = std::move(block);
        collect_processors(flow->top, flow->processors);
        map.processor = std::shared_ptr<const Block>(flow, &flow->top);
        auto distribution = std::make_shared<Distribution>(read_distribution(fields, config, state.name));
        distribution->flow = std::move(flow);
        map.distributed = std::move(distribution);
    }

    void read_parallel() {
        ParallelFields parallel;
        fields.require({"Branches"});
        if (const json::Value* branches = fields.array("Branches")) {
            const Where where = fields.at("Branches");
            if (branches->items().empty()) fields.findings().error(where, "Value cannot be empty");
            for (std::size_t i = 0; i < branches->items().size(); ++i)
                parallel.branches.push_back(read_inner(branches->items()[i], Where(where, i), nullptr));
        }
        read_input_output(true);
        read_work(true);
        read_errors();
        read_transition();
        state.fields = std::move(parallel);
    }

    void read_map() {
        MapFields map;
        if (!fields.has("ItemProcessor") && !fields.has("Iterator")) fields.require({"ItemProcessor"});
        fields.at_most_one({"ItemProcessor", "Iterator"});
        ProcessorConfig config;
        std::shared_ptr<Block> processor;
        for (const std::string_view name : {"ItemProcessor", "Iterator"}) {
            if (const json::Value* inner = fields.any(name))
                processor = read_inner(*inner, fields.at(name), &config);
        }
        if (processor != nullptr && config.distributed) {
            distribute(map, std::move(*processor), config);
        } else {
            map.processor = std::move(processor);
            refuse_distribution(fields);
        }
        read_items(map);
        map.max_concurrency = read_count(fields, "MaxConcurrency", "MaxConcurrencyPath", 0, kMostSeconds);
        map.tolerated_failure_count =
            read_count(fields, "ToleratedFailureCount", "ToleratedFailureCountPath", 0, kMostSeconds);
        map.tolerated_failure_percentage = read_tolerated_percentage();
        read_input_output(true);
        if (!is_jsonata()) read_result(true);
        read_errors();
        read_transition();
        state.fields = std::move(map);
    }

    // Reads the items of the Map and the input of each iteration.
    void read_items(MapFields& map) {
        if (is_jsonata()) {
            map.items = read_query(fields, "Items");
            const bool can_be_items = !map.items || map.items->kind != Query::Kind::Literal ||
                                      map.items->literal.is_array() || map.items->literal.is_object();
            if (!can_be_items)
                fields.findings().error(fields.at("Items"),
                                        "Expected value of type Array or Object or a JSONata expression");
            map.item_selector_query = read_query(fields, "ItemSelector");
            return;
        }
        fields.at_most_one({"ItemSelector", "Parameters"});
        map.item_selector = read_template(fields, "ItemSelector", false);
        auto parameters = read_template(fields, "Parameters", false);
        if (!map.item_selector) map.item_selector = std::move(parameters);
        map.items_path = read_path(fields, "ItemsPath", PathRule::Reference);
        if (map.items_path && map.items_path->text() == "$$")
            fields.findings().error(fields.at("ItemsPath"), "The Context Object is no array of items");
    }

    Percentage read_tolerated_percentage() {
        constexpr std::string_view kName = "ToleratedFailurePercentage";
        constexpr std::string_view kPathName = "ToleratedFailurePercentagePath";
        at_most_one({kName, kPathName});
        Percentage percentage;
        percentage.query = read_expression(fields, kName);
        if (!percentage.query) percentage.literal = fields.number(kName, 0.0);
        if (percentage.literal.value_or(0.0) > 100.0)
            fields.findings().error(fields.at(kName), "Maximum value is 100.0");
        if (!is_jsonata()) percentage.path = read_path(fields, kPathName, PathRule::Reference);
        return percentage;
    }

    void read_type(StateType type) {
        switch (type) {
            case StateType::Pass:
                return read_pass();
            case StateType::Task:
                return read_task();
            case StateType::Choice:
                return read_choice();
            case StateType::Wait:
                return read_wait();
            case StateType::Succeed:
                return read_succeed();
            case StateType::Fail:
                return read_fail();
            case StateType::Parallel:
                return read_parallel();
            case StateType::Map:
                return read_map();
        }
    }
};

// The language of one state. Nothing if the state cannot be read because of it.
std::optional<QueryLanguage> read_language(Fields& fields, QueryLanguage flow_language) {
    const json::Value* value = fields.any("QueryLanguage");
    if (value == nullptr) return flow_language;
    const auto name = fields.string("QueryLanguage");
    if (!name) return std::nullopt;
    if (*name == "JSONPath") {
        if (flow_language == QueryLanguage::Jsonata) {
            fields.findings().error(
                fields.where(),
                "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine");
        }
        return QueryLanguage::JsonPath;
    }
    if (*name != "JSONata") {
        fields.findings().error(fields.at("QueryLanguage"),
                                "Value should be one of the following: [JSONPath, JSONata]");
        return std::nullopt;
    }
    return QueryLanguage::Jsonata;
}

State read_state(const std::string& name, const json::Value& value, const Where& where,
                 const Targets& targets, QueryLanguage flow_language, Findings& findings) {
    State state;
    state.name = name;
    state.named = json::ObjectBuilder().add("name", name).build();
    if (name.empty()) findings.error(where, "State name cannot be empty");
    if (count_characters(name) > 80) findings.error(where, "State name must be at most 80 characters long");
    if (!value.is_object()) {
        findings.error(where, "Expected value of type Object");
        return state;
    }
    Fields fields(value, where, findings);
    fields.string("Comment");
    fields.require({"Type"});
    const auto type_name = fields.string("Type");
    const auto language = read_language(fields, flow_language);
    if (!type_name) return state;
    const std::optional<StateType> type = type_of(*type_name);
    if (!type) {
        findings.error(
            fields.at("Type"),
            "The field 'Type' should have one of these values: [Task, Wait, Pass, Succeed, Fail, Choice, "
            "Parallel, Map]");
        return state;
    }
    if (!language) return state;
    state.language = *language;
    state.reads_context = reads_context(value, *language);
    fields.set_language(*language);
    Reader reader{fields, targets, flow_language, state};
    reader.read_type(*type);
    fields.refuse_others();
    return state;
}

}  // namespace

std::string_view name_of(StateType type) noexcept {
    return kTypeNames[static_cast<std::size_t>(type)];
}

Block read_block(Fields& fields, QueryLanguage language) {
    Block block;
    fields.require({"StartAt", "States"});
    const auto start_at = fields.string("StartAt");
    const json::Value* states = fields.object("States");
    if (states == nullptr) return block;
    const Where where = fields.at("States");
    if (states->members().empty()) fields.findings().error(where, "Value cannot be empty");
    for (const json::Member& member : states->members())
        block.by_name.emplace(member.key, static_cast<StateIndex>(block.by_name.size()));
    if (start_at) block.start_at = target(block.by_name, *start_at);
    block.states.reserve(states->members().size());
    for (const json::Member& member : states->members()) {
        block.states.push_back(read_state(member.key, member.value, Where(where, member.key), block.by_name,
                                          language, fields.findings()));
    }
    return block;
}

}  // namespace flowctl::asl
