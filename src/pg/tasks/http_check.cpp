// Endpoints, policies and leases of a Task that is being defined. See http_check.hpp.
#include "pg/tasks/http_check.hpp"

#include <utility>

#include "calls/protocols.hpp"
#include "net/http/egress.hpp"
#include "pg/leases/plan.hpp"
#include "pg/policies/policy.hpp"
#include "pg/server/acting_role.hpp"

namespace flowctl::pg::http_task {

namespace {

using Kind = asl::Resource::Kind;

// Says which endpoint there would have to be.
Objection with_example(Objection objection, const std::string& arn) {
    if (objection.code == std::string_view(kNotFound))
        objection.message +=
            "; this would: CREATE SERVER ... FOREIGN DATA WRAPPER flowctl_http OPTIONS (url "
            "'https://...', auth 'aws_sigv4', arn " +
            std::string(guarded([&] { return quote_literal_cstr(arn.c_str()); })) + ")";
    return objection;
}

Objection denied(const std::string& endpoint, const std::string& why) {
    return {kNotPermitted, "the call of endpoint \"" + endpoint + "\" " + why};
}

// A host name is looked up by each call and may lead anywhere, so it counts as public unless its form says
// that it is a name of this machine or network.
bool is_public_host(const std::string& host) {
    if (const auto address = net::Address::parse(host)) return address->is_public();
    if (host.find('.') == std::string::npos) return false;
    for (const char* inside : {".localhost", ".local", ".internal", ".lan", ".home.arpa"})
        if (host.ends_with(inside)) return false;
    return true;
}

void warn_of_plain_http(const HttpServer& server, std::vector<Objection>& objections) {
    const net::Url& url = server.options.url;
    if (url.scheme != "http" || !is_public_host(url.host)) return;
    objections.push_back({kPlainHttp,
                          "endpoint \"" + server.name + "\" is called by plain http at the public host " +
                              url.host +
                              ": whoever is on the way can read and change what is sent and answered",
                          true});
}

// Rights first; where there are all, policies and the lease, as far as they do not depend on the user and the
// time, which are not known yet.
std::vector<Objection> check_endpoint_for(const DefinedTask& task, const std::string& name) {
    if (const auto failure = check_endpoint(name, task.role)) return {objection_of(*failure)};
    const auto server = find_http_server(name);
    std::vector<Objection> objections;
    if (server) warn_of_plain_http(*server, objections);
    if (!task.role || !server) return objections;
    policy::Facts facts;
    facts.endpoint = name;
    facts.role = role_name(*task.role);
    facts.owner = role_name(task.owner);
    facts.flow = task.flow;
    facts.state = task.state;
    facts.scope = server->options.scope;
    const AsExtensionOwner owner;
    Spi spi;
    const policy::Decision decided = policy::decide(policy::rules_of(spi, name), facts);
    if (!decided.allowed) objections.push_back(denied(name, "is denied: " + decided.reason));
    if (const auto& terms = server->options.lease) {
        const lease::Parties parties{*task.role, server->owner, name};
        if (const auto wrong = lease::objection_to_definition(spi, *terms, parties, facts))
            objections.push_back(denied(name, "can have no lease: " + *wrong));
    }
    return objections;
}

// Whether work that is begun at this endpoint cannot be followed; an endpoint that is not there is reported as
// such.
bool cannot_follow(const asl::Resource& resource, const DefinedTask& task) {
    if (!resource.sync || resource.kind != Kind::Http) return false;
    const auto server = find_http_server(resource.name);
    return server && !server->options.is_prefect && !check_endpoint(resource.name, task.role);
}

}  // namespace

bool carries_out(const asl::Resource& resource) {
    if (resource.wait_for_token || (resource.sync && resource.kind == Kind::OtherArn)) return false;
    switch (resource.kind) {
        case Kind::Http:
        case Kind::HttpInvoke:
        case Kind::AwsHttp:
        case Kind::Lambda:
        case Kind::OtherArn:
            return true;
        case Kind::Flow:
            return resource.name.empty();  // AWS's startExecution; a name is that of a flow of this database
        case Kind::Sql:
        case Kind::Activity:
            break;
    }
    return false;
}

std::vector<Objection> check(const asl::Resource& resource, const DefinedTask& task) {
    if (cannot_follow(resource, task))
        return {not_carried_out("the suffix .sync for an endpoint that is not of kind 'prefect'")};
    if (resource.kind == Kind::Http || resource.kind == Kind::HttpInvoke)
        return check_endpoint_for(task, resource.name);
    // An API action calls what the state's input names: ConnectionArn, StateMachineArn, FunctionName and so on.
    // Where the definition does not write it out, only the run knows it.
    const std::vector<std::string> targets = calls::targets_of(resource, task.input);
    if (targets.front().starts_with("arn:aws:states:::")) return {};
    auto server = endpoint_for_arns(targets);
    if (!server) return {with_example(objection_of(server.error()), targets.front())};
    return check_endpoint_for(task, *server);
}

std::vector<Objection> check_document(const std::string& endpoint, std::optional<Oid> role) {
    std::vector<Objection> objections;
    if (const auto failure = check_endpoint(endpoint, role)) objections.push_back(objection_of(*failure));
    const auto server = find_http_server(endpoint);
    if (server) warn_of_plain_http(*server, objections);
    if (server && server->options.lease) objections.push_back({kNotUsable, lease_is_for_tasks(endpoint)});
    return objections;
}

}  // namespace flowctl::pg::http_task
