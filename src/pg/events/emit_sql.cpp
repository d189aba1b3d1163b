// flowctl.emit() and flowctl.ingest(): events of applications.
//
// Whoever may execute these functions may emit events of every type that is not reserved. A rule that does not trust
// all of them names its emitters. An id is unique for one role and source, so nobody can take an event of another
// role away by using its id first.
#include <algorithm>
#include <string>

#include "core/asl/timestamp.hpp"
#include "core/json.hpp"
#include "pg/events/record.hpp"
#include "pg/events/rule_options.hpp"
#include "pg/server/arguments.hpp"
#include "pg/server/guc.hpp"
#include "pg/server/quoting.hpp"
#include "pg/shared/shmem.hpp"

namespace flowctl::pg::events {

namespace {

constexpr std::size_t kMaxTextBytes = 1'024;

void check_type(const std::string& type) {
    if (!is_type(type))
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE,
                        in_quotes(shortened_name(type)) + " is not a valid type of an event",
                        "Types have 1 to 120 of the characters A-Z, a-z, 0-9, and . _ : / -, as in 'order.paid'.");
    if (is_reserved(type))
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE,
                        "type " + in_quotes(type) + " is reserved for events of the database",
                        "Choose a type that begins with another word, such as 'order.paid'.");
}

void check_data(const std::string& data) {
    if (data.size() > static_cast<std::size_t>(guc::max_payload_bytes))
        throw UserError(ERRCODE_PROGRAM_LIMIT_EXCEEDED,
                        "data of the event has " + std::to_string(data.size()) + " bytes, more than the limit of " +
                            std::to_string(guc::max_payload_bytes),
                        "Pass a key instead of the data, or raise flowctl.max_payload_bytes.");
    json::ParseLimits limits;
    limits.max_bytes = data.size() + 1;
    if (const auto refused = json::check(data, limits))
        throw UserError(ERRCODE_INVALID_TEXT_REPRESENTATION,
                        "data of the event cannot be kept as JSON: " + refused->message,
                        "Leave the offending value out, or store it as a string.");
}

void check_length(const char* name, const std::string& text) {
    if (text.empty() || text.size() > kMaxTextBytes)
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE,
                        std::string(name) + " of the event must have 1 to 1024 bytes", "Choose another one.");
}

// Without the blanks that jsonb prints.
std::string compact(const std::string& printed) {
    json::ParseLimits limits;
    limits.max_bytes = printed.size() + 1;
    const auto value = json::parse(printed, limits);
    return value ? json::dump(*value) : printed;
}

std::string source_of_user() {
    const std::string role = role_name(GetUserId());
    const char* const database = guarded([] { return get_database_name(MyDatabaseId); });
    return std::string("/") + database + "/" + role;
}

Datum record_and_return(const Event& event) {
    const Uuid id = record(event);
    return guarded([&] { return UUIDPGetDatum(to_pg(id)); });
}

[[noreturn]] void not_a_cloud_event(const std::string& why) {
    throw UserError(ERRCODE_INVALID_PARAMETER_VALUE, "event is not a CloudEvent: " + why,
                    "It is an object with specversion \"1.0\", id, source and type, and may have subject, time, "
                    "datacontenttype, data and further attributes.");
}

std::string text_member(const json::Value& event, const char* name) {
    const json::Value* value = event.find(name);
    if (value == nullptr) not_a_cloud_event(std::string("it has no attribute ") + name);
    if (!value->is_string() || value->as_string().empty())
        not_a_cloud_event(std::string("attribute ") + name + " is not a text");
    return std::string(value->as_string());
}

bool is_attribute_name(std::string_view name) {
    return !name.empty() && name.size() <= 40 && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    });
}

// Attributes that the extension sets, since it knows them better than the sender.
bool is_own_attribute(std::string_view name) {
    for (const std::string_view own : {"authid", "authtype", "sessionuser", "currentuser", "sequence", "causationid",
                                       "depth", "rule"})
        if (name == own) return true;
    return false;
}

Event event_of(const json::Value& given) {
    if (!given.is_object()) not_a_cloud_event("it is no object");
    if (text_member(given, "specversion") != "1.0") not_a_cloud_event("its specversion is not \"1.0\"");
    Event event;
    event.type = text_member(given, "type");
    event.source = text_member(given, "source");
    event.id = text_member(given, "id");
    check_type(event.type);
    check_length("source", event.source);
    check_length("id", *event.id);
    json::ObjectBuilder attributes;
    bool has_data = false;
    for (const json::Member& member : given.members()) {
        const std::string_view name = member.key;
        if (name == "specversion" || name == "type" || name == "source" || name == "id") continue;
        if (name == "data" || name == "data_base64") {
            if (has_data) not_a_cloud_event("it has both data and data_base64");
            has_data = true;
            event.data = json::dump(member.value);
            if (name == "data_base64") attributes.add("dataencoding", "base64");
            continue;
        }
        if (!is_attribute_name(name))
            not_a_cloud_event(in_quotes(shortened_name(name)) + " is not a name of an attribute");
        if (member.value.is_null() || is_own_attribute(name)) continue;
        if (member.value.is_array() || member.value.is_object())
            not_a_cloud_event("attribute " + member.key + " is no scalar value");
        if (name == "subject") {
            event.subject = text_member(given, "subject");
            check_length("subject", *event.subject);
            continue;
        }
        if (name == "time") {
            if (!asl::parse_timestamp(text_member(given, "time"))) not_a_cloud_event("its time is not one of RFC 3339");
        }
        attributes.add(name, member.value);
    }
    const json::Value others = attributes.build();
    if (others.size() > 0) event.attributes = json::dump(others);
    if (event.attributes && event.attributes->size() > 16 * 1'024) not_a_cloud_event("its attributes are over 16 kB");
    check_data(event.data);
    return event;
}

}  // namespace

FLOWCTL_FUNCTION(flowctl_emit) {
    require_writable("emit an event");
    shmem::require("emitting an event");
    Event event;
    event.type = required_argument(fcinfo, 0, "type", "Name the type of the event, such as 'order.paid'.");
    check_type(event.type);
    if (const auto data = jsonb_argument_text(fcinfo, 1)) event.data = compact(*data);
    check_data(event.data);
    event.subject = text_argument(fcinfo, 2);
    if (event.subject) check_length("subject", *event.subject);
    event.id = text_argument(fcinfo, 3);
    if (event.id) check_length("id", *event.id);
    event.source = source_of_user();
    return record_and_return(event);
}

FLOWCTL_FUNCTION(flowctl_ingest) {
    require_writable("ingest an event");
    shmem::require("ingesting an event");
    const auto printed = jsonb_argument_text(fcinfo, 0);
    if (!printed)
        throw UserError(ERRCODE_NULL_VALUE_NOT_ALLOWED, "event must not be null", "Pass a CloudEvent 1.0 as JSON.");
    json::ParseLimits limits;
    limits.max_bytes = printed->size() + 1;
    const auto given = json::parse(*printed, limits);
    if (!given) not_a_cloud_event(given.error().message);
    return record_and_return(event_of(*given));
}

}  // namespace flowctl::pg::events
