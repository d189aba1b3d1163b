// The rules that AWS's services have in common: how they are called, and how their results and errors look to
// a run.
//
// A Task with an optimized integration gets the same result as from AWS's Step Functions: the service's own
// answer with SdkHttpMetadata and SdkResponseMetadata, and errors named <service>.<exception>. Region,
// account and role are the endpoint's. The input names a resource and can choose none of them.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "calls/protocol.hpp"

namespace flowctl::calls::aws {

// How the errors of a service are called.
struct Service {
    std::string_view prefix;   // of error names
    std::string_view name;     // the name in causes, as AWS's SDK for Java has it
    std::string_view general;  // the exception for errors that the SDK has no class for
    std::string_view known;    // error codes that the SDK has a class for, each between blanks
};

// A protocol for one action of a service. Successful answers are passed to read().
class ServiceProtocol : public Protocol {
  public:
    TaskResult result(const net::Response& response, std::string_view endpoint) const final;

  protected:
    explicit constexpr ServiceProtocol(const Service& service) : service_(service) {}
    ~ServiceProtocol() = default;

    // The result of an answer with status 2xx: its members and the metadata, unless the service answers in
    // another form.
    virtual TaskResult read(const net::Response& response) const;
    Refusal unreadable() const;

  private:
    const Service& service_;
};

// ---------------------------------------------------------------------------------------------- requests

// A POST request to the endpoint's url with this path appended.
RequestResult post(const Task& task, std::string_view path);

// A request in AWS's JSON protocol, which has the action in the header X-Amz-Target.
RequestResult post_json(const Task& task, std::string_view version, std::string_view target,
                        const json::Value& body);

// The text of a member that AWS wants as a string. Other JSON is written out as text, as Step Functions does.
std::string as_text(const json::Value& value);

// The members of the input that have these names. The first one is converted to a string, the others stay as
// they are.
std::vector<json::Member> take(const json::Value& input, std::string_view as_string,
                               std::initializer_list<std::string_view> others);

// Why the input cannot be used: it is not an object. Nothing otherwise.
std::optional<Refusal> objection_to_input(const Task& task);

// ----------------------------------------------------------------------------------------------- results

void add_metadata(json::ObjectBuilder& result, const net::Response& response);

// The members of a JSON answer, named as Step Functions names them ("executionArn" becomes ExecutionArn), and
// the metadata. nullopt if the answer is not a JSON object.
std::optional<json::Value> members_with_metadata(const net::Response& response);

}  // namespace flowctl::calls::aws
