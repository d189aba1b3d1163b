// Reading the states of a definition; see states.hpp.
//
// One function reads each type of state. What the types share (names, transitions, paths, templates, Retry,
// Catch) is read by functions that each type calls in the order of AWS's documentation.
#include "core/asl/states.hpp"

#include <algorithm>
#include <array>

namespace flowctl::asl {

namespace {

constexpr std::array<std::string_view, 8> kTypeNames = {"Pass",    "Task", "Choice",   "Wait",
                                                        "Succeed", "Fail", "Parallel", "Map"};

constexpr std::string_view kNotYet = "This version of flowctl does not run it yet: ";

std::optional<StateType> type_of(std::string_view name) {
    const auto found = std::find(kTypeNames.begin(), kTypeNames.end(), name);
    if (found == kTypeNames.end()) return std::nullopt;
    return static_cast<StateType>(found - kTypeNames.begin());
}

std::size_t characters(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
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
    void read_input_output() {
        state.input_path = read_selection(fields, "InputPath");
        state.output_path = read_selection(fields, "OutputPath");
    }
    void read_work() {
        state.parameters = read_template(fields, "Parameters", false);
        state.result_path = read_result_place(fields);
    }
    void read_errors() {
        state.retry = read_retry(fields);
        state.catchers = read_catch(fields, targets);
    }

    void read_pass() {
        PassFields pass;
        if (const json::Value* result = fields.any("Result")) pass.result = *result;
        read_input_output();
        read_work();
        state.assign = read_assign(fields);
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
        read_input_output();
        read_work();
        state.result_selector = read_template(fields, "ResultSelector", true);
        fields.at_most_one({"TimeoutSeconds", "TimeoutSecondsPath"});
        task.timeout = read_seconds(fields, "TimeoutSeconds", "TimeoutSecondsPath", 1);
        fields.at_most_one({"HeartbeatSeconds", "HeartbeatSecondsPath"});
        task.heartbeat = read_seconds(fields, "HeartbeatSeconds", "HeartbeatSecondsPath", 1);
        if (task.timeout.literal && task.heartbeat.literal &&
            *task.heartbeat.literal >= *task.timeout.literal)
            fields.findings().error(fields.at("HeartbeatSeconds"),
                                    "HeartbeatSeconds must be less than TimeoutSeconds");
        task.credentials = read_template(fields, "Credentials", true);
        read_errors();
        state.assign = read_assign(fields);
        read_transition();
        state.fields = std::move(task);
    }

    void read_choice() {
        ChoiceFields choice;
        fields.require({"Choices"});
        choice.rules = read_choices(fields, targets);
        if (const auto next = fields.string("Default")) choice.default_next = target(targets, *next);
        read_input_output();
        state.assign = read_assign(fields);
        state.fields = std::move(choice);
    }

    void read_wait() {
        WaitFields wait;
        fields.at_most_one({"SecondsPath", "Seconds", "TimestampPath", "Timestamp"});
        if (!fields.has("SecondsPath") && !fields.has("Seconds") && !fields.has("TimestampPath") &&
            !fields.has("Timestamp")) {
            fields.findings().error(fields.where(),
                                    "There should be one of the following fields: [SecondsPath, Seconds, "
                                    "TimestampPath, Timestamp]");
        }
        wait.seconds = read_seconds(fields, "Seconds", "SecondsPath", 0);
        if (const auto text = fields.string("Timestamp")) {
            wait.timestamp = parse_timestamp(*text);
            if (!wait.timestamp)
                fields.findings().error(fields.at("Timestamp"), "String does not match RFC3339 timestamp");
        }
        wait.timestamp_path = read_path(fields, "TimestampPath", PathRule::Reference);
        read_input_output();
        state.assign = read_assign(fields);
        read_transition();
        state.fields = std::move(wait);
    }

    void read_succeed() {
        read_input_output();
        state.fields = SucceedFields{};
    }

    void read_fail() {
        FailFields fail;
        fields.at_most_one({"Error", "ErrorPath"});
        fields.at_most_one({"Cause", "CausePath"});
        fail.error = fields.string("Error");
        fail.error_path = read_path(fields, "ErrorPath", PathRule::ReferenceOrIntrinsic);
        fail.cause = fields.string("Cause");
        fail.cause_path = read_path(fields, "CausePath", PathRule::ReferenceOrIntrinsic);
        state.fields = std::move(fail);
    }

    // A branch of a Parallel, or the processor of a Map, which alone has a ProcessorConfig.
    std::shared_ptr<const Block> read_inner(const json::Value& value, const Where& where, bool is_processor) {
        if (!value.is_object()) {
            fields.findings().error(where, "Expected value of type Object");
            return nullptr;
        }
        Fields inner(value, where, fields.findings());
        auto block = std::make_shared<const Block>(read_block(inner, flow_language));
        inner.string("Comment");
        if (is_processor) read_processor_config(inner);
        inner.refuse_others();
        return block;
    }

    static void read_processor_config(Fields& processor) {
        const json::Value* value = processor.object("ProcessorConfig");
        if (value == nullptr) return;
        const Where where = processor.at("ProcessorConfig");
        Fields config(*value, where, processor.findings());
        const auto mode = config.string("Mode");
        if (mode && *mode == "DISTRIBUTED") {
            processor.findings().error(config.at("Mode"), "This version does not run distributed maps yet");
        } else if (mode && *mode != "INLINE") {
            processor.findings().error(config.at("Mode"),
                                       "Value should be one of the following: [INLINE, DISTRIBUTED]");
        }
        const auto type = config.string("ExecutionType");
        if (type && *type != "STANDARD" && *type != "EXPRESS") {
            processor.findings().error(config.at("ExecutionType"),
                                       "Value should be one of the following: [STANDARD, EXPRESS]");
        }
        config.refuse_others();
    }

    void read_parallel() {
        ParallelFields parallel;
        fields.require({"Branches"});
        if (const json::Value* branches = fields.array("Branches")) {
            const Where where = fields.at("Branches");
            if (branches->items().empty()) fields.findings().error(where, "Value cannot be empty");
            for (std::size_t i = 0; i < branches->items().size(); ++i)
                parallel.branches.push_back(read_inner(branches->items()[i], Where(where, i), false));
        }
        read_input_output();
        read_work();
        state.result_selector = read_template(fields, "ResultSelector", true);
        read_errors();
        state.assign = read_assign(fields);
        read_transition();
        state.fields = std::move(parallel);
    }

    void read_map() {
        MapFields map;
        if (!fields.has("ItemProcessor") && !fields.has("Iterator")) fields.require({"ItemProcessor"});
        fields.at_most_one({"ItemProcessor", "Iterator"});
        for (const std::string_view name : {"ItemProcessor", "Iterator"}) {
            if (const json::Value* inner = fields.any(name))
                map.processor = read_inner(*inner, fields.at(name), true);
        }
        fields.at_most_one({"ItemSelector", "Parameters"});
        map.item_selector = read_template(fields, "ItemSelector", false);
        auto parameters = read_template(fields, "Parameters", false);
        if (!map.item_selector) map.item_selector = std::move(parameters);
        map.items_path = read_path(fields, "ItemsPath", PathRule::Reference);
        // Of distributed maps only; the Mode has a finding.
        for (const std::string_view name : {"ItemReader", "ItemBatcher", "ResultWriter"}) {
            if (fields.object(name) != nullptr)
                fields.findings().error(fields.at(name), "This version does not run distributed maps yet");
        }
        fields.string("Label");
        map.max_concurrency = read_count("MaxConcurrency", "MaxConcurrencyPath");
        map.tolerated_failure_count = read_count("ToleratedFailureCount", "ToleratedFailureCountPath");
        fields.at_most_one({"ToleratedFailurePercentage", "ToleratedFailurePercentagePath"});
        map.tolerated_failure_percentage.literal = fields.number("ToleratedFailurePercentage", 0.0);
        if (map.tolerated_failure_percentage.literal.value_or(0.0) > 100.0)
            fields.findings().error(fields.at("ToleratedFailurePercentage"), "Maximum value is 100.0");
        map.tolerated_failure_percentage.path =
            read_path(fields, "ToleratedFailurePercentagePath", PathRule::Reference);
        read_input_output();
        state.result_path = read_result_place(fields);
        state.result_selector = read_template(fields, "ResultSelector", true);
        read_errors();
        state.assign = read_assign(fields);
        read_transition();
        state.fields = std::move(map);
    }

    Count read_count(std::string_view name, std::string_view path_name) {
        fields.at_most_one({name, path_name});
        Count count;
        count.literal = fields.integer(name, 0, kMostSeconds);
        count.path = read_path(fields, path_name, PathRule::Reference);
        return count;
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

// The language of one state; nothing when the state cannot be read because of it.
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
    fields.findings().error(fields.at("QueryLanguage"), std::string(kNotYet) + "the query language JSONata");
    return QueryLanguage::Jsonata;
}

State read_state(const std::string& name, const json::Value& value, const Where& where,
                 const Targets& targets, QueryLanguage flow_language, Findings& findings) {
    State state;
    state.name = name;
    state.named = json::ObjectBuilder().add("name", name).build();
    state.reads_context = json::dump(value).find("$$") != std::string::npos;
    if (name.empty()) findings.error(where, "State name cannot be empty");
    if (characters(name) > 80) findings.error(where, "State name must be at most 80 characters long");
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
    // Fields of a JSONata state are not those that are read below; its finding is there already.
    if (language != QueryLanguage::JsonPath) return state;
    state.language = *language;
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
