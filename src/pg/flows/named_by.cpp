// Implementation of named_by.hpp.
#include "pg/flows/named_by.hpp"

#include "pg/server/quoting.hpp"

namespace flowctl::pg {

namespace {

constexpr std::size_t kMostVersionsListed = 20;

// $1 is 'flow:qualifier', or 'flow' with $2 true, which stands for any qualifier.
Statement options_naming(R"(
    SELECT name, coalesce(owner::oid, 0) FROM flowctl_catalog.flow
    WHERE options OPERATOR(pg_catalog.?) 'on_failure' AND flow_id <> $3
          AND (options OPERATOR(pg_catalog.->>) 'on_failure' = $1
               OR $2 AND pg_catalog.split_part(options OPERATOR(pg_catalog.->>) 'on_failure', ':', 1) = $1)
    ORDER BY 1)",
                         {TEXTOID, BOOLOID, UUIDOID});
// A definition is read as text: what it names stands in a string that ends there, or at the suffix of a resource.
Statement definitions_naming(R"(
    SELECT f.name, coalesce(f.owner::oid, 0), v.version
    FROM flowctl_catalog.flow f JOIN flowctl_catalog.flow_version v ON v.flow_id = f.flow_id
    WHERE f.flow_id <> $2 AND v.dropped_by IS NULL
          AND (v.version = f.latest_version
               OR EXISTS (SELECT FROM flowctl_catalog.alias a
                          WHERE a.flow_id = f.flow_id AND v.version IN (a.version, a.second_version)))
          AND pg_catalog.strpos(v.definition, ':' OPERATOR(pg_catalog.||) $1) > 0
          AND v.definition OPERATOR(pg_catalog.~)
              ('(flowctl:flow|:stateMachine):' OPERATOR(pg_catalog.||) $1 OPERATOR(pg_catalog.||) '["''.]')
    ORDER BY 1, 3)",
                             {TEXTOID, UUIDOID});

}  // namespace

std::optional<NamedBy> named_by_other_flows(Spi& spi, const FlowIdentity& flow,
                                            const std::optional<std::string>& qualifier) {
    if (!check_function_bodies) return std::nullopt;
    const std::string reference = qualifier ? flow.name + ":" + *qualifier : flow.name;
    const Rows options =
        spi.run(options_naming, std::move(Params().text(reference).boolean(!qualifier).uuid(flow.flow_id)));
    for (std::size_t i = 0; i < options.size(); i++)
        if (may_start(flow.flow_id, flow.owner, options.oid(i, 1)))
            return NamedBy{"option on_failure of flow " + in_quotes(options.text(i, 0)) + " names it",
                           "Change that option by flowctl.alter_flow() first.", ""};
    if (!qualifier) return std::nullopt;
    const Rows definitions = spi.run(definitions_naming, std::move(Params().text(reference).uuid(flow.flow_id)));
    std::string list;
    std::size_t listed = 0;
    for (std::size_t i = 0; i < definitions.size() && listed < kMostVersionsListed; i++) {
        if (!may_start(flow.flow_id, flow.owner, definitions.oid(i, 1))) continue;
        list += (listed++ == 0 ? "" : "\n") + ("Version " + std::to_string(definitions.int4(i, 2)) + " of flow " +
                                               in_quotes(definitions.text(i, 0)) + " starts it.");
    }
    if (list.empty()) return std::nullopt;
    return NamedBy{"other flows start it", "Define those flows without it first, or drop them.", std::move(list)};
}

}  // namespace flowctl::pg
