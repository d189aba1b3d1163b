// SQL of the store of flows. See flows.hpp.
#include "pg/store/flows.hpp"

namespace flowctl::pg::store {

static Statement find_flow_sql(R"(
    SELECT f.flow_id, f.name, f.owner::oid, f.type, v.version, v.options->>'run_as' = 'INVOKER'
    FROM flowctl_catalog.flow f JOIN flowctl_catalog.flow_version v ON v.flow_id = f.flow_id AND v.version = coalesce($2, f.latest_version)
    WHERE f.name = $1)",
                               {TEXTOID, INT4OID});

std::optional<FlowRow> find_flow(Spi& spi, const std::string& name, std::optional<std::int32_t> version) {
    Params params;
    params.text(name);
    if (version)
        params.int4(*version);
    else
        params.null();
    Rows rows = spi.run(find_flow_sql, std::move(params));
    if (rows.size() == 0) return std::nullopt;
    return FlowRow{rows.uuid(0, 0), rows.text(0, 1), rows.oid(0, 2),
                   rows.text(0, 3), rows.int4(0, 4), rows.boolean(0, 5)};
}

static Statement flow_exists_sql("SELECT FROM flowctl_catalog.flow WHERE name = $1", {TEXTOID});

bool flow_exists(Spi& spi, const std::string& name) {
    return spi.run(flow_exists_sql, std::move(Params().text(name))).size() == 1;
}

static Statement find_version_sql(R"(
    SELECT definition, coalesce(options->>'keep_data', 'ALL') FROM flowctl_catalog.flow_version
    WHERE flow_id = $1 AND version = $2)",
                                  {UUIDOID, INT4OID});

std::optional<VersionRow> find_version(Spi& spi, const Uuid& flow_id, std::int32_t version) {
    Rows rows = spi.run(find_version_sql, std::move(Params().uuid(flow_id).int4(version)));
    if (rows.size() == 0) return std::nullopt;
    return VersionRow{rows.text(0, 0), rows.text(0, 1)};
}

}  // namespace flowctl::pg::store
