// A protocol is one way to speak to a service: it says which request a Task becomes, and what the answer
// means.
//
// Each protocol is one object without state, in a file of its own; protocols.cpp lists them. A protocol knows
// neither the database nor the network: it turns a Task's effective input into method, URL, headers and body,
// and a response of net::Client into the Task's result or its failure. Where the request may go and which
// credential it carries is decided elsewhere, so an input can choose neither.
//
// Work with the suffix .sync is begun by one call, and later calls ask whether it has ended. Everything that
// must be known between these calls is a small JSON object (Continues::follow). So the run can leave memory
// meanwhile, and goes on asking after a restart of the server.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/asl/resource.hpp"
#include "core/json.hpp"
#include "net/client.hpp"

namespace flowctl::calls {

// Why a Task fails: an error name of the language, and a cause for people.
struct Refusal {
    std::string error;
    std::string cause;
};

struct RequestParts {
    std::string method;
    std::string url;
    std::vector<net::Header> headers;
    std::string body;
};
using RequestResult = std::variant<RequestParts, Refusal>;

// The input of request(): everything that a request is made from.
struct Task {
    const asl::Resource& resource;
    const json::Value& input;   // the effective input
    const json::Value& follow;  // null to begin the work; otherwise the description of the work to ask about
    std::string_view base_url;  // the endpoint's url
    std::string_view deployment;  // the deployment of a Prefect endpoint
    std::string_view execution_id;
    std::string_view state_machine_id;
    std::string_view idempotency_key;
};

using TaskResult = std::variant<json::Value, Refusal>;

// The answer that work with .sync still goes on.
struct Continues {
    json::Value follow;
    json::Value output;  // the output of the answer that says so
};
struct Done {
    json::Value output;
};
using Progress = std::variant<Continues, Done, Refusal>;

class Protocol {
  public:
    virtual RequestResult request(const Task& task) const = 0;

    // The outcome of the Task for this response, or for none (net::Failure). Causes name the endpoint by the
    // name of its foreign server.
    virtual TaskResult result(const net::Response& response, std::string_view endpoint) const = 0;

    // For protocols that follow work to its end: the progress of the work, from an answer that was a result.
    // `follow` is that of the Task whose answer it is. nullopt if this protocol follows nothing.
    virtual std::optional<Progress> progress(const json::Value& follow, const json::Value& result) const;

    // The ARNs of the resources that the Task's input names, the most specific first. The Task calls the
    // endpoint whose option `arn` covers one of them.
    virtual std::vector<std::string> targets(const asl::Resource& resource, const json::Value& input) const;

    // The members of the input that targets() reads.
    using Names = std::span<const std::string_view>;
    virtual Names target_members() const { return {}; }

  protected:
    ~Protocol() = default;  // the objects live as long as the process
};

// What a response means to the run that waits for it.
struct Meaning {
    std::variant<json::Value, Refusal, Continues> what;
    // The error of the call itself, which may fail while the work goes on; empty if there is none.
    std::string error;
};
Meaning meaning_of(const Protocol& protocol, const json::Value& follow, const net::Response& response,
                   std::string_view endpoint);

}  // namespace flowctl::calls
