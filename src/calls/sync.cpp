// Work that is followed to its end. See followed_task.hpp.
#include "calls/sync.hpp"

#include <algorithm>

#include "calls/aws_request.hpp"
#include "net/http/url.hpp"

namespace flowctl::pg::followed_task {

namespace {

using aws_task::string_member;

constexpr std::int64_t kMostFailures = 10;

bool is_uuid(std::string_view text) {
    return text.size() == 36 && text.find_first_not_of("0123456789abcdefABCDEF-") == text.npos;
}

RequestResult below(const std::string& api_url, const std::string& path, const char* method) {
    auto base = net::split_url(api_url);
    if (auto* problem = std::get_if<std::string>(&base))
        return Refusal{"Flowctl.EndpointConfiguration", "the endpoint's url is not valid: " + *problem};
    auto url = net::join_path(std::get<net::Url>(base), path);
    if (auto* problem = std::get_if<std::string>(&url))
        return Refusal{"Flowctl.InvalidResponse", "the id of the work cannot be asked for: " + *problem};
    http_task::RequestParts parts;
    parts.method = method;
    parts.url = std::get<net::Url>(url).text();
    return parts;
}

Refusal unexpected(const std::string& what) {
    return {"Flowctl.InvalidResponse", "the answer of Prefect holds no " + what};
}

std::string prefect_state_type(const json::Value& answer) {
    const json::Value* state = answer.find("state");
    const std::string_view type = state != nullptr ? string_member(*state, "type") : std::string_view{};
    return std::string(type.empty() ? string_member(answer, "state_type") : type);
}

// What a failed flow run says of itself, without its parameters.
std::string prefect_cause(const json::Value& answer) {
    json::ObjectBuilder cause;
    for (const char* name : {"id", "name", "state"})
        if (const json::Value* value = answer.find(name)) cause.add(name, *value);
    return json::dump(cause.build());
}

json::Value parsed_or_same(const json::Value& value) {
    if (!value.is_string()) return value;
    auto parsed = json::parse(value.as_string());
    return parsed ? std::move(parsed).value() : value;
}

}  // namespace

RequestResult prefect_start(const std::string& api_url, const std::string& deployment,
                            const json::Value& parameters, const std::string& idempotency_key) {
    if (!parameters.is_object())
        return Refusal{"States.Runtime",
                       "the input of a Task that starts a flow run must be an object: its parameters"};
    auto made = below(api_url, "/deployments/" + deployment + "/create_flow_run", "POST");
    auto* parts = std::get_if<http_task::RequestParts>(&made);
    if (parts == nullptr) return made;
    parts->headers = {{"Content-Type", "application/json"}};
    parts->body = json::dump(
        json::ObjectBuilder().add("parameters", parameters).add("idempotency_key", idempotency_key).build());
    return made;
}

RequestResult prefect_ask(const std::string& api_url, const json::Value& follow) {
    return below(api_url, "/flow_runs/" + std::string(string_member(follow, "id")), "GET");
}

Progress prefect_begun(const json::Value& answer) {
    const std::string_view id = string_member(answer, "id");
    if (!is_uuid(id)) return unexpected("id of a flow run");
    return Continues{json::ObjectBuilder().add("id", id).build(), answer};
}

Progress prefect_state(const json::Value& answer) {
    const std::string type = prefect_state_type(answer);
    if (type == "COMPLETED") return Done{answer};
    if (type == "FAILED") return Refusal{"Prefect.Failed", prefect_cause(answer)};
    if (type == "CRASHED") return Refusal{"Prefect.Crashed", prefect_cause(answer)};
    if (type == "CANCELLED") return Refusal{"Prefect.Cancelled", prefect_cause(answer)};
    if (type.empty()) return unexpected("state of the flow run");
    return Continues{json::ObjectBuilder().add("id", string_member(answer, "id")).build(), {}};
}

RequestResult execution_ask(const std::string& url, const json::Value& follow) {
    return aws_task::describe_request(url, std::string(string_member(follow, "executionArn")));
}

Progress execution_begun(const json::Value& result) {
    const std::string_view arn = string_member(result, "ExecutionArn");
    if (!arn.starts_with("arn:")) return Refusal{"Flowctl.InvalidResponse", "the answer names no execution"};
    return Continues{json::ObjectBuilder().add("executionArn", arn).build(), result};
}

Progress execution_state(const json::Value& result, bool as_json) {
    const std::string_view status = string_member(result, "Status");
    if (status == "RUNNING" || status == "PENDING_REDRIVE")
        return Continues{
            json::ObjectBuilder().add("executionArn", string_member(result, "ExecutionArn")).build(), {}};
    std::vector<json::Member> members;
    for (const json::Member& member : result.members()) {
        if (member.key.starts_with("Sdk")) continue;
        const bool document = as_json && (member.key == "Output" || member.key == "Input");
        members.push_back({member.key, document ? parsed_or_same(member.value) : member.value});
    }
    json::Value output = json::Value::object(std::move(members));
    if (status == "SUCCEEDED") return Done{std::move(output)};
    return Refusal{"States.TaskFailed", json::dump(output)};
}

std::optional<json::Value> after_failure(const json::Value& follow, const net::Response& response) {
    using net::Failure;
    const bool unreachable = response.failure == Failure::Resolve || response.failure == Failure::Connect ||
                             response.failure == Failure::Tls || response.failure == Failure::Timeout ||
                             response.failure == Failure::Protocol ||
                             (response.failure == Failure::Credential && !response.credential_permanent);
    const bool busy =
        response.status == 408 || response.status == 425 || response.status == 429 || response.status >= 500;
    if (!unreachable && !busy) return std::nullopt;
    const json::Value* counted = follow.find("failures");
    const std::int64_t failures =
        counted != nullptr && counted->is_number() ? counted->as_integer().value_or(0) : 0;
    if (failures + 1 >= kMostFailures) return std::nullopt;
    return json::with_member(follow, "failures", json::Value::integer(failures + 1));
}

}  // namespace flowctl::pg::followed_task
