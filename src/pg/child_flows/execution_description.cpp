// See execution_description.hpp.
#include "pg/child_flows/execution_description.hpp"

#include <utility>
#include <vector>

#include "pg/server/arn_space.hpp"
#include "pg/server/guc.hpp"

namespace flowctl::pg {

namespace {

std::string arn_of(const std::string& flow, const std::optional<std::string>& name, const Uuid& run,
                   bool express) {
    const std::string id = to_string(run);
    const machine::ArnSpace space = arn_space();
    return express ? space.express(flow, name.value_or(id), id) : space.execution(flow, name.value_or(id));
}

// AWS gives milliseconds.
json::Value date_of(std::int64_t unix_micros) {
    return json::Value::integer(unix_micros / 1000);
}

json::Value included() {
    return json::ObjectBuilder().add("Included", json::Value::boolean(true)).build();
}

json::Value parsed_or_same(const json::Value& text) {
    json::ParseLimits limits;
    limits.max_bytes = text.as_string().size() + 1;
    auto parsed = json::parse(text.as_string(), limits);
    return parsed ? std::move(parsed).value() : text;
}

json::Value with_json_payloads(const json::Value& description) {
    std::vector<json::Member> members;
    for (const json::Member& member : description.members()) {
        const bool is_payload = (member.key == "Input" || member.key == "Output") && member.value.is_string();
        members.push_back({member.key, is_payload ? parsed_or_same(member.value) : member.value});
    }
    return json::Value::object(std::move(members));
}

}  // namespace

json::Value started_description(const std::string& flow, const std::optional<std::string>& name,
                                const Uuid& run, bool express, std::int64_t started_at) {
    return json::ObjectBuilder()
        .add("ExecutionArn", arn_of(flow, name, run, express))
        .add("StartDate", date_of(started_at))
        .build();
}

json::Value ended_description(const store::EndedRun& run, const std::string& input,
                              const std::optional<std::string>& output) {
    const bool succeeded = run.status == machine::Status::Succeeded;
    const std::string status(machine::name_of(run.status));
    const bool redrivable = !succeeded && !run.express && !run.not_redrivable;
    json::ObjectBuilder out;
    if (run.cause) out.add("Cause", *run.cause);
    if (run.error) out.add("Error", *run.error);
    out.add("ExecutionArn", arn_of(run.flow, run.name, run.id, run.express));
    out.add("Input", input);
    out.add("InputDetails", included());
    out.add("Name", run.name.value_or(to_string(run.id)));
    if (output) {
        out.add("Output", *output);
        out.add("OutputDetails", included());
    }
    out.add("RedriveCount", json::Value::integer(run.redrive_count));
    out.add("RedriveStatus", redrivable ? "REDRIVABLE" : "NOT_REDRIVABLE");
    if (!redrivable)
        out.add("RedriveStatusReason", succeeded     ? "Execution is SUCCEEDED and cannot be redriven"
                                       : run.express ? "Executions of EXPRESS state machines cannot be redriven"
                                                     : *run.not_redrivable);
    out.add("StartDate", date_of(run.started_at));
    const std::string flow_arn = arn_space().state_machine(run.flow);
    if (run.alias) out.add("StateMachineAliasArn", flow_arn + ":" + *run.alias);
    out.add("StateMachineArn", flow_arn);
    if (run.alias) out.add("StateMachineVersionArn", flow_arn + ":" + std::to_string(run.version));
    out.add("Status", status);
    out.add("StopDate", date_of(run.ended_at));
    return out.build();
}

machine::Event answer_of(std::int64_t call, const json::Value& description, bool as_json) {
    const json::Value* status = description.find("Status");
    if (status != nullptr && status->is_string() && status->as_string() == "SUCCEEDED")
        return machine::TaskSucceeded{call, as_json ? with_json_payloads(description) : description};
    // Whatever the error of the run was, AWS says this one, with the description as the cause.
    return machine::TaskFailed{call, "States.TaskFailed", json::dump(description)};
}

machine::Event answer_without_run(std::int64_t call, const Uuid& run) {
    return machine::TaskFailed{call, "StepFunctions.ExecutionDoesNotExistException",
                               "run " + to_string(run) + " is not kept any more"};
}

}  // namespace flowctl::pg
