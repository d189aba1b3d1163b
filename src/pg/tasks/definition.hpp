// What stands in the way of a Task, as far as it can be known when its flow is defined.
//
// A missing GRANT is reported to the author by define_flow and not by the first run; every call asks again.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>

#include "core/json.hpp"
#include "pg/endpoints/endpoint.hpp"
#include "pg/server/prelude.hpp"

namespace flowctl::pg {

inline constexpr const char* kNotPermitted = "PERMISSION_DENIED";
inline constexpr const char* kNotFound = "RESOURCE_NOT_FOUND";
inline constexpr const char* kNotUsable = "RESOURCE_NOT_USABLE";
inline constexpr const char* kNotSupported = "RESOURCE_NOT_SUPPORTED";
inline constexpr const char* kNoActivity = "ACTIVITY_DOES_NOT_EXIST";
inline constexpr const char* kActivityNotGranted = "ACTIVITY_NOT_GRANTED";
inline constexpr const char* kBadEvent = "EVENT_NOT_VALID";
inline constexpr const char* kNoFunction = "FUNCTION_DOES_NOT_EXIST";
inline constexpr const char* kFunctionNotGranted = "FUNCTION_NOT_GRANTED";
inline constexpr const char* kFunctionNotUsable = "FUNCTION_NOT_USABLE";
inline constexpr const char* kPlainHttp = "PLAIN_HTTP";

// A state of a flow that is about to be defined.
struct DefinedTask {
    std::string flow;
    Oid owner = InvalidOid;   // the flow's
    std::optional<Oid> role;  // that its runs will act as; nullopt: their invokers, who are not known yet
    std::string state;
    // The members of its input that are written out, and the names of those that a path or an expression will
    // give. Nothing is known of an input that is not written out at all.
    json::Value input;
    std::set<std::string, std::less<>> open_members;
    bool is_open = false;
};

struct Objection {
    const char* code;
    std::string message;
    bool only_warns = false;  // the flow can be defined all the same
    // Objections of one kind are told once, with the number of places. Where they differ, `message_of_kind`
    // takes the place of their messages. Empty: the message is the kind.
    std::string kind = {};
    std::string message_of_kind = {};
};

// Valid in the language, but nothing here would carry it out.
inline Objection not_carried_out(const std::string& what) {
    return {kNotSupported, "this version of pg_flowctl does not carry out " + what};
}

inline Objection objection_of(const EndpointFailure& failure) {
    const char* code = failure.error == "States.Permissions" ? kNotPermitted
                       : failure.error == kEndpointNotFound  ? kNotFound
                                                             : kNotUsable;
    return {code, failure.cause};
}

}  // namespace flowctl::pg
