// Checks the Resource of every Task of a definition against the catalog. See definition_check.hpp.
#include "pg/flows/definition_check.hpp"

#include <map>
#include <string>
#include <utility>

#include "calls/aws_request.hpp"
#include "core/asl/data_resource.hpp"
#include "core/asl/resource.hpp"
#include "core/asl/walk.hpp"
#include "core/json.hpp"
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

// The members of a Task's parameters that are written out, so far as they are: what a path or an expression
// gives is not known yet.
json::Value literal_parameters(const json::Value& state) {
    std::vector<json::Member> members;
    for (const char* field : {"Parameters", "Arguments"}) {
        const json::Value* given = state.find(field);
        if (given == nullptr || !given->is_object()) continue;
        for (const json::Member& member : given->members()) {
            const bool expression = member.key.ends_with(".$") ||
                                    (member.value.is_string() && member.value.as_string().starts_with("{%"));
            if (!expression) members.push_back(member);
        }
    }
    return json::Value::object(std::move(members));
}

std::string sql_literal(const std::string& text) {
    return guarded([&] { return quote_literal_cstr(text.c_str()); });
}

// What this version does not carry out, although the language has it.
std::optional<std::string> unsupported(const asl::Resource& resource) {
    using Kind = asl::Resource::Kind;
    if (resource.kind == Kind::Activity) return "activities";
    if (resource.wait_for_token) return "the suffix .waitForTaskToken";
    if (resource.sync && resource.kind == Kind::OtherArn) return "the suffix .sync of this resource";
    if (resource.kind == Kind::Sql) return "flowctl:sql";
    if (resource.kind == Kind::Flow && !resource.name.empty()) return "child flows";
    return std::nullopt;
}

std::string unsupported_message(const std::string& what) {
    return "this version of pg_flowctl does not carry out " + what;
}

// One finding for each kind, at the first place of it, with how many more places there are.
std::vector<asl::Finding> grouped(std::vector<asl::Finding> findings) {
    std::vector<asl::Finding> groups;
    std::vector<std::size_t> more;
    std::map<std::pair<std::string, std::string>, std::size_t> known;
    for (asl::Finding& finding : findings) {
        const auto [place, is_new] = known.emplace(std::pair(finding.code, finding.message), groups.size());
        if (is_new) {
            groups.push_back(std::move(finding));
            more.push_back(0);
        } else {
            ++more[place->second];
        }
    }
    for (std::size_t i = 0; i < groups.size(); i++)
        if (more[i] > 0) groups[i].message += " (and at " + std::to_string(more[i]) + " more places)";
    return groups;
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
                    check(*resource, state, asl::Where(where, "Resource").pointer());
            });
        return grouped(std::move(findings_));
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

    void check(std::string_view text, const json::Member& state, const std::string& location) {
        const auto resource = asl::Resource::parse(text);
        if (!resource) return;
        using Kind = asl::Resource::Kind;
        if (const auto what = unsupported(*resource)) return refuse(*what, location);
        if (resource->sync && resource->kind == Kind::Http && !can_follow(resource->name) &&
            !check_endpoint(resource->name, role_))
            return refuse("the suffix .sync for an endpoint that is not of kind 'prefect'", location);
        switch (resource->kind) {
            case Kind::Http:
            case Kind::HttpInvoke:
                return check_named(std::string(resource->name), state.key, location);
            case Kind::Lambda:
            case Kind::OtherArn:
            case Kind::Flow:
                return check_arn(*resource, state, location);
            case Kind::AwsHttp:
                return;  // ConnectionArn, in the state's input, names the endpoint
            case Kind::Sql:
            case Kind::Activity:
                return;
        }
    }

    // Valid in the language, but nothing here would carry it out.
    void refuse(const std::string& what, const std::string& location) {
        findings_.push_back(
            {asl::Finding::Severity::Error, kNotSupported, location, unsupported_message(what)});
    }

    // The endpoint is the one that covers what the parameters name. Where they do not say it before the run, an
    // integration that has a request of its own is left to the run.
    void check_arn(const asl::Resource& resource, const json::Member& state, const std::string& location) {
        const json::Value parameters = literal_parameters(state.value);
        const std::vector<std::string> targets = aws_task::targets_of(resource, parameters);
        const bool named =
            targets.size() > 1 || targets.front() != resource.text || resource.name == resource.text;
        const bool own_request = aws_task::integration_of(resource).has_value();
        if (own_request && targets.size() == 1 && targets.front().starts_with("arn:aws:states:::")) return;
        auto server = endpoint_for_arns(targets);
        if (server) return check_named(*server, state.key, location);
        EndpointFailure failure = std::move(server).error();
        if (named && failure.error == kEndpointNotFound)
            failure.cause +=
                "; this would: CREATE SERVER ... FOREIGN DATA WRAPPER flowctl_http OPTIONS (url "
                "'https://...', auth 'aws_sigv4', arn " +
                sql_literal(targets.front()) + ")";
        report(failure, location);
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

std::vector<asl::Finding> check_support(std::string_view definition) {
    const auto parsed = json::parse(definition);
    if (!parsed) return {};
    std::vector<asl::Finding> findings;
    asl::for_every_state(*parsed, asl::Where(), [&](const json::Member& state, const asl::Where& where) {
        const auto text = asl::task_resource(state.value);
        if (!text || findings.size() >= kMostFindings) return;
        const auto resource = asl::Resource::parse(*text);
        if (!resource) return;
        if (const auto what = unsupported(*resource))
            findings.push_back({asl::Finding::Severity::Warning, kNotSupported,
                                asl::Where(where, "Resource").pointer(), unsupported_message(*what)});
    });
    return grouped(std::move(findings));
}

}  // namespace flowctl::pg
