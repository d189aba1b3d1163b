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

#include "core/machine/saved.hpp"

namespace flowctl::machine {

namespace {

constexpr std::size_t kMaxBytes = std::numeric_limits<std::int32_t>::max();
constexpr std::size_t kMaxTextDepth = kMaxFrameDepth + 10;

// The types of events and the keys of payloads are string literals in a step, so loading takes them from
// these tables.
constexpr std::string_view kEventTypes[] = {"ActivityFailed",
                                            "ActivityScheduleFailed",
                                            "ActivityScheduled",
                                            "ActivityStarted",
                                            "ActivitySucceeded",
                                            "ActivityTimedOut",
                                            "ChoiceStateEntered",
                                            "ChoiceStateExited",
                                            "EvaluationFailed",
                                            "ExecutionAborted",
                                            "ExecutionFailed",
                                            "ExecutionRedriven",
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
                                            "MapRunRedriven",
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
constexpr std::string_view kEffects[] = {"Call",        "CancelCall",   "StartMapRun",
                                         "AwaitMapRun", "CancelMapRun", "RedriveMapRun"};
static_assert(std::size(kEffects) == std::variant_size_v<Effect>);
constexpr int kResourceKinds = static_cast<int>(asl::Resource::Kind::OtherArn) + 1;

// ---------------------------------------------------------------------------------------------- save

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
    add_number(out, "timeoutSeconds", call.timeout_seconds);
    add_number(out, "heartbeatSeconds", call.heartbeat_seconds);
    add_text(out, "place", call.place);
    add_value(out, "credentials", call.credentials);
    add_value(out, "follow", call.follow);
}
void save_more(json::ObjectBuilder& out, const StartMapRun& start) {
    out.add("plan", start.plan.save());
}
void save_more(json::ObjectBuilder& out, const CancelCall& cancel) {
    add_text(out, "place", cancel.place);
    add_flag(out, "silent", cancel.silent);
}
void save_more(json::ObjectBuilder&, const AwaitMapRun&) {}
void save_more(json::ObjectBuilder&, const CancelMapRun&) {}
void save_more(json::ObjectBuilder&, const RedriveMapRun&) {}

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
    if (step.exhausted) {
        out.add("exhausted", json::ObjectBuilder()
                                 .add("path", step.exhausted->path)
                                 .add("state", step.exhausted->state)
                                 .add("error", step.exhausted->error)
                                 .add("cause", step.exhausted->cause)
                                 .build());
    }
    return out.build();
}

// ---------------------------------------------------------------------------------------------- load

class TranscriptReader : public SavedReader {
  public:
    TranscriptReader() : SavedReader("the outcome of the evaluation") {}
    // An integer from 0 to most - 1.
    int small(const json::Value& object, std::string_view key, std::int64_t most) {
        return static_cast<int>(integer(object, key, 0, 0, most - 1));
    }
    int count(const json::Value& object, std::string_view key) {
        return small(object, key, std::numeric_limits<int>::max());
    }
    template <class Load>
    auto list(const json::Value& object, std::string_view key, Load load) {
        std::vector<decltype(load(object, *this))> loaded;
        const json::Value* elements = member(object, key, json::Kind::Array);
        for (std::size_t i = 0; elements != nullptr && i < elements->size() && ok(); ++i)
            loaded.push_back(load(elements->items()[i], *this));
        return loaded;
    }
};

HistoryEvent load_event(const json::Value& saved, TranscriptReader& reader) {
    HistoryEvent event;
    event.id = reader.number(saved, "id").value_or(0);
    event.previous_id = reader.number(saved, "previousId").value_or(0);
    event.at = reader.number(saved, "at").value_or(0);
    event.type = kEventTypes[reader.one_of(saved, "type", kEventTypes)];
    event.details = TranscriptReader::value(saved, "details");
    if (saved.find("payloadKey") != nullptr)
        event.payload_key = kPayloadKeys[reader.one_of(saved, "payloadKey", kPayloadKeys)];
    event.payload = TranscriptReader::optional_value(saved, "payload");
    event.payload_ref = reader.number(saved, "payloadRef");
    event.path = reader.text_or_empty(saved, "path");
    event.state = reader.text_or_empty(saved, "state");
    event.visit = reader.count(saved, "visit");
    event.attempt = reader.count(saved, "attempt");
    return event;
}

asl::Resource load_resource(const json::Value& saved, TranscriptReader& reader) {
    asl::Resource resource;
    resource.kind = static_cast<asl::Resource::Kind>(reader.small(saved, "kind", kResourceKinds));
    resource.name = reader.text_or_empty(saved, "name");
    resource.text = reader.text_or_empty(saved, "text");
    resource.sync = reader.flag(saved, "sync");
    resource.sync_json = reader.flag(saved, "syncJson");
    resource.wait_for_token = reader.flag(saved, "waitForToken");
    return resource;
}

Call load_call(const json::Value& saved, std::int64_t id, TranscriptReader& reader) {
    Call call;
    call.id = id;
    call.resource = load_resource(TranscriptReader::value(saved, "resource"), reader);
    call.input = TranscriptReader::value(saved, "input");
    call.state = reader.text_or_empty(saved, "state");
    call.path = reader.text_or_empty(saved, "path");
    call.visit = reader.count(saved, "visit");
    call.attempt = reader.count(saved, "attempt");
    call.deadline = reader.number(saved, "deadline");
    call.timeout_seconds = reader.number(saved, "timeoutSeconds").value_or(0);
    call.heartbeat_seconds = reader.number(saved, "heartbeatSeconds").value_or(0);
    call.place = reader.text_or_empty(saved, "place");
    call.credentials = TranscriptReader::value(saved, "credentials");
    call.follow = TranscriptReader::value(saved, "follow");
    return call;
}

Effect load_effect(const json::Value& saved, TranscriptReader& reader) {
    const std::int64_t id = reader.number(saved, "id").value_or(0);
    switch (reader.one_of(saved, "is", kEffects)) {
        case 0:
            return load_call(saved, id, reader);
        case 1:
            return CancelCall{id, reader.text_or_empty(saved, "place"), reader.flag(saved, "silent")};
        case 2: {
            auto plan = MapRunPlan::load(TranscriptReader::value(saved, "plan"));
            if (plan.ok()) return StartMapRun{id, std::move(plan).value()};
            reader.fail("plan");
            return StartMapRun{id, {}};
        }
        case 3:
            return AwaitMapRun{id};
        case 4:
            return CancelMapRun{id};
        default:
            return RedriveMapRun{id};
    }
}

Step load_step(const json::Value& saved, TranscriptReader& reader) {
    Step step;
    if (!saved.is_object()) reader.fail("steps");
    step.history = reader.list(saved, "history", load_event);
    step.effects = reader.list(saved, "effects", load_effect);
    step.outcome.status =
        static_cast<Status>(reader.small(saved, "status", static_cast<int>(kStatusNames.size())));
    step.outcome.output = TranscriptReader::optional_value(saved, "output");
    step.outcome.output_ref = reader.number(saved, "outputRef");
    step.outcome.error = reader.text(saved, "error");
    step.outcome.cause = reader.text(saved, "cause");
    step.next_due = reader.number(saved, "nextDue");
    step.phase = static_cast<Phase>(reader.small(saved, "phase", static_cast<int>(kPhaseNames.size())));
    step.current_state = reader.text_or_empty(saved, "currentState");
    step.accepted = !reader.flag(saved, "stale");
    if (const json::Value* exhausted = reader.member(saved, "exhausted", json::Kind::Object)) {
        step.exhausted = {reader.text_or_empty(*exhausted, "path"), reader.text_or_empty(*exhausted, "state"),
                          reader.text_or_empty(*exhausted, "error"), reader.text_or_empty(*exhausted, "cause")};
    }
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
    const auto saved = json::parse(text, {.max_bytes = kMaxBytes, .max_depth = kMaxTextDepth, .storable = false});
    if (!saved.ok()) return Err{"the outcome of the evaluation is not JSON: " + saved.error().message};
    if (!saved->is_object()) return Err{std::string("the outcome of the evaluation is not an object")};
    TranscriptReader reader;
    Transcript loaded;
    loaded.steps = reader.list(*saved, "steps", load_step);
    if (!reader.ok()) return Err{reader.error()};
    auto frame = Frame::load(TranscriptReader::value(*saved, "frame"), &run_input);
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
