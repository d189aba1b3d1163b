// Checks the Resource of every Task of a definition against the catalog. See definition_check.hpp.
#include "pg/flows/definition_check.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "core/asl/data_resource.hpp"
#include "core/asl/findings.hpp"
#include "core/asl/resource.hpp"
#include "core/asl/walk.hpp"
#include "core/json.hpp"
#include "pg/resources/performers.hpp"
#include "pg/rights/flow_rights.hpp"
#include "pg/tasks/http_check.hpp"

namespace flowctl::pg {

namespace {

bool is_expression(const json::Member& member) {
    return member.key.ends_with(".$") ||
           (member.value.is_string() && member.value.as_string().starts_with("{%"));
}

bool has_expression(const json::Value& value) {
    if (value.is_array())
        return std::any_of(value.items().begin(), value.items().end(), [](const json::Value& item) {
            return has_expression(item) || (item.is_string() && item.as_string().starts_with("{%"));
        });
    if (!value.is_object()) return false;
    return std::any_of(value.members().begin(), value.members().end(), [](const json::Member& member) {
        return is_expression(member) || has_expression(member.value);
    });
}

// Notes what a Task's definition says of its input.
void describe_input(const json::Value& state, DefinedTask& task) {
    const json::Value* given = state.find("Parameters");
    if (given == nullptr) given = state.find("Arguments");
    task.is_open = given == nullptr || !given->is_object();
    std::vector<json::Member> members;
    if (!task.is_open)
        for (const json::Member& member : given->members()) {
            if (is_expression(member)) {
                const std::string_view name = member.key;
                task.open_members.emplace(name.ends_with(".$") ? name.substr(0, name.size() - 2) : name);
                continue;
            }
            if (has_expression(member.value)) task.open_members.insert(member.key);
            members.push_back(member);
        }
    task.input = json::Value::object(std::move(members));
}

// One finding for each kind, at its first place, with how many more places there are.
class Groups {
  public:
    void add(Objection&& objection, const std::string& location) {
        const std::string& kind = objection.kind.empty() ? objection.message : objection.kind;
        const auto known = groups_.find({objection.code, kind});
        if (known != groups_.end()) {
            std::string& message = findings_[known->second].message;
            if (message != objection.message && !objection.kind.empty()) message = objection.message_of_kind;
            more_[known->second]++;
            return;
        }
        if (findings_.size() >= kMostKept) {
            not_kept_++;
            return;
        }
        groups_.emplace(std::pair(objection.code, kind), findings_.size());
        more_.push_back(0);
        const auto severity =
            objection.only_warns ? asl::Finding::Severity::Warning : asl::Finding::Severity::Error;
        findings_.push_back({severity, objection.code, location, std::move(objection.message)});
    }

    std::vector<asl::Finding> take() && {
        for (std::size_t i = 0; i < findings_.size(); i++)
            if (more_[i] > 0)
                findings_[i].message += " (and at " + std::to_string(more_[i]) +
                                        (more_[i] == 1 ? " more place)" : " more places)");
        asl::bound_findings(findings_, not_kept_);
        return std::move(findings_);
    }

  private:
    static constexpr std::size_t kMostKept = 1'000;

    std::vector<asl::Finding> findings_;
    std::vector<std::size_t> more_;  // places of each finding, beyond the first
    std::size_t not_kept_ = 0;
    std::map<std::pair<std::string, std::string>, std::size_t> groups_;
};

class Check {
  public:
    Check(const FlowToCheck& flow, bool only_missing) : flow_(flow), only_missing_(only_missing) {}

    std::vector<asl::Finding> run(const json::Value& definition) {
        asl::for_every_state(
            definition, asl::Where(), [&](const json::Member& state, const asl::Where& where) {
                asl::for_each_data(
                    state.value, where,
                    [&](std::string_view resource, asl::DataField field, const asl::Where& here) {
                        check_data(resource, field, here.pointer());
                    });
                check_reader_config(state.value, where);
                if (const auto resource = asl::task_resource(state.value)) {
                    check(*resource, state, asl::Where(where, "Resource").pointer());
                    check_credentials(state.value, where);
                }
            });
        return std::move(groups_).take();
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
        else
            report(http_task::check_bucket(parsed->name, flow_.role), location);
    }

    // The language has kinds of documents that nothing here takes apart. A flow can be defined with them.
    void check_reader_config(const json::Value& state, const asl::Where& where) {
        const json::Value* reader = state.find("ItemReader");
        const json::Value* config = reader != nullptr ? reader->find("ReaderConfig") : nullptr;
        const json::Value* type = config != nullptr ? config->find("InputType") : nullptr;
        if (type == nullptr || !type->is_string()) return;
        const std::string name(type->as_string());
        if (name != "PARQUET" && name != "MANIFEST") return;
        const asl::Where in_reader(where, "ItemReader");
        const asl::Where in_config(in_reader, "ReaderConfig");
        Objection objection = not_carried_out("the InputType " + name);
        objection.only_warns = true;
        report({std::move(objection)}, asl::Where(in_config, "InputType").pointer());
    }

    // On AWS a Task calls as the role that its Credentials name. Here the owner of the endpoint decides that.
    void check_credentials(const json::Value& state, const asl::Where& where) {
        if (state.find("Credentials") == nullptr) return;
        Objection objection =
            not_carried_out("Credentials: the endpoint's option role_arn says as which role it calls");
        objection.only_warns = true;
        report({std::move(objection)}, asl::Where(where, "Credentials").pointer());
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
        DefinedTask task;
        task.flow = flow_.name;
        task.owner = flow_.owner;
        task.role = flow_.role;
        task.state = state.key;
        describe_input(state.value, task);
        report(check_task(*resource, task), location);
        if (resource->kind == asl::Resource::Kind::Sql) check_sql(location);
    }

    void report(std::vector<Objection>&& objections, const std::string& location) {
        for (Objection& objection : objections) {
            if (only_missing_) {
                const std::string_view code = objection.code;
                if (code != kNotFound && code != kNotSupported && code != kNoActivity && code != kNoFunction)
                    continue;
                objection.only_warns = true;
            }
            groups_.add(std::move(objection), location);
        }
    }

    const FlowToCheck& flow_;
    const bool only_missing_;
    Groups groups_;
};

}  // namespace

std::vector<asl::Finding> check_resources(std::string_view definition, const FlowToCheck& flow) {
    const auto parsed = json::parse(definition);
    if (!parsed) return {};
    return Check(flow, false).run(*parsed);
}

std::vector<asl::Finding> find_missing(std::string_view definition) {
    const auto parsed = json::parse(definition);
    if (!parsed) return {};
    const FlowToCheck nobodys{"", InvalidOid, std::nullopt};
    return Check(nobodys, true).run(*parsed);
}

}  // namespace flowctl::pg
