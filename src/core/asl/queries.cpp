// Reads the fields of JSONata states from a definition; see parts.hpp and jsonata_query.hpp.
//
// Every expression is compiled here, so a wrong one is a finding and not a failed run. A string that looks
// like an expression and is none (braces at one end only) is refused, as on AWS.
#include <algorithm>

#include "core/asl/parts.hpp"

namespace flowctl::asl {

namespace {

Query compile_expression(std::string_view text, const Where& where, const Place& place, Findings& findings) {
    Query query;
    query.kind = Query::Kind::Expression;
    query.text = jsonata_text(text);
    auto compiled = jsonata::Expression::compile(query.text);
    if (compiled.ok()) {
        query.expression = std::move(compiled).value();
        for (std::string& sentence : query.expression->unsupported(place))
            findings.error(where, std::move(sentence), kNoJsonata);
    } else {
        findings.error(where, compiled.error().message, kBadJsonata);
    }
    return query;
}

// The recursion is bounded, because the JSON reader limits the depth of a definition.
Query compile_query(const json::Value& value, const Where& where, const Place& place, Findings& findings) {
    Query query;
    if (value.is_string()) {
        const std::string_view text = value.as_string();
        if (is_jsonata(text)) return compile_expression(text, where, place, findings);
        if (text.starts_with("{%") || text.ends_with("%}")) {
            findings.error(where, "A JSONata expression must begin with '{%' and end with '%}'", kBadJsonata);
        }
    } else if (value.is_array()) {
        query.kind = Query::Kind::Array;
        for (std::size_t i = 0; i < value.items().size(); ++i)
            query.parts.push_back(compile_query(value.items()[i], Where(where, i), place, findings));
    } else if (value.is_object()) {
        query.kind = Query::Kind::Object;
        for (const json::Member& member : value.members()) {
            query.keys.push_back(member.key);
            query.parts.push_back(compile_query(member.value, Where(where, member.key), place, findings));
        }
    }
    const bool is_literal = std::all_of(query.parts.begin(), query.parts.end(),
                                        [](const Query& part) { return part.kind == Query::Kind::Literal; });
    if (!is_literal) return query;
    Query literal;
    literal.literal = value;
    return literal;
}

}  // namespace

std::optional<Query> read_query(Fields& fields, std::string_view name, const Place& place) {
    const json::Value* value = fields.any(name);
    if (value == nullptr) return std::nullopt;
    return compile_query(*value, fields.at(name), place, fields.findings());
}

std::optional<Query> read_expression(Fields& fields, std::string_view name) {
    if (fields.language() != QueryLanguage::Jsonata || !fields.has(name)) return std::nullopt;
    const json::Value* value = fields.any(name);
    if (!value->is_string() || !is_jsonata(value->as_string())) return std::nullopt;
    return compile_expression(value->as_string(), fields.at(name), kNoPlace, fields.findings());
}

Exit read_exit(Fields& fields, const Place& place) {
    Exit exit;
    exit.output = read_query(fields, "Output", place);
    if (const json::Value* assign = fields.object("Assign")) {
        const Where where = fields.at("Assign");
        for (const json::Member& member : assign->members())
            check_variable_name(member.key, Where(where, member.key), fields.findings());
        exit.assign = compile_query(*assign, where, place, fields.findings());
    }
    return exit;
}

}  // namespace flowctl::asl
