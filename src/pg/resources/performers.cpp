// The list of what carries out Tasks. See performers.hpp.
#include "pg/resources/performers.hpp"

#include <utility>

#include "pg/activities/activity_performer.hpp"
#include "pg/approvals/approval_performer.hpp"
#include "pg/child_flows/child_flow_check.hpp"
#include "pg/child_flows/child_flow_performer.hpp"
#include "pg/child_flows/execution_request.hpp"
#include "pg/events/event_performer.hpp"
#include "pg/sql_steps/sql_check.hpp"
#include "pg/sql_steps/sql_performer.hpp"
#include "pg/tasks/http_check.hpp"
#include "pg/tasks/http_performer.hpp"

namespace flowctl::pg {

namespace {

using Kind = asl::Resource::Kind;

std::unique_ptr<Performer> make_http(const Surroundings& surroundings) {
    return std::make_unique<HttpPerformer>(surroundings.host, surroundings.client, surroundings.leases,
                                           surroundings.waits);
}

std::unique_ptr<Performer> make_activities(const Surroundings& surroundings) {
    return std::make_unique<ActivityPerformer>(surroundings.waits);
}

std::unique_ptr<Performer> make_approvals(const Surroundings& surroundings) {
    return std::make_unique<ApprovalPerformer>(surroundings.claim, surroundings.waits);
}

std::unique_ptr<Performer> make_child_flows(const Surroundings& surroundings) {
    return std::make_unique<ChildFlowPerformer>(surroundings.host, surroundings.claim, surroundings.waits);
}

std::unique_ptr<Performer> make_events(const Surroundings& surroundings) {
    return std::make_unique<EventPerformer>(surroundings.host, surroundings.claim);
}

bool is_event(const asl::Resource& resource, const json::Value&) {
    return event_tasks::carries_out(resource);
}

std::unique_ptr<Performer> make_sql(const Surroundings& surroundings) {
    return std::make_unique<SqlPerformer>(surroundings.host, surroundings.claim);
}

bool is_activity(const asl::Resource& resource, const json::Value&) {
    return activities::carries_out(resource);
}

bool is_approval(const asl::Resource& resource, const json::Value&) {
    return approvals::carries_out(resource);
}

bool is_call_over_http(const asl::Resource& resource, const json::Value&) {
    return http_task::carries_out(resource);
}

struct Row {
    bool (*carries_out)(const asl::Resource& resource, const json::Value& input);
    std::vector<Objection> (*check)(const asl::Resource& resource, const DefinedTask& task);
    std::unique_ptr<Performer> (*make)(const Surroundings& surroundings);
};

// A Resource is carried out by the first row that says so.
constexpr Row kRows[] = {
    {starts_own_flow, child_flows::check, make_child_flows},
    {is_activity, activities::check_definition, make_activities},
    {is_approval, approvals::check_definition, make_approvals},
    {is_event, event_tasks::check_definition, make_events},
    {sql_steps::carries_out, sql_steps::check, make_sql},
    {is_call_over_http, http_task::check, make_http},
};

std::string name_of(const asl::Resource& resource) {
    if (resource.wait_for_token) return "the suffix .waitForTaskToken";
    if (resource.sync && resource.kind == Kind::OtherArn) return "the suffix .sync of " + resource.text;
    switch (resource.kind) {
        case Kind::Flow:
            return "child flows";
        default:
            return "this resource";
    }
}

}  // namespace

std::vector<Objection> check_task(const asl::Resource& resource, const DefinedTask& task) {
    for (const Row& row : kRows)
        if (row.carries_out(resource, task.input)) return row.check(resource, task);
    return {not_carried_out(name_of(resource))};
}

std::vector<MadePerformer> make_performers(const Surroundings& surroundings) {
    std::vector<MadePerformer> made;
    for (const Row& row : kRows)
        made.push_back({row.carries_out, row.make(surroundings)});
    return made;
}

std::string no_performer(const asl::Resource& resource) {
    return not_carried_out(name_of(resource)).message;
}

}  // namespace flowctl::pg
