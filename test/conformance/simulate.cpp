// The simulation of simulate.hpp. Every step goes through save and load as well, so that each case also shows
// that a restart at any point changes nothing.
#include "simulate.hpp"

#include <algorithm>
#include <cctype>

namespace conformance {

using namespace flowctl;

namespace {

constexpr machine::Instant kStart = 1'790'000'000'000'000;

machine::Event invoke(const machine::Call& call, const std::string& handler) {
    const auto failed = [&](const char* type, const char* message, const char* trace) {
        const json::Value cause = json::ObjectBuilder()
                                      .add("errorMessage", message)
                                      .add("errorType", type)
                                      .add("requestId", "00000000-0000-4000-8000-000000000000")
                                      .add("stackTrace", json::Value::array({json::Value::string(trace)}))
                                      .build();
        return machine::TaskFailed{call.id, type, json::dump(cause)};
    };
    if (handler == "id_function" || handler == "return_id")
        return machine::TaskSucceeded{call.id, call.input};
    if (handler == "echo_function")
        return machine::TaskSucceeded{call.id, json::ObjectBuilder().add("Return", "HelloWorld").build()};
    if (handler == "return_bytes_str")
        return machine::TaskSucceeded{call.id, json::Value::string("HelloWorld!")};
    if (handler == "large_output_string")
        return machine::TaskSucceeded{call.id, json::Value::string(std::string(257 * 1024, 'a'))};
    if (handler == "raise_custom_exception") {
        return failed("CustomException", "",
                      "  File \"/var/task/handler.py\", line 9, in handler\n    raise CustomException()\n");
    }
    return failed(
        "Exception", "Some exception was raised.",
        "  File \"/var/task/handler.py\", line 2, in handler\n    raise Exception(\"Some exception was "
        "raised.\")\n");
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

    Execution execution;
    std::map<std::int64_t, json::Value> payloads{{0, input}};
    machine::Frame frame;
    machine::Now now{kStart, 1};
    std::vector<machine::Call> calls;
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
            } else if (const auto* cancelled = std::get_if<machine::CancelCall>(&effect)) {
                const std::int64_t id = cancelled->id;
                std::erase_if(calls, [id](const machine::Call& made) { return made.id == id; });
            }
        }
        execution.outcome = step.outcome;
        if (step.outcome.status != machine::Status::Running) return execution;

        auto text = json::parse(json::dump(frame.save()), {.max_bytes = 64 << 20, .max_depth = machine::kMaxFrameDepth});
        auto loaded = text.ok() ? machine::Frame::load(text.value()) : Err{std::string("unreadable frame")};
        if (!loaded.ok()) {
            execution.stuck = loaded.error();
            return execution;
        }
        frame = std::move(loaded).value();

        ++now.seed;
        const auto handled = std::find_if(calls.begin(), calls.end(), [&](const machine::Call& call) {
            const auto handler = lambdas.find(call.resource.name);
            return handler == lambdas.end() || handler->second != "wait_60_seconds";
        });
        if (handled != calls.end()) {
            const auto handler = lambdas.find(handled->resource.name);
            if (handler == lambdas.end()) {
                execution.stuck = "nobody serves " + handled->resource.text;
                return execution;
            }
            event = invoke(*handled, handler->second);
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

}  // namespace conformance
