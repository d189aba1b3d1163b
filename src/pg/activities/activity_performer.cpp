// Activities in the worker's turn. See activity_performer.hpp.
#include "pg/activities/activity_performer.hpp"

#include <algorithm>

#include "core/json.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/shared/task_signals.hpp"

namespace flowctl::pg {

void ActivityPerformer::begin() {
    looked_up_.clear();
    begun_.clear();
}

std::optional<Performer::Refusal> ActivityPerformer::prepare(Spi& spi, const RunFacts& run,
                                                             const machine::Call& call, const Attempt& attempt) {
    const std::string& name = call.resource.name;
    const auto [known, is_new] = looked_up_.try_emplace({name, run.role});
    if (is_new)
        if (auto objection = activities::objection_to(spi, name, run.role))
            known->second = Refusal{std::move(objection->error), std::move(objection->cause)};
    if (known->second) return known->second;
    waits_.stage({.run = run.id,
                  .flow_owner = run.flow_owner,
                  .call = call,
                  .kind = "activity",
                  .activity = name,
                  .input = json::dump(call.input),
                  .again = attempt.again});
    if (begun_.empty() || begun_.back() != name) begun_.push_back(name);
    attempt.events.push_back(
        machine::TaskContinues{call.id, std::nullopt, json::Value(), json::Value::object({})});
    return std::nullopt;
}

void ActivityPerformer::committed(const Changes&) {
    std::sort(begun_.begin(), begun_.end());
    begun_.erase(std::unique(begun_.begin(), begun_.end()), begun_.end());
    for (const std::string& activity : begun_)
        task_signals::tasks_wait(MyDatabaseId, activity);
    begun_.clear();
}

namespace activities {

bool carries_out(const asl::Resource& resource) {
    return resource.kind == asl::Resource::Kind::Activity;
}

std::vector<pg::Objection> check_definition(const asl::Resource& resource, const DefinedTask& task) {
    const AsExtensionOwner owner;
    Spi spi;
    const auto objection = objection_to(spi, resource.name, task.role);
    if (!objection) return {};
    return {{objection->exists ? kActivityNotGranted : kNoActivity, objection->cause}};
}

}  // namespace activities

}  // namespace flowctl::pg
