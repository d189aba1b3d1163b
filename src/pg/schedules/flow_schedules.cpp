// Schedules by their flow and by their owner. See flow_schedules.hpp.
#include "pg/schedules/flow_schedules.hpp"

#include "pg/schedules/schedule_rows.hpp"

namespace flowctl::pg::schedules {

namespace {

constexpr std::size_t kMostListed = 20;

Statement schedules_of_flow_sql(R"(
    SELECT d.name, coalesce(d.owner::oid, 0) FROM flowctl_catalog.schedule d
    WHERE pg_catalog.split_part(d.flow, ':', 1) = $1 ORDER BY d.name)",
                                {TEXTOID});
Statement schedules_of_role_sql("SELECT schedule_id FROM flowctl_catalog.schedule WHERE owner::oid = $1", {OIDOID});
Statement reassign_schedules_sql("UPDATE flowctl_catalog.schedule SET owner = $2 WHERE owner::oid = $1",
                                 {OIDOID, OIDOID});

}  // namespace

std::string list_schedules(Spi& spi, const FlowIdentity& flow) {
    const Rows rows = spi.run(schedules_of_flow_sql, std::move(Params().text(flow.name)));
    std::string list;
    std::size_t listed = 0, more = 0;
    for (std::size_t i = 0; i < rows.size(); i++) {
        if (!may_start(flow.flow_id, flow.owner, rows.oid(i, 1))) continue;
        if (listed++ < kMostListed)
            list += (list.empty() ? "schedule " : "\nschedule ") + rows.text(i, 0);
        else
            more++;
    }
    if (more > 0) list += "\nand " + std::to_string(more) + " more";
    return list;
}

void drop_schedules_of(Spi& spi, Oid role) {
    const Rows rows = spi.run(schedules_of_role_sql, std::move(Params().oid(role)));
    std::vector<Uuid> ids;
    for (std::size_t i = 0; i < rows.size(); i++)
        ids.push_back(rows.uuid(i, 0));
    for (const Uuid& id : ids)
        delete_schedule(spi, id);
}

void reassign_schedules(Spi& spi, Oid role, Oid new_owner) {
    spi.run(reassign_schedules_sql, std::move(Params().oid(role).oid(new_owner)));
}

}  // namespace flowctl::pg::schedules
