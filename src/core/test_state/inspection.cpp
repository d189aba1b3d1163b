// inspectionData: see inspection.hpp.
//
// AWS decides which stages a type of state shows, and its choice, as recorded, is not regular. A Pass with a
// Result shows no stage before it, a Parallel does not show its input, and neither Parallel nor Map shows its
// result. In JSONata only a Task and a Map show more than the input. A stage that was not reached is left
// out.
#include "core/test_state/inspection.hpp"

namespace flowctl::test_state {

namespace {

class Inspection {
  public:
    Inspection(const asl::State& state, const Checked& checked, const machine::Tried& tried)
        : state_(state), checked_(checked), tried_(tried) {}

    json::Value of(const json::Value& input) {
        data_.add("input", input);
        switch (state_.type()) {
            case asl::StateType::Pass:
                add_pass();
                break;
            case asl::StateType::Task:
                add_task();
                break;
            case asl::StateType::Map:
                add_map();
                break;
            case asl::StateType::Parallel:
                add_end();
                break;
            case asl::StateType::Fail:
                if (is_json_path()) data_.add("afterInputPath", input);
                break;
            case asl::StateType::Choice:
            case asl::StateType::Wait:
            case asl::StateType::Succeed:
                add_field("afterInputPath", &state_.input_path);
                break;
        }
        add_error();
        add_variables();
        return data_.build();
    }

  private:
    bool is_json_path() const { return state_.language == asl::QueryLanguage::JsonPath; }

    // A stage of the JSONPath pipeline.
    void add_field(const char* name, const void* field) {
        if (is_json_path()) add_noted(name, field);
    }

    void add_noted(const char* name, const void* field) {
        if (const json::Value* value = tried_.observed.of(field)) data_.add(name, *value);
    }

    // The stages after the work, for all types that have a result.
    void add_end() {
        add_field("afterResultSelector", &state_.result_selector);
        add_field("afterResultPath", &state_.result_path);
    }

    void add_pass() {
        if (!is_json_path()) return;
        if (const auto& result = std::get<asl::PassFields>(state_.fields).result) {
            data_.add("result", *result);
        } else {
            add_field("afterInputPath", &state_.input_path);
            add_field("afterParameters", &state_.parameters);
        }
        add_end();
    }

    void add_task() {
        add_field("afterInputPath", &state_.input_path);
        add_noted(is_json_path() ? "afterParameters" : "afterArguments", work_input());
        if (checked_.mock && checked_.mock->result && reached_work())
            data_.add("result", *checked_.mock->result);
        add_end();
    }

    // Whether the arguments could be evaluated, so that the task was begun.
    bool reached_work() const { return tried_.observed.of(work_input()) != nullptr; }

    // The field that the task's input comes from.
    const void* work_input() const {
        return state_.arguments ? static_cast<const void*>(&*state_.arguments) : &state_.parameters;
    }

    void add_map() {
        const auto& map = std::get<asl::MapFields>(state_.fields);
        add_field("afterInputPath", &state_.input_path);
        const bool reads = map.distributed != nullptr && map.distributed->reader;
        if (is_json_path() && !reads) {
            if (map.items_path) {
                add_noted("afterItemsPath", &*map.items_path);
            } else {
                add_noted("afterItemsPath", &state_.input_path);
            }
        }
        add_items(map);
        add_end();
        const json::Value* most = tried_.observed.of(&map.max_concurrency);
        data_.add("maxConcurrency", most != nullptr ? *most : json::Value::integer(0));
        add_noted("toleratedFailureCount", &map.tolerated_failure_count);
        add_noted("toleratedFailurePercentage", &map.tolerated_failure_percentage);
    }

    // The inputs of the children, and for batches also the items in them.
    void add_items(const asl::MapFields& map) {
        const std::vector<json::Value>& inputs = tried_.item_inputs;
        if (inputs.empty()) return;
        const bool batches = map.distributed != nullptr && map.distributed->batcher;
        if (map.item_selector || map.item_selector_query) {
            std::vector<json::Value> selected;
            for (const json::Value& input : inputs) {
                const json::Value* items = batches ? input.find("Items") : nullptr;
                if (items != nullptr) {
                    selected.insert(selected.end(), items->items().begin(), items->items().end());
                } else {
                    selected.push_back(input);
                }
            }
            data_.add("afterItemSelector", json::Value::array(std::move(selected)));
        }
        if (batches) data_.add("afterItemBatcher", json::Value::array(inputs));
    }

    void add_error() {
        json::ObjectBuilder details;
        bool any = false;
        const auto add = [&](const char* name, std::int64_t number) {
            details.add(name, json::Value::integer(number));
            any = true;
        };
        const auto& observed = tried_.observed;
        if (observed.catcher) add("catchIndex", static_cast<std::int64_t>(*observed.catcher));
        if (observed.retrier) add("retryIndex", static_cast<std::int64_t>(*observed.retrier));
        if (tried_.retry_delay) add("retryBackoffIntervalSeconds", *tried_.retry_delay / 1'000'000);
        if (any) data_.add("errorDetails", details.build());
    }

    void add_variables() {
        if (tried_.variables.empty()) return;
        json::ObjectBuilder variables;
        for (const auto& [name, value] : tried_.variables)
            variables.add(name, value);
        data_.add("variables", variables.build());
    }

    const asl::State& state_;
    const Checked& checked_;
    const machine::Tried& tried_;
    json::ObjectBuilder data_;
};

}  // namespace

json::Value inspection_data(const asl::State& state, const json::Value& input, const Checked& checked,
                            const machine::Tried& tried) {
    return Inspection(state, checked, tried).of(input);
}

}  // namespace flowctl::test_state
