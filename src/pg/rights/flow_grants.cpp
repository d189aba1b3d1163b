// Implementation of flow_grants.hpp.
#include "pg/rights/flow_grants.hpp"

#include <map>
#include <vector>

#include "pg/rights/flow_rights.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/catalog_watch.hpp"

namespace flowctl::pg {

namespace {

Statement grants_of_flow(R"(
    SELECT role::oid, CASE WHEN 'start' = ANY (privileges) THEN 1 ELSE 0 END
                      + CASE WHEN 'operate' = ANY (privileges) THEN 2 ELSE 0 END
                      + CASE WHEN 'read' = ANY (privileges) THEN 4 ELSE 0 END
                      + CASE WHEN 'read_payload' = ANY (privileges) THEN 8 ELSE 0 END
    FROM flowctl_catalog.flow_grant WHERE flow_id = $1 AND role::oid IS NOT NULL)",
                         {UUIDOID});

struct Grant {
    Oid role;
    unsigned privileges;
};

constexpr std::size_t kMostFlowsWithGrants = 1'000;

std::map<Uuid, std::vector<Grant>> grants_read;
std::uint64_t grants_generation = 0;

std::vector<Grant> read_grants(const Uuid& flow_id) {
    const AsExtensionOwner owner;
    Spi spi;
    const Rows rows = spi.run(grants_of_flow, std::move(Params().uuid(flow_id)));
    std::vector<Grant> grants;
    for (std::size_t i = 0; i < rows.size(); i++)
        grants.push_back({rows.oid(i, 0), static_cast<unsigned>(rows.int4(i, 1))});
    return grants;
}

bool has_any(const std::vector<Grant>& grants, unsigned privileges, Oid role) {
    for (const Grant& grant : grants)
        if ((grant.privileges & privileges) != 0 && acts_for(role, grant.role)) return true;
    return false;
}

}  // namespace

std::optional<unsigned> privilege_named(std::string_view name) {
    if (name == "start") return kMayStart;
    if (name == "operate") return kMayOperate;
    if (name == "read") return kMayRead;
    if (name == "read_payload") return kMayReadPayload;
    return std::nullopt;
}

bool is_granted(const Uuid& flow_id, unsigned privileges, Oid role) {
    // A transaction that sees the tables as they were when it began keeps nothing.
    if (IsolationUsesXactSnapshot()) return has_any(read_grants(flow_id), privileges, role);
    const std::uint64_t generation = catalog_watch::generation();
    if (generation != grants_generation || grants_read.size() >= kMostFlowsWithGrants) grants_read.clear();
    grants_generation = generation;
    if (const auto found = grants_read.find(flow_id); found != grants_read.end())
        return has_any(found->second, privileges, role);
    std::vector<Grant> grants = read_grants(flow_id);
    const bool granted = has_any(grants, privileges, role);
    if (catalog_watch::generation() == generation) grants_read.emplace(flow_id, std::move(grants));
    return granted;
}

}  // namespace flowctl::pg
