// Making markers, and the SQL functions that the statements of a redaction call. See markers.hpp.
#include "pg/records/markers.hpp"

#include <algorithm>
#include <array>

#include "core/json.hpp"
#include "net/crypto/crypto.hpp"
#include "net/crypto/encoding.hpp"
#include "pg/server/spi.hpp"

namespace flowctl::pg::records {

namespace {

// Members of events' details that hold no data of the run. What is not in this list becomes a marker, so a
// member that a later version adds is never left out by mistake.
constexpr std::array<std::string_view, 22> kPlainMembers = {
    "name",         "index",       "length",        "resource",    "resourceType",         "region",
    "state",        "location",    "mapRunArn",     "roleArn",     "stateMachineAliasArn", "stateMachineVersionArn",
    "inputDetails", "workerName",  "outputDetails", "error",       "redriveCount",         "timeoutInSeconds",
    "label",        "executionArn", "heartbeatInSeconds", "assignedVariablesDetails"};

// The namespaces of the engine's own errors.
constexpr std::array<std::string_view, 5> kOwnErrors = {"States.", "Flowctl.", "Lambda.", "StepFunctions.", "SQL."};

bool is_letter_digit_or_dot(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.';
}

const std::map<Uuid, Redacting::OfRun>* current = nullptr;

const Redacting::OfRun& of_run(FunctionCallInfo fcinfo) {
    const auto* const runs = current;
    if (runs != nullptr)
        if (const auto found = runs->find(from_pg(PG_GETARG_UUID_P(0))); found != runs->end()) return found->second;
    throw UserError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "no redaction of this run is under way",
                    "Call flowctl.redact().");
}

}  // namespace

std::string random_salt() {
    std::string salt(kSaltBytes, '\0');
    char* const bytes = salt.data();
    if (!pg_strong_random(bytes, kSaltBytes))
        throw UserError(ERRCODE_INTERNAL_ERROR, "could not generate a random salt");
    return salt;
}

std::string marker_of(std::string_view salt, std::string_view value) {
    std::string salted(salt);
    salted += value;
    return "{\"redacted\": \"" + net::hex_encode(net::sha256(salted)) + "\"}";
}

bool is_plain_error(std::string_view error, std::string_view definition) {
    const bool is_own = std::any_of(kOwnErrors.begin(), kOwnErrors.end(),
                                    [&](std::string_view space) { return error.starts_with(space); });
    if (is_own && std::all_of(error.begin(), error.end(), is_letter_digit_or_dot)) return true;
    std::string literal;
    json::dump_string(error, literal);
    return definition.find(literal) != std::string_view::npos;
}

std::string redact_details(std::string_view salt, std::string_view details, std::string_view definition) {
    const auto parsed = json::parse(details);
    if (!parsed || !parsed->is_object()) return marker_of(salt, details);
    json::ObjectBuilder shown;
    for (const json::Member& member : parsed->members()) {
        bool plain = std::find(kPlainMembers.begin(), kPlainMembers.end(), member.key) != kPlainMembers.end();
        if (member.key == "error")
            plain = member.value.is_string() && is_plain_error(member.value.as_string(), definition);
        if (plain) {
            shown.add(member.key, member.value);
        } else {
            const std::string marker = marker_of(salt, json::dump(member.value));
            shown.add(member.key, *json::parse(marker));
        }
    }
    return json::dump(shown.build());
}

Redacting::Redacting(std::map<Uuid, OfRun> runs) : runs_(std::move(runs)) {
    current = &runs_;
}

Redacting::~Redacting() {
    current = nullptr;
}

}  // namespace flowctl::pg::records

using namespace flowctl::pg;

FLOWCTL_FUNCTION(flowctl_redacted) {
    const auto& run = records::of_run(fcinfo);
    return to_text(records::marker_of(run.salt, from_text(PG_GETARG_DATUM(1))));
}

FLOWCTL_FUNCTION(flowctl_redacted_details) {
    const auto& run = records::of_run(fcinfo);
    return to_text(records::redact_details(run.salt, from_text(PG_GETARG_DATUM(1)), *run.definition));
}

FLOWCTL_FUNCTION(flowctl_redacted_error) {
    const auto& run = records::of_run(fcinfo);
    const std::string error = from_text(PG_GETARG_DATUM(1));
    return to_text(records::is_plain_error(error, *run.definition) ? error : records::marker_of(run.salt, error));
}
