// Checks the Resource of every Task of a definition against the catalog. See definition_check.hpp.
#include "pg/flows/definition_check.hpp"

#include <set>
#include <string>
#include <utility>

#include "core/asl/data_resource.hpp"
#include "core/asl/resource.hpp"
#include "core/asl/walk.hpp"
#include "core/json.hpp"

#include "pg/tasks/http_check.hpp"
#include "pg/tasks/performers.hpp"

namespace flowctl::pg {

namespace {

constexpr std::size_t kMostFindings = 100;

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
        report(http_task::check_document(parsed->name, flow_.role), location);
    }

    void check(std::string_view text, const std::string& state, const std::string& location) {
        const auto resource = asl::Resource::parse(text);
        if (resource) report(check_task(*resource, {flow_.name, flow_.owner, flow_.role, state}), location);
    }

    void report(std::vector<Objection>&& objections, const std::string& location) {
        for (Objection& objection : objections) {
            // One warning of an endpoint is enough, however many states call it.
            if (objection.only_warns && !warned_.insert(objection.message).second) continue;
            const auto severity =
                objection.only_warns ? asl::Finding::Severity::Warning : asl::Finding::Severity::Error;
            findings_.push_back({severity, objection.code, location, std::move(objection.message)});
        }
    }

    const FlowToCheck& flow_;
    std::vector<asl::Finding> findings_;
    std::set<std::string> warned_;
};

}  // namespace

std::vector<asl::Finding> check_resources(std::string_view definition, const FlowToCheck& flow) {
    const auto parsed = json::parse(definition);
    if (!parsed) return {};
    return Check(flow).run(*parsed);
}

}  // namespace flowctl::pg
