// Implementation of limit_rights.hpp.
#include "pg/limits/limit_rights.hpp"

#include "pg/rights/flow_rights.hpp"
#include "pg/server/quoting.hpp"

namespace flowctl::pg::limits {

namespace {

Statement find_sql(R"(
    SELECT limit_id, coalesce(owner::oid, 0), slots, rate, burst FROM flowctl_catalog.named_limit WHERE name = $1
    FOR KEY SHARE)",
                   {TEXTOID});
Statement find_to_change_sql(R"(
    SELECT limit_id, coalesce(owner::oid, 0), slots, rate, burst FROM flowctl_catalog.named_limit WHERE name = $1
    FOR UPDATE)",
                             {TEXTOID});
Statement granted_sql("SELECT role::oid FROM flowctl_catalog.limit_grant WHERE limit_id = $1 AND role::oid IS NOT NULL",
                      {UUIDOID});

}  // namespace

std::optional<NamedLimit> find_limit(Spi& spi, const std::string& name, bool to_change) {
    const Rows rows = spi.run(to_change ? find_to_change_sql : find_sql, std::move(Params().text(name)));
    if (rows.size() == 0) return std::nullopt;
    NamedLimit limit{rows.uuid(0, 0), name, rows.oid(0, 1), {}, {}, rows.optional_text(0, 3)};
    if (!rows.is_null(0, 2)) limit.slots = rows.int8(0, 2);
    if (!rows.is_null(0, 4)) limit.burst = rows.int8(0, 4);
    return limit;
}

void require_usable(Spi& spi, const std::string& name, Oid role) {
    const auto limit = find_limit(spi, name, false);
    if (limit && acts_for(role, limit->owner)) return;
    if (limit) {
        const Rows rows = spi.run(granted_sql, std::move(Params().uuid(limit->id)));
        for (std::size_t i = 0; i < rows.size(); i++)
            if (acts_for(role, rows.oid(i, 0))) return;
    }
    throw UserError(ERRCODE_UNDEFINED_OBJECT,
                    "option \"limits\" of a flow names " + in_quotes(shortened_name(name)) +
                        ", and there is no such limit that the flow's owner may use",
                    "The view flowctl.limits lists those that you may use. flowctl.create_limit() makes one, and "
                    "flowctl.grant_limit() lets another role use it.");
}

}  // namespace flowctl::pg::limits
