// The simulation of simulate.hpp. Every step goes through save and load as well, so that each case also shows
// that a restart at any point changes nothing.
#include "simulate.hpp"

#include <algorithm>
#include <cctype>

#include "core/map_run/batcher.hpp"
#include "core/map_run/results.hpp"
#include "core/map_run/tally.hpp"

namespace conformance {

using namespace flowctl;

namespace {

constexpr machine::Instant kStart = 1'790'000'000'000'000;

constexpr const char* kLambdaInvoke = "arn:aws:states:::lambda:invoke";

// What a function answers: its result, or its error.
struct Answer {
    json::Value result;
    std::string error;
    std::string cause;
};

Answer invoke(const std::string& handler, const json::Value& event) {
    const auto failed = [](const char* type, const char* message, const char* trace) {
        const json::Value cause = json::ObjectBuilder()
                                      .add("errorMessage", message)
                                      .add("errorType", type)
                                      .add("requestId", "00000000-0000-4000-8000-000000000000")
                                      .add("stackTrace", json::Value::array({json::Value::string(trace)}))
                                      .build();
        return Answer{{}, type, json::dump(cause)};
    };
    if (handler == "id_function" || handler == "return_id") return {event, "", ""};
    if (handler == "echo_function")
        return {json::ObjectBuilder().add("Return", "HelloWorld").build(), "", ""};
    if (handler == "return_bytes_str") return {json::Value::string("HelloWorld!"), "", ""};
    if (handler == "large_output_string") return {json::Value::string(std::string(257 * 1024, 'a')), "", ""};
    if (handler == "raise_custom_exception") {
        return failed("CustomException", "",
                      "  File \"/var/task/handler.py\", line 9, in handler\n    raise CustomException()\n");
    }
    return failed(
        "Exception", "Some exception was raised.",
        "  File \"/var/task/handler.py\", line 2, in handler\n    raise Exception(\"Some exception was "
        "raised.\")\n");
}

// The length of the JSON text as Python writes it, with a space behind each colon and comma.
std::size_t length_in_python(const json::Value& value) {
    const std::string text = json::dump(value);
    std::size_t length = text.size();
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (in_string && text[i] == '\\') {
            ++i;
        } else if (text[i] == '"') {
            in_string = !in_string;
        } else if (!in_string && (text[i] == ':' || text[i] == ',')) {
            ++length;
        }
    }
    return length;
}

// What lambda:invoke makes of a function's answer.
json::Value wrapped(const json::Value& result, bool with_log) {
    std::vector<std::pair<std::string, std::string>> headers;
    if (with_log) headers.emplace_back("X-Amz-Log-Result", "log");
    headers.emplace_back("X-Amz-Executed-Version", "$LATEST");
    headers.emplace_back("x-amzn-Remapped-Content-Length", "0");
    headers.emplace_back("Connection", "keep-alive");
    headers.emplace_back("x-amzn-RequestId", "id");
    headers.emplace_back("Content-Length", std::to_string(length_in_python(result)));
    headers.emplace_back("Date", "date");
    headers.emplace_back("X-Amzn-Trace-Id", "id");
    headers.emplace_back("Content-Type", "application/json");
    json::ObjectBuilder all;
    json::ObjectBuilder single;
    for (const auto& [name, value] : headers) {
        all.add(name, json::Value::array({json::Value::string(value)}));
        single.add(name, value);
    }
    json::ObjectBuilder out;
    out.add("ExecutedVersion", "$LATEST");
    if (with_log) out.add("LogResult", "log");
    out.add("Payload", result);
    out.add("SdkHttpMetadata", json::ObjectBuilder()
                                   .add("AllHttpHeaders", all.build())
                                   .add("HttpHeaders", single.build())
                                   .add("HttpStatusCode", json::Value::integer(200))
                                   .build());
    out.add("SdkResponseMetadata", json::ObjectBuilder().add("RequestId", "id").build());
    out.add("StatusCode", json::Value::integer(200));
    return out.build();
}

bool is_lambda_invoke(const machine::Call& call) {
    return call.resource.text == kLambdaInvoke;
}

std::string function_of(const machine::Call& call) {
    if (!is_lambda_invoke(call)) return call.resource.name;
    const json::Value* name = call.input.find("FunctionName");
    if (name == nullptr || !name->is_string()) return "";
    return std::string(name->as_string().substr(name->as_string().rfind(':') + 1));
}

// A Payload that is text is the body of the request; else its JSON is.
json::Value event_of(const machine::Call& call) {
    if (!is_lambda_invoke(call)) return call.input;
    const json::Value* payload = call.input.find("Payload");
    if (payload == nullptr || payload->is_null()) return json::Value::object({});
    if (!payload->is_string()) return *payload;
    auto parsed = json::parse(payload->as_string());
    return parsed.ok() ? parsed.value() : *payload;
}

machine::Event answer(const machine::Call& call, const std::map<std::string, std::string>& lambdas) {
    const std::string function = function_of(call);
    const auto handler = lambdas.find(function);
    if (handler == lambdas.end()) {
        return machine::TaskFailed{
            call.id, "Lambda.ResourceNotFoundException",
            "Function not found: arn:aws:lambda:us-east-1:111111111111:function:" + function +
                ":$LATEST (Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; "
                "Request ID: 1; Proxy: null)"};
    }
    Answer given = invoke(handler->second, event_of(call));
    if (!given.error.empty()) return machine::TaskFailed{call.id, given.error, given.cause};
    if (is_lambda_invoke(call)) given.result = wrapped(given.result, call.input.find("LogType") != nullptr);
    return machine::TaskSucceeded{call.id, given.result};
}

std::string details_key(std::string_view type) {
    for (const std::string_view ending : {"StateEntered", "StateExited"}) {
        if (type.size() > ending.size() && type.substr(type.size() - ending.size()) == ending)
            return ending == "StateEntered" ? "stateEnteredEventDetails" : "stateExitedEventDetails";
    }
    std::string key(type);
    key[0] = static_cast<char>(std::tolower(key[0]));
    return key + "EventDetails";
}

using Lambdas = std::map<std::string, std::string>;

Execution run_execution(const asl::Flow& flow, const machine::RunContext& run, const Lambdas& lambdas,
                        machine::Now& now);

// A map run with all its children, one after the other; its plan goes through save and load.
machine::MapRunEnded run_map(const asl::Flow& flow, const machine::RunContext& run,
                             const machine::StartMapRun& start, const Lambdas& lambdas, machine::Now& now) {
    const asl::State* map = map_run::find_map(flow, start.plan.state);
    const auto processor = flow.processors.find(start.plan.state);
    const auto saved = json::parse(json::dump(start.plan.save()));
    auto plan = saved.ok() ? machine::MapRunPlan::load(saved.value()) : Err{std::string("unreadable plan")};
    if (map == nullptr || processor == flow.processors.end() || !plan.ok())
        return map_run::failed(start.id, {"States.Runtime", plan.ok() ? "no such map" : plan.error()});
    map_run::Batcher batcher(*map, plan.value(), {});
    std::vector<map_run::Child> children;
    while (batcher.wants_item()) {
        const auto item = batcher.next_own_item();
        if (!item) return map_run::failed(start.id, {"States.ItemReaderFailed", "nobody reads here"});
        ++now.seed;
        for (map_run::Child& child : batcher.take(*item, now))
            children.push_back(std::move(child));
    }
    if (batcher.failure()) return map_run::failed(start.id, *batcher.failure());
    map_run::Counts of_items, of_children;
    of_items.total = batcher.made().items;
    of_children.total = batcher.made().children;
    map_run::Tally tally(plan.value(), of_items, of_children);
    map_run::Results results(plan.value(), {});
    for (const map_run::Child& child : children) {
        if (tally.failure()) break;
        const std::string name = "child-" + std::to_string(child.index);
        const machine::RunContext context =
            map_run::child_context(run, plan.value(), name, now.at, child.input);
        const Execution execution = run_execution(*processor->second, context, lambdas, now);
        map_run::ChildEnd end;
        end.index = child.index;
        end.status = execution.outcome.status;
        if (execution.outcome.output) end.output = *execution.outcome.output;
        end.error = execution.outcome.error;
        end.cause = execution.outcome.cause;
        end.arn = context.execution_id;
        end.name = name;
        end.input = child.input;
        tally.child_ended(end.status, child.items);
        results.recall(end);
    }
    if (tally.failure()) return map_run::failed(start.id, *tally.failure());
    const auto result = results.result();
    return result.ok() ? map_run::succeeded(start.id, result.value())
                       : map_run::failed(start.id, result.error());
}

Execution run_execution(const asl::Flow& flow, const machine::RunContext& run, const Lambdas& lambdas,
                        machine::Now& now) {
    Execution execution;
    std::map<std::int64_t, json::Value> payloads{{0, run.input}};
    machine::Frame frame;
    std::vector<machine::Call> calls;
    std::vector<machine::StartMapRun> map_runs;
    machine::Event event = machine::Started{};
    for (int step_number = 0; step_number < 100'000; ++step_number) {
        machine::Step step = machine::advance(flow, run, {}, frame, event, now);
        for (const machine::HistoryEvent& recorded : step.history) {
            if (recorded.payload) payloads[recorded.id] = *recorded.payload;
            json::ObjectBuilder shown;
            shown.add("id", json::Value::integer(recorded.id));
            shown.add("previousEventId", json::Value::integer(recorded.previous_id));
            shown.add("type", recorded.type);
            std::vector<json::Member> details;
            if (recorded.details.is_object()) details = recorded.details.members();
            if (recorded.payload_key != nullptr) {
                details.push_back({recorded.payload_key, recorded.payload
                                                             ? *recorded.payload
                                                             : payloads.at(*recorded.payload_ref)});
            }
            if (!details.empty() || recorded.details.is_object())
                shown.add(details_key(recorded.type), json::Value::object(std::move(details)));
            execution.events.push_back(shown.build());
        }
        for (machine::Effect& effect : step.effects) {
            if (auto* call = std::get_if<machine::Call>(&effect)) {
                calls.push_back(std::move(*call));
            } else if (auto* start = std::get_if<machine::StartMapRun>(&effect)) {
                map_runs.push_back(std::move(*start));
            } else if (const auto* dropped = std::get_if<machine::CancelMapRun>(&effect)) {
                const std::int64_t id = dropped->id;
                std::erase_if(map_runs, [id](const machine::StartMapRun& begun) { return begun.id == id; });
            } else if (const auto* cancelled = std::get_if<machine::CancelCall>(&effect)) {
                const std::int64_t id = cancelled->id;
                std::erase_if(calls, [id](const machine::Call& made) { return made.id == id; });
            }
        }
        execution.outcome = step.outcome;
        if (step.outcome.status != machine::Status::Running) return execution;

        auto text = json::parse(json::dump(frame.save(&run.input)),
                                {.max_bytes = 64 << 20, .max_depth = machine::kMaxFrameDepth});
        auto loaded =
            text.ok() ? machine::Frame::load(text.value(), &run.input) : Err{std::string("unreadable frame")};
        if (!loaded.ok()) {
            execution.stuck = loaded.error();
            return execution;
        }
        frame = std::move(loaded).value();

        ++now.seed;
        if (!map_runs.empty()) {
            const machine::StartMapRun start = std::move(map_runs.front());
            map_runs.erase(map_runs.begin());
            event = run_map(flow, run, start, lambdas, now);
            continue;
        }
        const auto handled = std::find_if(calls.begin(), calls.end(), [&](const machine::Call& call) {
            const auto handler = lambdas.find(function_of(call));
            return handler == lambdas.end() || handler->second != "wait_60_seconds";
        });
        if (handled != calls.end()) {
            if (handled->resource.kind != asl::Resource::Kind::Lambda) {
                execution.stuck = "nobody serves " + handled->resource.text;
                return execution;
            }
            event = answer(*handled, lambdas);
            calls.erase(handled);
            now.at += 1'000;
        } else if (step.next_due) {
            event = machine::TimerFired{};
            now.at = std::max(now.at, *step.next_due);
        } else {
            execution.stuck = "it waits for nothing";
            return execution;
        }
    }
    execution.stuck = "it does not end";
    return execution;
}

}  // namespace

Execution simulate(const asl::Flow& flow, bool express, const json::Value& input,
                   const std::map<std::string, std::string>& lambdas) {
    machine::RunContext run;
    run.express = express;
    if (express) {
        run.execution_id =
            "arn:aws:states:us-east-1:111111111111:express:<ArnPart_0idx>:<SyncExecArn_Part1_0idx>:"
            "<SyncExecArn_Part2_0idx>";
        run.execution_name = "<SyncExecArn_Part1_0idx>";
        run.role_arn = "sfn_role_arn";
    } else {
        run.execution_id =
            "arn:aws:states:us-east-1:111111111111:execution:<ArnPart_0idx>:<ExecArnPart_0idx>";
        run.execution_name = "<ExecArnPart_0idx>";
        run.role_arn = "snf_role_arn";
    }
    run.state_machine_id = "arn:aws:states:us-east-1:111111111111:stateMachine:<ArnPart_0idx>";
    run.state_machine_name = "<ArnPart_0idx>";
    run.started_at = kStart;
    run.input = input;
    machine::Now now{kStart, 1};
    return run_execution(flow, run, lambdas, now);
}

}  // namespace conformance
