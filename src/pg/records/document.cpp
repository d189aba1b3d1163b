// Implementation of document.hpp.
#include "pg/records/document.hpp"

#include <algorithm>

#include "pg/server/quoting.hpp"

namespace flowctl::pg::records {

namespace {

constexpr std::size_t kMaxDepth = 500;

std::string list(const std::vector<std::string_view>& names) {
    std::string text;
    for (const std::string_view name : names)
        text += (text.empty() ? "" : ", ") + std::string(name);
    return text;
}

}  // namespace

void refuse_document(const std::string& message, const std::string& hint) {
    throw UserError(ERRCODE_INVALID_PARAMETER_VALUE, message, hint);
}

json::Value read_document(std::string_view text, const std::vector<std::string_view>& kinds) {
    constexpr const char* kHint = "Pass a document that flowctl.export() has given.";
    json::ParseLimits limits;
    limits.max_bytes = kMaxDocumentBytes;
    limits.max_depth = kMaxDepth;
    if (text.size() > limits.max_bytes)
        throw UserError(ERRCODE_PROGRAM_LIMIT_EXCEEDED, "the document is larger than 64 MB",
                        "Export fewer objects: flowctl.export() takes a pattern for their names.");
    const auto parsed = json::parse(text, limits);
    if (!parsed) refuse_document("the document cannot be read: " + parsed.error().message, kHint);
    if (!parsed->is_object()) refuse_document("the document is no JSON object", kHint);
    const json::Value* format = parsed->find("format");
    if (format == nullptr || !format->is_number())
        refuse_document("the document does not say its format", kHint);
    if (format->as_integer() != kDocumentFormat)
        refuse_document("format " + format->number_as_text() + " of the document is not known",
                        "This version reads format " + std::to_string(kDocumentFormat) +
                            ". Update pg_flowctl, or export again by this version.");
    for (const json::Member& member : parsed->members()) {
        if (member.key == "format") continue;
        if (std::find(kinds.begin(), kinds.end(), member.key) == kinds.end())
            refuse_document("the document has " + in_quotes(shortened_name(member.key)) + ", which is not known",
                            "This version knows: " + list(kinds) + ". Update pg_flowctl, or leave the rest out.");
        if (!member.value.is_object())
            refuse_document(in_quotes(member.key) + " of the document is no JSON object",
                            "Its members are the names of the objects.");
        if (member.value.members().size() > kMaxObjects)
            throw UserError(ERRCODE_PROGRAM_LIMIT_EXCEEDED, "the document has more than 10,000 " + member.key,
                            "Import them in parts.");
    }
    return *parsed;
}

void require_members(const json::Value& object, const std::string& what,
                     const std::vector<std::string_view>& members) {
    if (!object.is_object()) refuse_document(what + " in the document is no JSON object", "Its members are: " + list(members) + ".");
    for (const json::Member& member : object.members())
        if (std::find(members.begin(), members.end(), member.key) == members.end())
            refuse_document(what + " in the document has " + in_quotes(shortened_name(member.key)) +
                                ", which is not known",
                            "Its members are: " + list(members) + ".");
}

}  // namespace flowctl::pg::records
