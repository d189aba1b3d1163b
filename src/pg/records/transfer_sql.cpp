// SQL functions export and import: flows and what belongs to them, as one document.
//
// An import is one transaction with its caller's: all or nothing. A dry run does the same in a subtransaction
// and rolls that back. So it says what an import would say, errors included.
#include <optional>
#include <string>
#include <vector>

#include "pg/records/document.hpp"
#include "pg/records/kinds.hpp"
#include "pg/server/arguments.hpp"
#include "pg/server/transaction.hpp"

extern "C" {
#include "funcapi.h"
}

namespace flowctl::pg::records {

namespace {

constexpr std::size_t kMaxPatternBytes = 1024;

std::string export_document(const std::string& pattern) {
    Spi spi;
    json::ObjectBuilder document;
    document.add("format", json::Value::integer(kDocumentFormat));
    for (const Kind& kind : kinds()) {
        json::ObjectBuilder objects;
        for (const Object& object : kind.read(spi, pattern))
            objects.add(object.name, object.value);
        document.add(kind.key, objects.build());
    }
    return json::dump(document.build());
}

void import_document(const json::Value& document, Changes& changes) {
    Spi spi;
    for (const Kind& kind : kinds()) {
        const json::Value* objects = document.find(kind.key);
        if (objects != nullptr) kind.apply(spi, objects->members(), changes);
    }
}

std::vector<std::string_view> known_keys() {
    std::vector<std::string_view> keys;
    for (const Kind& kind : kinds())
        keys.push_back(kind.key);
    return keys;
}

}  // namespace

FLOWCTL_FUNCTION(flowctl_export) {
    const std::string pattern = required_argument(fcinfo, 0, "pattern", "The pattern '%' means all objects.");
    if (pattern.size() > kMaxPatternBytes)
        throw UserError(ERRCODE_PROGRAM_LIMIT_EXCEEDED, "pattern is longer than 1024 bytes", "Shorten it.");
    return to_jsonb(export_document(pattern));
}

FLOWCTL_FUNCTION(flowctl_import) {
    require_writable("import a document");
    const auto text = jsonb_argument_text(fcinfo, 0);
    if (!text)
        throw UserError(ERRCODE_NULL_VALUE_NOT_ALLOWED, "document must not be null",
                        "Pass a document that flowctl.export() has given.");
    const bool dry_run = PG_ARGISNULL(1) || PG_GETARG_BOOL(1);
    const json::Value document = read_document(*text, known_keys());
    Changes changes;
    if (dry_run) {
        const Subtransaction rolled_back;
        import_document(document, changes);
    } else {
        import_document(document, changes);
    }
    guarded([&] { InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC); });
    auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    for (const std::string& line : changes.lines()) {
        Datum values[] = {to_text(line)};
        bool nulls[] = {false};
        guarded([&] { tuplestore_putvalues(result->setResult, result->setDesc, values, nulls); });
    }
    return Datum(0);
}

}  // namespace flowctl::pg::records
