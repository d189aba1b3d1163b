// A Task's HTTP call: from the machine's Call to a request of net::Client, and from its response back to an
// event.
//
// prepare() runs inside the turn's transaction, because endpoints, rights and mappings are catalog objects;
// what it finds wrong is an ASL error of the task. interpret() needs no transaction. Both follow DESIGN.md
// §7: the request carries Idempotency-Key and traceparent, a flow never sets a credential header, failures
// have the names of AWS's HTTP Task.
//
// Called by engine.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "calls/aws_request.hpp"
#include "calls/http_request.hpp"
#include "core/machine/machine.hpp"
#include "net/client.hpp"
#include "pg/endpoints/endpoint.hpp"
#include "pg/leases/plan.hpp"
#include "pg/policies/policy.hpp"
#include "pg/store/history.hpp"
#include "pg/tasks/run_facts.hpp"

namespace flowctl::pg::http_task {

// Errors of our own, beside AWS's; see docs/errors.md.
inline constexpr const char* kInvalidResponse = "Flowctl.InvalidResponse";
inline constexpr const char* kCredentialFailed = "Flowctl.CredentialFailed";
inline constexpr const char* kInteractionRequired = "Flowctl.InteractionRequired";

// What the answer will need.
struct Pending {
    Uuid run_id{};
    std::int64_t call_id = 0;
    std::int32_t sending = 1;
    asl::Resource::Kind kind = asl::Resource::Kind::Http;
    std::string endpoint;
    std::string lane;                          // as lane_of() says
    std::optional<aws_task::Integration> aws;  // spoken to AWS itself
    bool prefect = false;
    bool sync = false;
    bool sync_json = false;
    json::Value follow;  // of the call: what is being asked for
    net::Seconds poll_interval{10};
    bool for_subject = false;                    // its token was got with somebody's token
    std::optional<Uuid> map_run = std::nullopt;  // whose document it is; the answer is not for the run
};

// What a call shares its limit with: the endpoint as the Task names it. Needs no transaction.
std::string lane_of(const machine::Call& call);

struct Prepared {
    net::Request request;  // without an id
    store::CallIntent intent;
    Pending pending;
    std::optional<lease::Plan> lease;  // to be made before it leaves; the request gets its password
};

// What the calls of one turn have found already: they share its transaction, and would find it again.
struct Lookups {
    std::map<std::pair<std::string, Oid>, Endpoint>
        endpoints;                  // by server and role; if the same for each run
    std::optional<Endpoint> other;  // of the last call whose endpoint is for its run alone
};

// Reads the engine's tables (policies), so the caller is the worker.
std::variant<Prepared, Refusal> prepare(const RunFacts& run, const machine::Call& call, std::int64_t now,
                                        std::int32_t sending, Lookups& lookups);

struct Interpreted {
    machine::Event event;  // TaskSucceeded, TaskFailed or TaskContinues
    store::CallOutcome outcome;
};
Interpreted interpret(const Pending& pending, net::Response&& response, std::int64_t now);

// A document that a map run reads from an endpoint, or writes to it.
struct Document {
    json::Value input;                // as that of an :invoke: Method, Path, QueryParameters, Headers
    std::optional<std::string> body;  // sent as it is
    const char* content_type = nullptr;
};
// `call` says where it belongs, and its resource names the server.
std::variant<Prepared, Refusal> prepare_document(const RunFacts& run, const machine::Call& call,
                                                 const Document& document, std::int64_t now,
                                                 std::int32_t sending, Lookups& lookups);
struct DocumentAnswer {
    std::variant<std::string, Refusal> body;
    store::CallOutcome outcome;
};
DocumentAnswer interpret_document(const Pending& pending, net::Response&& response, std::int64_t now);

// The same over retries and crashes, another for another visit of the state (DESIGN.md §7).
std::string idempotency_key(const std::string& run_id, const machine::Call& call, int redrive_count,
                            bool per_attempt);

}  // namespace flowctl::pg::http_task
