// Amazon EventBridge: arn:aws:states:::events:putEvents, {Entries}.
#include <algorithm>
#include <utility>

#include "calls/aws/arns.hpp"
#include "calls/aws/service.hpp"
#include "calls/http_answer.hpp"
#include "calls/http_request.hpp"
#include "calls/protocols.hpp"

namespace flowctl::calls::aws {

namespace {

constexpr Service kEvents = {"EventBridge", "AmazonEventBridge", "AmazonEventBridgeException",
                             " InternalException ResourceNotFoundException "};

// Step Functions adds the run and its flow to the resources of each entry, and so does this function.
RequestResult entries_request(const Task& task) {
    if (auto refusal = objection_to_input(task)) return *refusal;
    const json::Value* entries = task.input.find("Entries");
    if (entries == nullptr || !entries->is_array()) return runtime_error("Entries must be an array");
    std::vector<json::Value> sent;
    for (const json::Value& entry : entries->items()) {
        if (!entry.is_object()) return runtime_error("each of Entries must be an object");
        std::vector<json::Member> members =
            take(entry, "Detail", {"DetailType", "EventBusName", "Source", "Time", "TraceHeader"});
        std::vector<json::Value> resources;
        if (const json::Value* given = entry.find("Resources"); given != nullptr && given->is_array())
            resources = given->items();
        resources.push_back(json::Value::string(task.state_machine_id));
        resources.push_back(json::Value::string(task.execution_id));
        members.push_back({"Resources", json::Value::array(std::move(resources))});
        sent.push_back(json::Value::object(std::move(members)));
    }
    json::ObjectBuilder body;
    body.add("Entries", json::Value::array(std::move(sent)));
    if (const json::Value* endpoint = task.input.find("EndpointId")) body.add("EndpointId", *endpoint);
    return post_json(task, "1.1", "AWSEvents.PutEvents", body.build());
}

class PutEvents final : public ServiceProtocol {
  public:
    constexpr PutEvents() : ServiceProtocol(kEvents) {}

  private:
    RequestResult request(const Task& task) const override { return entries_request(task); }
    // One entry that EventBridge did not accept fails the Task, with the whole answer as the cause.
    TaskResult read(const net::Response& response) const override {
        auto body = parsed_body(response.body);
        if (!body || !body->is_object()) return unreadable();
        const json::Value* failed = body->find("FailedEntryCount");
        const bool any = failed != nullptr && failed->is_number() && failed->as_integer().value_or(1) != 0;
        if (any) return Refusal{"EventBridge.FailedEntry", json::dump(*body)};
        return *std::move(body);
    }
    // The event bus, if all entries have the same one and name it by its ARN.
    std::vector<std::string> targets(const asl::Resource&, const json::Value& input) const override {
        const json::Value* entries = input.find("Entries");
        if (entries == nullptr || !entries->is_array() || entries->items().empty()) return {};
        const std::string_view bus = string_member(entries->items().front(), "EventBusName");
        const bool same = std::all_of(
            entries->items().begin(), entries->items().end(),
            [&](const json::Value& entry) { return string_member(entry, "EventBusName") == bus; });
        std::vector<std::string> targets;
        if (same) add_arn(targets, "events", bus);
        return targets;
    }
    Names target_members() const override {
        static constexpr std::string_view kMembers[] = {"Entries"};
        return kMembers;
    }
};

}  // namespace

const Protocol& events_put_events() {
    static const PutEvents object;
    return object;
}

}  // namespace flowctl::calls::aws
