// Work with .sync that is begun by one call and asked for by others: flow runs of Prefect, executions of AWS.
//
// Each kind says how work is begun and asked for, and reads of an answer whether it goes on, is done or has
// failed. What must be known between the calls is a small JSON object (TaskContinues::follow), so that a run
// is parked between them and asks on after a restart. An answer that fails to come is asked for again a few
// times before the Task fails: the work itself goes on meanwhile. Uses no PostgreSQL and needs no
// transaction; called by http_task.
#pragma once

#include <string>
#include <variant>

#include "calls/http_request.hpp"
#include "core/json.hpp"
#include "net/client.hpp"

namespace flowctl::pg::followed_task {

using http_task::Refusal;
using http_task::RequestResult;

struct Continues {
    json::Value follow;
    json::Value output;  // of the answer that says so
};
struct Done {
    json::Value output;
};
using Progress = std::variant<Continues, Done, Refusal>;

// Prefect's REST API (3.x): POST /deployments/{id}/create_flow_run, GET /flow_runs/{id}.
RequestResult prefect_start(const std::string& api_url, const std::string& deployment,
                            const json::Value& parameters, const std::string& idempotency_key);
RequestResult prefect_ask(const std::string& api_url, const json::Value& follow);
Progress prefect_begun(const json::Value& answer);
Progress prefect_state(const json::Value& answer);

// AWS's DescribeExecution. `as_json`: .sync:2, which gives input and output as JSON.
RequestResult execution_ask(const std::string& url, const json::Value& follow);
Progress execution_begun(const json::Value& result);
Progress execution_state(const json::Value& result, bool as_json);

// Whether asking failed in a way that the next time may mend; then `follow` with the failure counted, or
// nothing when there were too many in a row.
std::optional<json::Value> after_failure(const json::Value& follow, const net::Response& response);

}  // namespace flowctl::pg::followed_task
