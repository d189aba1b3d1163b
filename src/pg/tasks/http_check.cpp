// Endpoints, policies and leases of a Task that is being defined. See http_check.hpp.
#include "pg/tasks/http_check.hpp"

#include <utility>

#include "calls/protocols.hpp"
#include "core/asl/integrations.hpp"
#include "net/http/egress.hpp"
#include "pg/leases/plan.hpp"
#include "pg/policies/policy.hpp"
#include "pg/server/acting_role.hpp"

namespace flowctl::pg::http_task {

namespace {

using Kind = asl::Resource::Kind;

// The ARNs of all that is of the same kind: "arn:aws:lambda:eu-west-1:123456789012:function:*" of a function,
// with or without its version.
std::string kind_of(std::string_view arn) {
    constexpr std::string_view kFunction = ":function:";
    const std::size_t function = arn.find(kFunction);
    const std::size_t end = function == arn.npos ? arn.rfind(':') + 1 : function + kFunction.size();
    return std::string(arn.substr(0, end)) + "*";
}

std::string in_sql(const std::string& text) {
    return guarded([&] { return quote_literal_cstr(text.c_str()); });
}

// One of the parts of an ARN, which colons separate, counted from 0; empty if there is none.
std::string_view part_of(std::string_view arn, int number) {
    for (; number > 0; number--) {
        const std::size_t colon = arn.find(':');
        if (colon == arn.npos) return {};
        arn.remove_prefix(colon + 1);
    }
    return arn.substr(0, arn.find(':'));
}

// How calls of what the ARN names are signed. An integration's own ARN names no region.
std::string signing_example(const std::string& arn) {
    std::string region(part_of(arn, 3));
    std::string service(part_of(arn, 2));
    if (region.empty()) {
        region = "...";
        if (const auto integration = asl::integration_of_arn(arn)) service = part_of(*integration, 0);
    }
    return "'aws_sigv4', aws_region " + in_sql(region) + ", aws_service " + in_sql(service) + ", ...";
}

std::string with_server(const std::string& message, const char* which, const std::string& auth,
                        const std::string& arn) {
    return message + "; " + which +
           " would: CREATE SERVER ... FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://...', auth " +
           auth + ", arn " + in_sql(arn) + ")";
}

// Says which endpoint there would have to be.
std::string with_example(const std::string& message, const asl::Resource& resource, const std::string& arn) {
    if (!calls::is_spoken_with_aws(resource))
        return with_server(message, "a service of your own in AWS's place", "'none'", arn);
    return with_server(message, "this", resource.kind == Kind::AwsHttp ? "'...'" : signing_example(arn), arn);
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
    for (std::size_t at = text.find(what); at != text.npos; at = text.find(what, at + by.size()))
        text.replace(at, what.size(), by);
    return text;
}

// An objection to an ARN for which there is no endpoint also says what would help all of its kind.
Objection about_arn(Objection objection, const asl::Resource& resource, const std::string& arn) {
    if (objection.code != std::string_view(kNotFound)) return objection;
    objection.kind = kind_of(arn);
    objection.message_of_kind =
        with_example(replaced(objection.message, arn, objection.kind), resource, objection.kind);
    objection.message = with_example(objection.message, resource, arn);
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

std::vector<Objection> check_targets(const asl::Resource& resource, const DefinedTask& task,
                                     const std::vector<std::string>& targets) {
    const auto name = endpoint_for_arns(targets);
    if (!name) {
        Objection objection = about_arn(objection_of(name.error()), resource, targets.front());
        // AWS looks a bare name up in the account of the state machine. An endpoint for it can still be created
        // before the first run, so the flow can be defined.
        const bool by_name = targets.front() == resource.text && !calls::target_members_of(resource).empty();
        if (by_name && objection.code == std::string_view(kNotFound)) objection.only_warns = true;
        return {std::move(objection)};
    }
    const auto server = find_http_server(*name);
    if (server && calls::protocol_for(resource, server->options.speech) == nullptr)
        return {not_carried_out(resource.text + " at AWS itself, and endpoint \"" + *name + "\" is AWS")};
    return check_endpoint_for(task, *name);
}

// Where a path or an expression gives what the endpoint is looked for by, only the run knows the endpoint.
// What can be known is that there is none for anything of this service.
std::vector<Objection> check_service(const asl::Resource& resource) {
    const std::string integration(asl::integration_of_arn(resource.text).value_or(""));
    const std::string service = integration.substr(0, integration.find(':'));
    if (endpoint_for_arn(resource.text) || may_cover_service(service)) return {};
    Objection none = about_arn(
        {kNotFound,
         "no foreign server of wrapper flowctl_http has an option \"arn\" for anything of " + service},
        resource, resource.text);
    none.only_warns = true;
    return {std::move(none)};
}

// AWS's HTTP Task names its endpoint by a server's name or an ARN.
std::vector<Objection> check_connection(const asl::Resource& resource, const DefinedTask& task) {
    const json::Value* how = task.input.find("Authentication");
    if (how == nullptr) how = task.input.find("InvocationConfig");
    const json::Value* connection = how != nullptr ? how->find("ConnectionArn") : nullptr;
    if (connection == nullptr || !connection->is_string() || connection->as_string().starts_with("{%"))
        return {};
    const std::string name(connection->as_string());
    if (!name.starts_with("arn:")) return check_endpoint_for(task, name);
    return check_targets(resource, task, {name});
}

}  // namespace

bool carries_out(const asl::Resource& resource) {
    if (resource.sync && resource.kind == Kind::OtherArn) return false;
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
        case Kind::Approval:
        case Kind::Event:
            break;
    }
    return false;
}

std::vector<Objection> check(const asl::Resource& resource, const DefinedTask& task) {
    if (cannot_follow(resource, task))
        return {not_carried_out("the suffix .sync for an endpoint that is not of kind 'prefect'")};
    if (resource.kind == Kind::Http || resource.kind == Kind::HttpInvoke)
        return check_endpoint_for(task, resource.name);
    if (resource.kind == Kind::AwsHttp) return check_connection(resource, task);
    // It may be a flow of this database, which only the run knows.
    const bool may_be_own = resource.kind == Kind::Flow;
    for (const std::string_view member : calls::target_members_of(resource))
        if (may_be_own && (task.is_open || task.open_members.contains(member))) return {};
    for (const std::string_view member : calls::target_members_of(resource))
        if (task.is_open || task.open_members.contains(member)) return check_service(resource);
    return check_targets(resource, task, calls::targets_of(resource, task.input));
}

std::vector<Objection> check_document(const std::string& endpoint, std::optional<Oid> role) {
    std::vector<Objection> objections;
    if (const auto failure = check_endpoint(endpoint, role)) objections.push_back(objection_of(*failure));
    const auto server = find_http_server(endpoint);
    if (server) warn_of_plain_http(*server, objections);
    if (server && server->options.lease) objections.push_back({kNotUsable, lease_is_for_tasks(endpoint)});
    return objections;
}

std::vector<Objection> check_bucket(const std::string& arn, std::optional<Oid> role) {
    const auto name = endpoint_for_arn(arn);
    if (name) return check_document(*name, role);
    Objection objection = objection_of(name.error());
    if (objection.code == std::string_view(kNotFound)) {
        objection.message = with_server(objection.message, "this", signing_example(arn), arn);
        objection.only_warns = true;
    }
    return {std::move(objection)};
}

}  // namespace flowctl::pg::http_task
