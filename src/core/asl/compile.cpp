// compile(): from text to model, or to findings; see asl.hpp.
//
// Each stage relies on the ones before it: size, JSON, repeated names, then the states (states.cpp), the
// graph between them (graph.cpp), the scopes of variables (scopes.cpp) and the flow's type (express.cpp). A
// stage reports all its findings. The next stage runs only if there is still something for it to check.
#include "core/asl/asl.hpp"

#include "core/asl/distribution.hpp"
#include "core/asl/duplicates.hpp"
#include "core/asl/findings.hpp"
#include "core/asl/states.hpp"
#include "core/text/regex_program.hpp"

namespace flowctl::asl {

namespace {

constexpr std::size_t kMostBytes = 1'048'576;

Compiled refuse(std::string_view code, std::string message) {
    Compiled result;
    result.findings.push_back({Finding::Severity::Error, std::string(code), "", std::move(message)});
    return result;
}

std::string describe(const json::ParseError& error, std::string_view text) {
    std::size_t line = 1;
    std::size_t column = 1;
    for (std::size_t i = 0; i < error.offset && i < text.size(); ++i) {
        column = text[i] == '\n' ? 1 : column + 1;
        if (text[i] == '\n') ++line;
    }
    return error.message + " at line " + std::to_string(line) + ", column " + std::to_string(column);
}

void read_flow(const json::Value& document, Flow& flow, Findings& findings) {
    const Where root;
    Fields fields(document, root, findings);
    flow.comment = fields.string("Comment").value_or("");
    if (const auto version = fields.string("Version"); version && *version != "1.0")
        findings.error(fields.at("Version"), "Value should be one of the following: [1.0]");
    flow.timeout_seconds = fields.integer("TimeoutSeconds", 1, kMostSeconds);
    if (const auto language = fields.string("QueryLanguage")) {
        if (*language == "JSONata") {
            flow.language = QueryLanguage::Jsonata;
        } else if (*language != "JSONPath") {
            findings.error(fields.at("QueryLanguage"),
                           "Value should be one of the following: [JSONPath, JSONata]");
        }
    }
    flow.top = read_block(fields, flow.language);
    collect_processors(flow.top, flow.processors);
    fields.refuse_others();
}

}  // namespace

Compiled compile(std::string_view definition, FlowType type) {
    const regex::ProgramQuota quota(regex::kProgramsOfDefinition);
    if (definition.size() > kMostBytes)
        return refuse(kSchema, "Definition must be at most " + std::to_string(kMostBytes) + " bytes long");
    if (definition.find_first_not_of(" \t\r\n") == std::string_view::npos)
        return refuse(kSchema, "Definition must be a valid JSON object");
    auto parsed = json::parse(definition);
    if (!parsed.ok()) return refuse(kBadJson, describe(parsed.error(), definition));
    const json::Value& document = parsed.value();
    if (!document.is_object()) return refuse(kSchema, "Definition must be a valid JSON object");

    Findings findings;
    if (const auto duplicate = find_duplicate(definition))
        findings.error_at(duplicate->pointer, "Duplicate field '" + duplicate->name + "'", kBadJson);
    auto flow = std::make_shared<Flow>();
    read_flow(document, *flow, findings);
    check_graph(document, findings);
    check_scopes(document, findings);
    check_distribution(document, findings);
    if (type == FlowType::Express) check_express(document, Where(), findings);

    Compiled result;
    if (!findings.any_error()) result.flow = std::move(flow);
    result.findings = std::move(findings).in_document_order(document);
    return result;
}

}  // namespace flowctl::asl
