// Walks a definition and checks the Resource of every Task against the catalog. See definition_check.hpp.
#include <string>
#include <utility>

#include "pg/flows/definition_check.hpp"
#include "core/asl/data_resource.hpp"
#include "core/asl/resource.hpp"
#include "core/json.hpp"

#include "calls/protocols.hpp"
#include "pg/endpoints/endpoint.hpp"
#include "pg/leases/plan.hpp"
#include "pg/policies/policy.hpp"

namespace flowctl::pg {

namespace {

constexpr std::size_t kMostFindings = 100;

// A JSON Pointer with one more reference token (RFC 6901 §3).
std::string below(const std::string& pointer, std::string_view token) {
    std::string longer = pointer + "/";
    for (const char c : token) {
        if (c == '~')
            longer += "~0";
        else if (c == '/')
            longer += "~1";
        else
            longer += c;
    }
    return longer;
}

// The state in ".../States/<state>/Resource".
std::string state_of(std::string_view location) {
    location = location.substr(0, location.rfind('/'));
    std::string name;
    std::string_view token = location.substr(location.rfind('/') + 1);
    for (std::size_t i = 0; i < token.size(); i++) {
        const bool escaped = token[i] == '~' && i + 1 < token.size();
        if (escaped) i++;
        name += !escaped ? token[i] : token[i] == '1' ? '/' : '~';
    }
    return name;
}

const char* code_of(const EndpointFailure& failure) {
    if (failure.error == "States.Permissions") return kNotPermitted;
    return failure.error == kEndpointNotFound ? kNotFound : kNotUsable;
}

bool can_follow(std::string_view endpoint) {
    const auto server = find_http_server(endpoint);
    return server && server->options.is_prefect;
}

class Walk {
  public:
    explicit Walk(const FlowToCheck& flow) : flow_(flow), role_(flow.role) {}

    std::vector<asl::Finding> run(const json::Value& definition) {
        add_block(definition, "");
        while (!pending_.empty() && findings_.size() < kMostFindings) {
            // In document order: children of a state come before its next sibling.
            auto [state, pointer] = std::move(pending_.back());
            pending_.pop_back();
            visit(*state, pointer);
        }
        return std::move(findings_);
    }

  private:
    void add_block(const json::Value& block, const std::string& pointer) {
        const json::Value* states = block.find("States");
        if (states == nullptr || !states->is_object()) return;
        const auto& members = states->members();
        for (auto member = members.rbegin(); member != members.rend(); ++member)
            pending_.emplace_back(&member->value, below(pointer + "/States", member->key));
    }

    void visit(const json::Value& state, const std::string& pointer) {
        for (const char* processor : {"Iterator", "ItemProcessor"})
            if (const json::Value* block = state.find(processor))
                add_block(*block, below(pointer, processor));
        check_data(state, "ItemReader", asl::DataResource::parse_reader, pointer);
        check_data(state, "ResultWriter", asl::DataResource::parse_writer, pointer);
        if (const json::Value* branches = state.find("Branches"); branches != nullptr && branches->is_array())
            for (std::size_t i = branches->items().size(); i-- > 0;)
                add_block(branches->items()[i], pointer + "/Branches/" + std::to_string(i));
        const json::Value* resource = state.find("Resource");
        const json::Value* type = state.find("Type");
        if (resource != nullptr && resource->is_string() && type != nullptr && type->is_string() &&
            type->as_string() == "Task")
            check(resource->as_string(), pointer + "/Resource");
    }

    // Where a distributed Map's items come from, or its results go; a query or table is looked for when it is
    // used.
    void check_data(const json::Value& state, const char* field,
                    Result<asl::DataResource, std::string> (*parse)(std::string_view),
                    const std::string& pointer) {
        const json::Value* data = state.find(field);
        const json::Value* resource = data != nullptr ? data->find("Resource") : nullptr;
        if (resource == nullptr || !resource->is_string()) return;
        const auto parsed = parse(resource->as_string());
        if (!parsed || parsed->kind != asl::DataResource::Kind::Http) return;
        report(check_endpoint(parsed->name, role_), below(pointer, field) + "/Resource");
        if (const auto server = find_http_server(parsed->name); server && server->options.lease)
            report(EndpointFailure{kEndpointConfiguration, lease_is_for_tasks(parsed->name)},
                   below(pointer, field) + "/Resource");
    }

    void check(std::string_view text, const std::string& location) {
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
                return check_named(std::string(resource->name), location);
            case Kind::Lambda:
            case Kind::OtherArn:
                if (resource->text.starts_with("arn:aws:states:::"))
                    return;  // the state's arguments name the target
                return check_arn(*resource, location);
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

    void check_arn(const asl::Resource& resource, const std::string& location) {
        auto server = endpoint_for_arns(calls::targets_of(resource, json::Value()));
        if (server)
            check_named(*server, location);
        else
            report(std::move(server).error(), location);
    }

    // Rights, and where there are all, policies: as far as they do not depend on who will be the user, and
    // when.
    void check_named(const std::string& server, const std::string& location) {
        const auto failure = check_endpoint(server, role_);
        report(failure, location);
        if (failure || !role_) return;
        policy::Facts facts;
        facts.endpoint = server;
        facts.role = role_name(*role_);
        facts.owner = role_name(flow_.owner);
        facts.flow = flow_.name;
        facts.state = state_of(location);
        const auto known = find_http_server(server);
        if (!known) return;
        facts.scope = known->options.scope;
        const AsExtensionOwner owner;
        Spi spi;
        const policy::Decision decided = policy::decide(policy::rules_of(spi, facts.endpoint), facts);
        if (!decided.allowed)
            report(EndpointFailure{"States.Permissions",
                                   "the call of endpoint \"" + server + "\" is denied: " + decided.reason},
                   location);
        const auto& terms = known->options.lease;
        if (!terms) return;
        const lease::Parties parties{*role_, known->owner, server};
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
    std::vector<std::pair<const json::Value*, std::string>> pending_;
    std::vector<asl::Finding> findings_;
};

}  // namespace

std::vector<asl::Finding> check_resources(std::string_view definition, const FlowToCheck& flow) {
    const auto parsed = json::parse(definition);
    if (!parsed) return {};
    return Walk(flow).run(*parsed);
}

}  // namespace flowctl::pg
