// Prefect's REST API (3.x): a Task starts a flow run of the deployment that the endpoint names; the Task's
// input is its parameters. With .sync the state of the flow run is requested until it has ended.
//
//   POST /deployments/{id}/create_flow_run      begins the flow run
//   GET  /flow_runs/{id}                        asks for its state
#include <utility>

#include "calls/error_names.hpp"
#include "calls/http_answer.hpp"
#include "calls/http_request.hpp"
#include "calls/protocols.hpp"

namespace flowctl::calls {

namespace {

bool is_uuid(std::string_view text) {
    return text.size() == 36 && text.find_first_not_of("0123456789abcdefABCDEF-") == text.npos;
}

RequestResult below_api(const Task& task, const std::string& path, const char* method) {
    auto base = endpoint_url(task);
    if (auto* refusal = std::get_if<Refusal>(&base)) return *refusal;
    auto url = net::join_path(std::get<net::Url>(base), path);
    if (auto* problem = std::get_if<std::string>(&url))
        return Refusal{kInvalidResponse, "the id of the work cannot be asked for: " + *problem};
    RequestParts parts;
    parts.method = method;
    parts.url = std::get<net::Url>(url).text();
    return parts;
}

RequestResult begin(const Task& task) {
    if (!task.input.is_object())
        return runtime_error("the input of a Task that starts a flow run must be an object: its parameters");
    auto made = below_api(task, "/deployments/" + std::string(task.deployment) + "/create_flow_run", "POST");
    auto* parts = std::get_if<RequestParts>(&made);
    if (parts == nullptr) return made;
    parts->headers = {{"Content-Type", "application/json"}};
    parts->body = json::dump(json::ObjectBuilder()
                                 .add("parameters", task.input)
                                 .add("idempotency_key", task.idempotency_key)
                                 .build());
    return made;
}

Refusal without(const char* what) {
    return {kInvalidResponse, std::string("the answer of Prefect holds no ") + what};
}

std::string state_type(const json::Value& answer) {
    const json::Value* state = answer.find("state");
    const std::string_view type = state != nullptr ? string_member(*state, "type") : std::string_view{};
    return std::string(type.empty() ? string_member(answer, "state_type") : type);
}

// The failed flow run's description of itself, without its parameters.
std::string cause_of(const json::Value& answer) {
    json::ObjectBuilder cause;
    for (const char* name : {"id", "name", "state"})
        if (const json::Value* value = answer.find(name)) cause.add(name, *value);
    return json::dump(cause.build());
}

Progress begun(const json::Value& answer) {
    const std::string_view id = string_member(answer, "id");
    if (!is_uuid(id)) return without("id of a flow run");
    return Continues{json::ObjectBuilder().add("id", id).build(), answer};
}

Progress state_of(const json::Value& follow, const json::Value& answer) {
    const std::string type = state_type(answer);
    if (type == "COMPLETED") return Done{answer};
    if (type == "FAILED") return Refusal{"Prefect.Failed", cause_of(answer)};
    if (type == "CRASHED") return Refusal{"Prefect.Crashed", cause_of(answer)};
    if (type == "CANCELLED") return Refusal{"Prefect.Cancelled", cause_of(answer)};
    if (type.empty()) return without("state of the flow run");
    return Continues{json::ObjectBuilder().add("id", string_member(follow, "id")).build(), {}};
}

class Prefect : public Protocol {
    RequestResult request(const Task& task) const override {
        if (task.follow.is_null()) return begin(task);
        return below_api(task, "/flow_runs/" + std::string(string_member(task.follow, "id")), "GET");
    }
    TaskResult result(const net::Response& response, std::string_view endpoint) const override {
        return successful_body(response, endpoint);
    }
};

class PrefectSync final : public Prefect {
    std::optional<Progress> progress(const json::Value& follow, const json::Value& result) const override {
        return follow.is_null() ? begun(result) : state_of(follow, result);
    }
};

}  // namespace

const Protocol& prefect() {
    static const Prefect object;
    return object;
}

const Protocol& prefect_sync() {
    static const PrefectSync object;
    return object;
}

}  // namespace flowctl::calls
