// Steps as JSON, and back; see transcript.hpp.
//
// load() trusts nothing: a member that is missing, of the wrong type or out of range is an error that names
// it. The range of a number is checked only if the number is used here and not merely passed on. An absent
// member has its default, which keeps the text small.
#include "core/machine/transcript.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace flowctl::machine {

namespace {

constexpr std::size_t kMaxBytes = std::numeric_limits<std::int32_t>::max();
constexpr std::size_t kMaxDepth = kMaxFrameDepth + 10;

// The types of events and the keys of payloads are string literals in a step, so loading takes them from
// these tables.
constexpr std::string_view kEventTypes[] = {"ChoiceStateEntered",
                                            "ChoiceStateExited",
                                            "EvaluationFailed",
                                            "ExecutionAborted",
                                            "ExecutionFailed",
                                            "ExecutionStarted",
                                            "ExecutionSucceeded",
                                            "ExecutionTimedOut",
                                            "FailStateEntered",
                                            "LambdaFunctionFailed",
                                            "LambdaFunctionScheduled",
                                            "LambdaFunctionStartFailed",
                                            "LambdaFunctionStarted",
                                            "LambdaFunctionSucceeded",
                                            "LambdaFunctionTimedOut",
                                            "MapIterationAborted",
                                            "MapIterationFailed",
                                            "MapIterationStarted",
                                            "MapIterationSucceeded",
                                            "MapRunAborted",
                                            "MapRunFailed",
                                            "MapRunStarted",
                                            "MapRunSucceeded",
                                            "MapStateAborted",
                                            "MapStateEntered",
                                            "MapStateExited",
                                            "MapStateFailed",
                                            "MapStateStarted",
                                            "MapStateSucceeded",
                                            "ParallelStateAborted",
                                            "ParallelStateEntered",
                                            "ParallelStateExited",
                                            "ParallelStateFailed",
                                            "ParallelStateStarted",
                                            "ParallelStateSucceeded",
                                            "PassStateEntered",
                                            "PassStateExited",
                                            "SucceedStateEntered",
                                            "SucceedStateExited",
                                            "TaskFailed",
                                            "TaskScheduled",
                                            "TaskStartFailed",
                                            "TaskStarted",
                                            "TaskStateAborted",
                                            "TaskStateEntered",
                                            "TaskStateExited",
                                            "TaskSubmitted",
                                            "TaskSucceeded",
                                            "TaskTimedOut",
                                            "WaitStateAborted",
                                            "WaitStateEntered",
                                            "WaitStateExited"};
constexpr const char* kPayloadKeys[] = {"input", "output", "parameters"};
constexpr std::string_view kEffects[] = {"Call", "CancelCall", "StartMapRun", "AwaitMapRun", "CancelMapRun"};
static_assert(std::size(kEffects) == std::variant_size_v<Effect>);
constexpr int kResourceKinds = static_cast<int>(asl::Resource::Kind::OtherArn) + 1;

// ---------------------------------------------------------------------------------------------- save

void add_number(json::ObjectBuilder& out, std::string_view key, std::int64_t number) {
    if (number != 0) out.add(key, json::Value::integer(number));
}
void add_number(json::ObjectBuilder& out, std::string_view key, const std::optional<std::int64_t>& number) {
    if (number) out.add(key, json::Value::integer(*number));
}
void add_text(json::ObjectBuilder& out, std::string_view key, const std::string& text) {
    if (!text.empty()) out.add(key, text);
}
void add_text(json::ObjectBuilder& out, std::string_view key, const std::optional<std::string>& text) {
    if (text) out.add(key, *text);
}
void add_flag(json::ObjectBuilder& out, std::string_view key, bool flag) {
    if (flag) out.add(key, json::Value::boolean(true));
}
void add_value(json::ObjectBuilder& out, std::string_view key, const json::Value& value) {
    if (!value.is_null()) out.add(key, value);
}
// Null is a value like others here.
void add_value(json::ObjectBuilder& out, std::string_view key, const std::optional<json::Value>& value) {
    if (value) out.add(key, *value);
}

json::Value save_event(const HistoryEvent& event) {
    json::ObjectBuilder out;
    add_number(out, "id", event.id);
    add_number(out, "previousId", event.previous_id);
    add_number(out, "at", event.at);
    out.add("type", event.type);
    add_value(out, "details", event.details);
    if (event.payload_key != nullptr) out.add("payloadKey", event.payload_key);
    add_value(out, "payload", event.payload);
    add_number(out, "payloadRef", event.payload_ref);
    add_text(out, "path", event.path);
    add_text(out, "state", event.state);
    add_number(out, "visit", event.visit);
    add_number(out, "attempt", event.attempt);
    return out.build();
}

json::Value save_resource(const asl::Resource& resource) {
    json::ObjectBuilder out;
    out.add("kind", json::Value::integer(static_cast<int>(resource.kind)));
    add_text(out, "name", resource.name);
    add_text(out, "text", resource.text);
    add_flag(out, "sync", resource.sync);
    add_flag(out, "syncJson", resource.sync_json);
    add_flag(out, "waitForToken", resource.wait_for_token);
    return out.build();
}

void save_more(json::ObjectBuilder& out, const Call& call) {
    out.add("resource", save_resource(call.resource));
    add_value(out, "input", call.input);
    add_text(out, "state", call.state);
    add_text(out, "path", call.path);
    add_number(out, "visit", call.visit);
    add_number(out, "attempt", call.attempt);
    add_number(out, "deadline", call.deadline);
    add_value(out, "credentials", call.credentials);
    add_value(out, "follow", call.follow);
}
void save_more(json::ObjectBuilder& out, const StartMapRun& start) {
    out.add("plan", start.plan.save());
}
void save_more(json::ObjectBuilder&, const CancelCall&) {}
void save_more(json::ObjectBuilder&, const AwaitMapRun&) {}
void save_more(json::ObjectBuilder&, const CancelMapRun&) {}

json::Value save_effect(const Effect& effect) {
    json::ObjectBuilder out;
    out.add("is", kEffects[effect.index()]);
    std::visit(
        [&](const auto& one) {
            add_number(out, "id", one.id);
            save_more(out, one);
        },
        effect);
    return out.build();
}

template <class Element, class Save>
void add_list(json::ObjectBuilder& out, std::string_view key, const std::vector<Element>& elements,
              Save save) {
    if (elements.empty()) return;
    std::vector<json::Value> saved;
    saved.reserve(elements.size());
    for (const Element& element : elements)
        saved.push_back(save(element));
    out.add(key, json::Value::array(std::move(saved)));
}

json::Value save_step(const Step& step) {
    json::ObjectBuilder out;
    add_list(out, "history", step.history, save_event);
    add_list(out, "effects", step.effects, save_effect);
    add_number(out, "status", static_cast<int>(step.outcome.status));
    add_value(out, "output", step.outcome.output);
    add_number(out, "outputRef", step.outcome.output_ref);
    add_text(out, "error", step.outcome.error);
    add_text(out, "cause", step.outcome.cause);
    add_number(out, "nextDue", step.next_due);
    add_number(out, "phase", static_cast<int>(step.phase));
    add_text(out, "currentState", step.current_state);
    add_flag(out, "stale", !step.accepted);
    return out.build();
}

// ---------------------------------------------------------------------------------------------- load

// Reads members of objects and remembers the first mistake.
class Loader {
  public:
    const json::Value* member(const json::Value& object, std::string_view key, json::Kind kind) {
        const json::Value* value = object.find(key);
        if (value == nullptr || value->kind() == kind) return value;
        fail(key);
        return nullptr;
    }
    std::optional<std::int64_t> number(const json::Value& object, std::string_view key) {
        const json::Value* value = member(object, key, json::Kind::Number);
        if (value == nullptr) return std::nullopt;
        const auto number = value->as_integer();
        if (!number) fail(key);
        return number;
    }
    // An integer from 0 to most - 1.
    int small(const json::Value& object, std::string_view key, std::int64_t most) {
        const std::int64_t read = number(object, key).value_or(0);
        if (read >= 0 && read < most) return static_cast<int>(read);
        fail(key);
        return 0;
    }
    int count(const json::Value& object, std::string_view key) {
        return small(object, key, std::numeric_limits<int>::max());
    }
    std::optional<std::string> text(const json::Value& object, std::string_view key) {
        const json::Value* value = member(object, key, json::Kind::String);
        if (value == nullptr) return std::nullopt;
        return std::string(value->as_string());
    }
    bool flag(const json::Value& object, std::string_view key) {
        const json::Value* value = member(object, key, json::Kind::Bool);
        return value != nullptr && value->as_bool();
    }
    static json::Value value(const json::Value& object, std::string_view key) {
        const json::Value* found = object.find(key);
        return found != nullptr ? *found : json::Value();
    }
    static std::optional<json::Value> optional_value(const json::Value& object, std::string_view key) {
        const json::Value* found = object.find(key);
        return found != nullptr ? std::optional(*found) : std::nullopt;
    }
    template <class Names>
    std::size_t one_of(const json::Value& object, std::string_view key, const Names& names) {
        const json::Value* value = member(object, key, json::Kind::String);
        for (std::size_t i = 0; value != nullptr && i < std::size(names); ++i)
            if (value->as_string() == names[i]) return i;
        fail(key);
        return 0;
    }
    template <class Load>
    auto list(const json::Value& object, std::string_view key, Load load) {
        std::vector<decltype(load(object, *this))> loaded;
        const json::Value* elements = member(object, key, json::Kind::Array);
        for (std::size_t i = 0; elements != nullptr && i < elements->size() && ok(); ++i)
            loaded.push_back(load(elements->items()[i], *this));
        return loaded;
    }
    void fail(std::string_view what) {
        if (error_.empty()) error_ = "the outcome of the evaluation is wrong at '" + std::string(what) + "'";
    }
    bool ok() const { return error_.empty(); }
    const std::string& error() const { return error_; }

  private:
    std::string error_;
};

HistoryEvent load_event(const json::Value& saved, Loader& loader) {
    HistoryEvent event;
    event.id = loader.number(saved, "id").value_or(0);
    event.previous_id = loader.number(saved, "previousId").value_or(0);
    event.at = loader.number(saved, "at").value_or(0);
    event.type = kEventTypes[loader.one_of(saved, "type", kEventTypes)];
    event.details = Loader::value(saved, "details");
    if (saved.find("payloadKey") != nullptr)
        event.payload_key = kPayloadKeys[loader.one_of(saved, "payloadKey", kPayloadKeys)];
    event.payload = Loader::optional_value(saved, "payload");
    event.payload_ref = loader.number(saved, "payloadRef");
    event.path = loader.text(saved, "path").value_or("");
    event.state = loader.text(saved, "state").value_or("");
    event.visit = loader.count(saved, "visit");
    event.attempt = loader.count(saved, "attempt");
    return event;
}

asl::Resource load_resource(const json::Value& saved, Loader& loader) {
    asl::Resource resource;
    resource.kind = static_cast<asl::Resource::Kind>(loader.small(saved, "kind", kResourceKinds));
    resource.name = loader.text(saved, "name").value_or("");
    resource.text = loader.text(saved, "text").value_or("");
    resource.sync = loader.flag(saved, "sync");
    resource.sync_json = loader.flag(saved, "syncJson");
    resource.wait_for_token = loader.flag(saved, "waitForToken");
    return resource;
}

Call load_call(const json::Value& saved, std::int64_t id, Loader& loader) {
    Call call;
    call.id = id;
    call.resource = load_resource(Loader::value(saved, "resource"), loader);
    call.input = Loader::value(saved, "input");
    call.state = loader.text(saved, "state").value_or("");
    call.path = loader.text(saved, "path").value_or("");
    call.visit = loader.count(saved, "visit");
    call.attempt = loader.count(saved, "attempt");
    call.deadline = loader.number(saved, "deadline");
    call.credentials = Loader::value(saved, "credentials");
    call.follow = Loader::value(saved, "follow");
    return call;
}

Effect load_effect(const json::Value& saved, Loader& loader) {
    const std::int64_t id = loader.number(saved, "id").value_or(0);
    switch (loader.one_of(saved, "is", kEffects)) {
        case 0:
            return load_call(saved, id, loader);
        case 1:
            return CancelCall{id};
        case 2: {
            auto plan = MapRunPlan::load(Loader::value(saved, "plan"));
            if (plan.ok()) return StartMapRun{id, std::move(plan).value()};
            loader.fail("plan");
            return StartMapRun{id, {}};
        }
        case 3:
            return AwaitMapRun{id};
        default:
            return CancelMapRun{id};
    }
}

Step load_step(const json::Value& saved, Loader& loader) {
    Step step;
    if (!saved.is_object()) loader.fail("steps");
    step.history = loader.list(saved, "history", load_event);
    step.effects = loader.list(saved, "effects", load_effect);
    step.outcome.status =
        static_cast<Status>(loader.small(saved, "status", static_cast<int>(kStatusNames.size())));
    step.outcome.output = Loader::optional_value(saved, "output");
    step.outcome.output_ref = loader.number(saved, "outputRef");
    step.outcome.error = loader.text(saved, "error");
    step.outcome.cause = loader.text(saved, "cause");
    step.next_due = loader.number(saved, "nextDue");
    step.phase = static_cast<Phase>(loader.small(saved, "phase", static_cast<int>(kPhaseNames.size())));
    step.current_state = loader.text(saved, "currentState").value_or("");
    step.accepted = !loader.flag(saved, "stale");
    return step;
}

}  // namespace

std::string Transcript::save(const json::Value& run_input) const {
    json::ObjectBuilder out;
    add_list(out, "steps", steps, save_step);
    out.add("frame", frame.save(&run_input));
    return json::dump(out.build());
}

Result<Transcript, std::string> Transcript::load(std::string_view text, const json::Value& run_input) {
    // A text in a step need not be storable yet. It is checked when it is stored.
    const auto saved = json::parse(text, {.max_bytes = kMaxBytes, .max_depth = kMaxDepth, .storable = false});
    if (!saved.ok()) return Err{"the outcome of the evaluation is not JSON: " + saved.error().message};
    if (!saved->is_object()) return Err{std::string("the outcome of the evaluation is not an object")};
    Loader loader;
    Transcript loaded;
    loaded.steps = loader.list(*saved, "steps", load_step);
    if (!loader.ok()) return Err{loader.error()};
    auto frame = Frame::load(Loader::value(*saved, "frame"), &run_input);
    if (!frame.ok()) return Err{frame.error()};
    loaded.frame = std::move(frame).value();
    return loaded;
}

Transcript advance_by(const asl::Flow& flow, const RunContext& run, const Limits& limits, Frame frame,
                      const std::vector<Given>& given) {
    Transcript out;
    out.frame = std::move(frame);
    for (const Given& one : given) {
        const Step& step = out.steps.emplace_back(advance(flow, run, limits, out.frame, one.event, one.now));
        // A run that has ended may be given a stale event; the step still has the run's status.
        if (step.interrupted || step.outcome.status != Status::Running) break;
    }
    return out;
}

}  // namespace flowctl::machine
