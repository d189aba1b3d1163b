// Flows as the database has them, and their documents. See flow_documents.hpp.
#include "pg/records/flow_documents.hpp"

#include <set>

#include "pg/records/document.hpp"
#include "pg/server/quoting.hpp"

namespace flowctl::pg::records {

namespace {

Statement read_flows(R"(
    SELECT f.name, f.latest_version, f.type, f.comment,
           (f.options || CASE WHEN f.tags = '{}' THEN '{}' ELSE pg_catalog.jsonb_build_object('tags', f.tags) END)::text,
           pg_catalog.pg_get_userbyid(f.owner)::text,
           (SELECT coalesce(pg_catalog.jsonb_object_agg(a.alias, pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
                       'version', a.version, 'second_version', a.second_version,
                       'second_weight', CASE WHEN a.second_version IS NOT NULL THEN a.second_weight END))), '{}')::text
            FROM flowctl.aliases a WHERE a.flow = f.name),
           (SELECT coalesce(pg_catalog.jsonb_object_agg(
                       pg_catalog.pg_get_userbyid(g.role),
                       (SELECT pg_catalog.jsonb_agg(p ORDER BY p COLLATE "C") FROM pg_catalog.unnest(g.privileges) p)), '{}')::text
            FROM flowctl.flow_grants g WHERE g.flow = f.name AND g.role IS NOT NULL)
    FROM flowctl.flows f
    WHERE f.name LIKE $1
      AND EXISTS (SELECT FROM flowctl.flow_versions v WHERE v.flow = f.name AND v.version = f.latest_version)
    ORDER BY f.name COLLATE "C")",
                     {TEXTOID});
Statement read_version(R"(
    SELECT v.definition::text, v.options::text FROM flowctl.flow_versions v WHERE v.flow = $1 AND v.version = $2)",
                       {TEXTOID, INT4OID});

json::Value parsed(const std::string& text, const std::string& what) {
    json::ParseLimits limits;
    limits.max_bytes = kMaxDocumentBytes;
    auto value = json::parse(text, limits);
    if (!value)
        throw UserError(ERRCODE_FEATURE_NOT_SUPPORTED, what + " cannot be written as jsonb: " + value.error().message,
                        "Define the flow without this value.");
    return std::move(*value);
}

}  // namespace

std::vector<Flow> find_flows(Spi& spi, const std::string& pattern) {
    const Rows rows = spi.run(read_flows, std::move(Params().text(pattern)));
    std::vector<Flow> flows;
    for (std::size_t i = 0; i < rows.size(); i++) {
        Flow flow;
        flow.name = rows.text(i, 0);
        flow.latest = rows.int4(i, 1);
        flow.type = rows.text(i, 2);
        flow.comment = rows.optional_text(i, 3);
        flow.owner = rows.optional_text(i, 5);
        const std::string what = "flow " + in_quotes(flow.name);
        flow.options = parsed(rows.text(i, 4), what);
        flow.aliases = parsed(rows.text(i, 6), what);
        flow.grants = parsed(rows.text(i, 7), what);
        flows.push_back(std::move(flow));
    }
    return flows;
}

json::Value find_version(Spi& spi, const std::string& flow, std::int32_t version) {
    const Rows rows = spi.run(read_version, std::move(Params().text(flow).int4(version)));
    if (rows.size() == 0) return {};
    const std::string what = "version " + std::to_string(version) + " of flow " + in_quotes(flow);
    return json::ObjectBuilder()
        .add("definition", parsed(rows.text(0, 0), what))
        .add("options", parsed(rows.text(0, 1), what))
        .build();
}

std::int32_t number_in(const json::Value& alias, std::string_view key) {
    const json::Value* value = alias.find(key);
    return value == nullptr ? 0 : static_cast<std::int32_t>(value->as_integer().value_or(0));
}

json::Value renumbered(const json::Value& aliases, const std::map<std::int32_t, std::int32_t>& numbers) {
    json::ObjectBuilder all;
    for (const json::Member& alias : aliases.members()) {
        json::ObjectBuilder one;
        for (const json::Member& member : alias.value.members()) {
            if (member.key == "second_weight") {
                one.add(member.key, member.value);
            } else if (const auto found = numbers.find(number_in(alias.value, member.key)); found != numbers.end()) {
                one.add(member.key, json::Value::integer(found->second));
            }
        }
        all.add(alias.key, one.build());
    }
    return all.build();
}

namespace {

json::Value document_of(Spi& spi, const Flow& flow) {
    std::set<std::int32_t> versions{flow.latest};
    for (const json::Member& alias : flow.aliases.members())
        for (const std::string_view key : {"version", "second_version"})
            if (const std::int32_t number = number_in(alias.value, key); number > 0) versions.insert(number);
    std::map<std::int32_t, std::int32_t> numbers;
    json::ObjectBuilder listed;
    for (const std::int32_t version : versions) {
        const json::Value value = find_version(spi, flow.name, version);
        if (value.is_null()) continue;  // after the restore of a part of a dump
        const auto number = static_cast<std::int32_t>(numbers.size()) + 1;
        numbers.emplace(version, number);
        listed.add(std::to_string(number), value);
    }
    json::ObjectBuilder document;
    document.add("type", flow.type);
    if (flow.owner) document.add("owner", *flow.owner);
    if (flow.comment) document.add("comment", *flow.comment);
    document.add("options", flow.options).add("versions", listed.build());
    return document.add("aliases", renumbered(flow.aliases, numbers)).add("grants", flow.grants).build();
}

std::vector<Object> read(Spi& spi, const std::string& pattern) {
    std::vector<Object> objects;
    for (const Flow& flow : find_flows(spi, pattern)) {
        guarded([] { CHECK_FOR_INTERRUPTS(); });
        objects.push_back({flow.name, document_of(spi, flow)});
    }
    return objects;
}

}  // namespace

Kind flow_kind() {
    return {"flows", read, import_flows};
}

}  // namespace flowctl::pg::records
