// AWS Step Functions: arn:aws:states:::states:startExecution, {StateMachineArn, Input, Name}.
//
// With .sync the execution is described (DescribeExecution) until it has ended, and its description is the
// result. With .sync:2 the input and output in the description are JSON instead of text.
#include <utility>

#include "calls/aws/arns.hpp"
#include "calls/aws/service.hpp"
#include "calls/error_names.hpp"
#include "calls/http_answer.hpp"
#include "calls/protocols.hpp"

namespace flowctl::calls::aws {

namespace {

constexpr Service kStates = {"StepFunctions", "AWSStepFunctions", "AWSStepFunctionsException",
                             " ExecutionAlreadyExists ExecutionDoesNotExist ExecutionLimitExceeded "
                             "InvalidArn InvalidExecutionInput InvalidName KmsAccessDeniedException "
                             "KmsInvalidStateException KmsThrottlingException StateMachineDeleting "
                             "StateMachineDoesNotExist ValidationException "};

// A repetition of this call must not start another execution, so an execution without a name gets the call's
// key as its name.
RequestResult begin(const Task& task) {
    if (auto refusal = objection_to_input(task)) return *refusal;
    json::ObjectBuilder body;
    body.add("stateMachineArn", string_member(task.input, "StateMachineArn"));
    const json::Value* input = task.input.find("Input");
    body.add("input", input != nullptr && !input->is_null() ? as_text(*input) : "{}");
    const std::string_view name = string_member(task.input, "Name");
    body.add("name", name.empty() ? task.idempotency_key : name);
    if (const std::string_view trace = string_member(task.input, "TraceHeader"); !trace.empty())
        body.add("traceHeader", trace);
    return post_json(task, "1.0", "AWSStepFunctions.StartExecution", body.build());
}

RequestResult ask(const Task& task) {
    return post_json(
        task, "1.0", "AWSStepFunctions.DescribeExecution",
        json::ObjectBuilder().add("executionArn", string_member(task.follow, "executionArn")).build());
}

Progress begun(const json::Value& result) {
    const std::string_view arn = string_member(result, "ExecutionArn");
    if (!arn.starts_with("arn:")) return Refusal{kInvalidResponse, "the answer names no execution"};
    return Continues{json::ObjectBuilder().add("executionArn", arn).build(), result};
}

json::Value parsed_or_same(const json::Value& value) {
    if (!value.is_string()) return value;
    auto parsed = parsed_body(value.as_string());
    return parsed ? *std::move(parsed) : value;
}

Progress state_of(const json::Value& follow, const json::Value& description, bool as_json) {
    const std::string_view status = string_member(description, "Status");
    if (status == "RUNNING" || status == "PENDING_REDRIVE")
        return Continues{
            json::ObjectBuilder().add("executionArn", string_member(follow, "executionArn")).build(), {}};
    std::vector<json::Member> members;
    for (const json::Member& member : description.members()) {
        if (member.key.starts_with("Sdk")) continue;
        const bool document = as_json && (member.key == "Output" || member.key == "Input");
        members.push_back({member.key, document ? parsed_or_same(member.value) : member.value});
    }
    json::Value output = json::Value::object(std::move(members));
    if (status == "SUCCEEDED") return Done{std::move(output)};
    return Refusal{"States.TaskFailed", json::dump(output)};
}

class StartExecution : public ServiceProtocol {
  public:
    constexpr StartExecution() : ServiceProtocol(kStates) {}

  private:
    RequestResult request(const Task& task) const override {
        return task.follow.is_null() ? begin(task) : ask(task);
    }
    std::vector<std::string> targets(const asl::Resource&, const json::Value& input) const override {
        std::vector<std::string> targets;
        add_arn(targets, "states", string_member(input, "StateMachineArn"));
        return targets;
    }
    Names target_members() const override {
        static constexpr std::string_view kMembers[] = {"StateMachineArn"};
        return kMembers;
    }
};

class StartExecutionSync final : public StartExecution {
  public:
    explicit constexpr StartExecutionSync(bool as_json) : as_json_(as_json) {}

  private:
    std::optional<Progress> progress(const json::Value& follow, const json::Value& result) const override {
        return follow.is_null() ? begun(result) : state_of(follow, result, as_json_);
    }

    bool as_json_;
};

}  // namespace

const Protocol& start_execution() {
    static const StartExecution object;
    return object;
}

const Protocol& start_execution_sync() {
    static const StartExecutionSync object(false);
    return object;
}

const Protocol& start_execution_sync_json() {
    static const StartExecutionSync object(true);
    return object;
}

}  // namespace flowctl::calls::aws
