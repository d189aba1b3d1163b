// Checks the Resource of every Task of a definition against the catalog. See definition_check.hpp.
#include "pg/flows/definition_check.hpp"

#include <string>
#include <utility>

#include "core/asl/data_resource.hpp"
#include "core/asl/resource.hpp"
#include "core/asl/walk.hpp"
#include "core/json.hpp"

#include "calls/aws_request.hpp"
#include "pg/endpoints/endpoint.hpp"
#include "pg/leases/plan.hpp"
#include "pg/policies/policy.hpp"
#include "pg/server/acting_role.hpp"

namespace flowctl::pg {

namespace {

constexpr std::size_t kMostFindings = 100;

const char* code_of(const EndpointFailure& failure) {
    if (failure.error == "States.Permissions") return kNotPermitted;
    return failure.error == kEndpointNotFound ? kNotFound : kNotUsable;
}

class Check {
  public:
    explicit Check(const FlowToCheck& flow) : flow_(flow), role_(flow.role) {}

    std::vector<asl::Finding> run(const json::Value& definition) {
        asl::for_every_state(
            definition, asl::Where(), [&](const json::Member& state, const asl::Where& where) {
                if (findings_.size() >= kMostFindings) return;
                asl::for_each_data(
                    state.value, where,
                    [&](std::string_view resource, asl::DataField field, const asl::Where& here) {
                        check_data(resource, field, here.pointer());
                    });
                if (const auto resource = asl::task_resource(state.value))
                    check(*resource, state.key, asl::Where(where, "Resource").pointer());
            });
        return std::move(findings_);
    }

  private:
    // Where a distributed Map's items come from, or its results go; a query or table is looked for when it is
    // used.
    void check_data(std::string_view resource, asl::DataField field, const std::string& location) {
        const auto parsed = field == asl::DataField::Reader ? asl::DataResource::parse_reader(resource)
                                                            : asl::DataResource::parse_writer(resource);
        if (!parsed || parsed->kind != asl::DataResource::Kind::Http) return;
        report(check_endpoint(parsed->name, role_), location);
        if (endpoint_lease(parsed->name))
            report(EndpointFailure{kEndpointConfiguration, lease_is_for_tasks(parsed->name)}, location);
    }

    void check(std::string_view text, const std::string& state, const std::string& location) {
        const auto resource = asl::Resource::parse(text);
        if (!resource) return;
        using Kind = asl::Resource::Kind;
        if (resource->wait_for_token) return refuse("the suffix .waitForTaskToken", location);
        if (resource->sync && resource->kind == Kind::OtherArn)
            return refuse("the suffix .sync of this resource", location);
        if (resource->sync && resource->kind == Kind::Http && !can_follow(resource->name) &&
            !check_endpoint(resource->name, role_))
            return refuse("the suffix .sync for an endpoint that is not of kind 'prefect'", location);
        switch (resource->kind) {
            case Kind::Http:
            case Kind::HttpInvoke:
                return check_named(std::string(resource->name), state, location);
            case Kind::Lambda:
            case Kind::OtherArn:
                if (resource->text.starts_with("arn:aws:states:::"))
                    return;  // the state's arguments name the target
                return check_arn(*resource, state, location);
            case Kind::AwsHttp:
                return;  // ConnectionArn, in the state's input, names the endpoint
            case Kind::Sql:
                return refuse("flowctl:sql", location);
            case Kind::Flow:
                if (resource->name.empty()) return;  // StateMachineArn, in the state's input
                return refuse("child flows", location);
            case Kind::Activity:
                return refuse("activities", location);
        }
    }

    // Valid in the language, but nothing here would carry it out.
    void refuse(std::string_view what, const std::string& location) {
        findings_.push_back({asl::Finding::Severity::Error, kNotSupported, location,
                             "this version of pg_flowctl does not carry out " + std::string(what)});
    }

    void check_arn(const asl::Resource& resource, const std::string& state, const std::string& location) {
        auto server = endpoint_for_arns(aws_task::targets_of(resource, json::Value()));
        if (server)
            check_named(*server, state, location);
        else
            report(std::move(server).error(), location);
    }

    // Rights, and where there are all, policies: as far as they do not depend on who will be the user, and
    // when.
    void check_named(const std::string& server, const std::string& state, const std::string& location) {
        const auto failure = check_endpoint(server, role_);
        report(failure, location);
        if (failure || !role_) return;
        policy::Facts facts;
        facts.endpoint = server;
        facts.role = role_name(*role_);
        facts.owner = role_name(flow_.owner);
        facts.flow = flow_.name;
        facts.state = state;
        facts.scope = endpoint_scope(server);
        const AsExtensionOwner owner;
        Spi spi;
        const policy::Decision decided = policy::decide(policy::rules_of(spi, facts.endpoint), facts);
        if (!decided.allowed)
            report(EndpointFailure{"States.Permissions",
                                   "the call of endpoint \"" + server + "\" is denied: " + decided.reason},
                   location);
        const auto terms = endpoint_lease(server);
        if (!terms) return;
        const lease::Parties parties{*role_, endpoint_owner(server).value_or(InvalidOid), server};
        if (const auto wrong = lease::objection_to_definition(spi, *terms, parties, facts))
            report(EndpointFailure{"States.Permissions",
                                   "the call of endpoint \"" + server + "\" can have no lease: " + *wrong},
                   location);
    }

    void report(const std::optional<EndpointFailure>& failure, const std::string& location) {
        if (failure)
            findings_.push_back({asl::Finding::Severity::Error, code_of(*failure), location, failure->cause});
    }

    const FlowToCheck& flow_;
    std::optional<Oid> role_;
    std::vector<asl::Finding> findings_;
};

}  // namespace

std::vector<asl::Finding> check_resources(std::string_view definition, const FlowToCheck& flow) {
    const auto parsed = json::parse(definition);
    if (!parsed) return {};
    return Check(flow).run(*parsed);
}

}  // namespace flowctl::pg
