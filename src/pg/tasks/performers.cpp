// The list of what carries out Tasks. See performers.hpp.
#include "pg/tasks/performers.hpp"

#include "pg/tasks/http_check.hpp"

namespace flowctl::pg {

namespace {

using Kind = asl::Resource::Kind;

struct Row {
    bool (*carries_out)(const asl::Resource& resource);
    std::vector<Objection> (*check)(const asl::Resource& resource, const DefinedTask& task);
};

constexpr Row kRows[] = {
    {http_task::carries_out, http_task::check},
};

const Row* row_of(const asl::Resource& resource) {
    for (const Row& row : kRows)
        if (row.carries_out(resource)) return &row;
    return nullptr;
}

const char* name_of(const asl::Resource& resource) {
    if (resource.wait_for_token) return "the suffix .waitForTaskToken";
    switch (resource.kind) {
        case Kind::Sql:
            return "flowctl:sql";
        case Kind::Flow:
            return "child flows";
        case Kind::Activity:
            return "activities";
        default:
            return "this resource";
    }
}

}  // namespace

std::vector<Objection> check_task(const asl::Resource& resource, const DefinedTask& task) {
    const Row* row = row_of(resource);
    if (row == nullptr) return {not_carried_out(name_of(resource))};
    return row->check(resource, task);
}

}  // namespace flowctl::pg
