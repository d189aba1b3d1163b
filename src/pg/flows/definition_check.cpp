// Checks the Resource of every Task of a definition against the catalog. See definition_check.hpp.
#include "pg/flows/definition_check.hpp"

#include <map>
#include <string>
#include <utility>

#include "core/asl/data_resource.hpp"
#include "core/asl/resource.hpp"
#include "core/asl/walk.hpp"
#include "core/json.hpp"
#include "pg/rights/flow_rights.hpp"
#include "pg/tasks/http_check.hpp"
#include "pg/tasks/performers.hpp"

namespace flowctl::pg {

namespace {

constexpr std::size_t kMostFindings = 100;

// The members of a Task's parameters that are written out.
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

// One finding for each message, at its first place, with how many more places there are.
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
        if (more[i] > 0)
            groups[i].message +=
                " (and at " + std::to_string(more[i]) + (more[i] == 1 ? " more place)" : " more places)");
    return groups;
}

class Check {
  public:
    explicit Check(const FlowToCheck& flow) : flow_(flow) {}

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
        using Kind = asl::DataResource::Kind;
        const auto parsed = field == asl::DataField::Reader ? asl::DataResource::parse_reader(resource)
                                                            : asl::DataResource::parse_writer(resource);
        if (!parsed) return;
        if (parsed->kind == Kind::Http)
            report(http_task::check_document(parsed->name, flow_.role), location);
        else if (parsed->kind == Kind::SqlQuery || parsed->kind == Kind::SqlTable)
            check_sql(location);
    }

    // The flow may get another owner before it runs, so this is no error.
    void check_sql(const std::string& location) {
        if (!flow_.role) return;
        if (auto objection = objection_to_sql(*flow_.role, flow_.run_as_superuser))
            report({{kNotPermitted, std::move(*objection), true}}, location);
    }

    void check(std::string_view text, const json::Member& state, const std::string& location) {
        const auto resource = asl::Resource::parse(text);
        if (!resource) return;
        report(check_task(*resource,
                          {flow_.name, flow_.owner, flow_.role, state.key, literal_parameters(state.value)}),
               location);
    }

    void report(std::vector<Objection>&& objections, const std::string& location) {
        for (Objection& objection : objections) {
            const auto severity =
                objection.only_warns ? asl::Finding::Severity::Warning : asl::Finding::Severity::Error;
            findings_.push_back({severity, objection.code, location, std::move(objection.message)});
        }
    }

    const FlowToCheck& flow_;
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
        if (auto objection = check_support(*resource))
            findings.push_back({asl::Finding::Severity::Warning, objection->code,
                                asl::Where(where, "Resource").pointer(), std::move(objection->message)});
    });
    return grouped(std::move(findings));
}

}  // namespace flowctl::pg
