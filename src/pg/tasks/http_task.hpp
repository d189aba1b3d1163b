// A Task's HTTP call: from the machine's Call to a request of net::Client, and from its response back to an
// event.
//
// prepare() runs inside the turn's transaction, because endpoints, rights and mappings are catalog objects;
// what it finds wrong is an error of the Task. interpret() needs no transaction. Invariants: each request
// carries Idempotency-Key and traceparent; a flow never sets a header with a credential; failures have the
// names of AWS's HTTP Task.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "calls/protocol.hpp"
#include "core/machine/machine.hpp"
#include "net/client.hpp"
#include "pg/endpoints/endpoint.hpp"
#include "pg/leases/plan.hpp"
#include "pg/policies/policy.hpp"
#include "pg/store/history.hpp"
#include "pg/tasks/run_facts.hpp"
#include "pg/turn/lane.hpp"

namespace flowctl::pg::http_task {

using calls::Refusal;

// What the answer will need.
struct Pending {
    Uuid run_id{};
    std::int64_t call_id = 0;
    std::int32_t sending = 1;
    std::string endpoint;
    Lanes lanes;
    const calls::Protocol* protocol = nullptr;  // by which the answer is read
    json::Value follow;                         // of the call: the work that it asks for
    net::Seconds poll_interval{10};
    bool bounded_by_payload = false;  // an answer that is refused while it arrives is too large for any result
    std::string place, token;         // of a call that waits for an answer to its token
    bool for_subject = false;                    // its token was got with somebody's token
    std::optional<Uuid> map_run = std::nullopt;  // whose document it is; the answer is not for the run
};

// What a call shares its limits with: its endpoint, the host of that, the owner of its flow, and that owner's
// other calls to the host.
Lanes lanes_of(const RunFacts& run, const machine::Call& call);
Lanes lanes_of_endpoint(const machine::Call& call);  // the first two
// The same for the call of a Task, whose answer is refused where it is too large for a result.
Lanes lanes_of_task(const RunFacts& run, const machine::Call& call);

struct Prepared {
    net::Request request;  // without an id
    store::CallIntent intent;
    Pending pending;
    std::optional<lease::Plan> lease;  // to be made before it leaves; the request gets its password
};

// What earlier calls of the same transaction have found and later ones would find again.
struct Lookups {
    std::map<std::pair<std::string, Oid>, Endpoint>
        endpoints;                  // by server and role; if the same for each run
    std::optional<Endpoint> other;  // of the last call whose endpoint is for its run alone
};

// It reads the engine's tables (policies) as their owner, so only a worker may call it.
std::variant<Prepared, Refusal> prepare(const RunFacts& run, const machine::Call& call, const Lanes& lanes,
                                        std::int64_t now, std::int32_t sending, Lookups& lookups);

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

// It stays the same over retries and crashes, and is another one when the state is visited again. With
// `per_attempt` each retry has its own.
std::string idempotency_key(const std::string& run_id, const machine::Call& call, int redrive_count,
                            bool per_attempt);

}  // namespace flowctl::pg::http_task
