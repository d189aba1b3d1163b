// See sql_check.hpp.
#include "pg/sql_steps/sql_check.hpp"

#include "pg/server/acting_role.hpp"
#include "pg/sql_steps/step_function.hpp"

namespace flowctl::pg::sql_steps {

namespace {

const char* code_of(int sqlstate) {
    return sqlstate == ERRCODE_INSUFFICIENT_PRIVILEGE ? kFunctionNotGranted : kFunctionNotUsable;
}

}  // namespace

bool carries_out(const asl::Resource& resource, const json::Value&) {
    return resource.kind == asl::Resource::Kind::Sql;
}

std::vector<Objection> check(const asl::Resource& resource, const DefinedTask& task) {
    const auto name = function_name(resource.name);
    if (!name)
        return {{kNoFunction, "\"" + shortened_name(resource.name) +
                                  "\" names no function: a step names it with its schema, as in "
                                  "flowctl:sql:schema.function"}};
    std::vector<StepFunction> functions;
    {
        const AsExtensionOwner owner;
        Spi spi;
        functions = find_functions(spi, *name);
    }
    MemberNames members(task.open_members.begin(), task.open_members.end());
    bool is_known = !task.is_open;
    if (is_known && task.input.is_object())
        for (const json::Member& member : task.input.members())
            members.insert(std::string(member.key));
    ChosenFunction chosen = choose_function(functions, resource.name, is_known ? &members : nullptr, task.role);
    if (!chosen.problem) return {};
    if (functions.empty()) return {{kNoFunction, std::move(chosen.problem->message)}};
    return {{code_of(chosen.problem->sqlstate), std::move(chosen.problem->message)}};
}

}  // namespace flowctl::pg::sql_steps
