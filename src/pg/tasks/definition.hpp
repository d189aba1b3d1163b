// What stands in the way of a Task, as far as it can be known when its flow is defined.
//
// A missing GRANT is reported to the author by define_flow and not by the first run; every call asks again.
#pragma once

#include <optional>
#include <string>

#include "core/json.hpp"
#include "pg/endpoints/endpoint.hpp"
#include "pg/server/prelude.hpp"

namespace flowctl::pg {

inline constexpr const char* kNotPermitted = "PERMISSION_DENIED";
inline constexpr const char* kNotFound = "RESOURCE_NOT_FOUND";
inline constexpr const char* kNotUsable = "RESOURCE_NOT_USABLE";
inline constexpr const char* kNotSupported = "RESOURCE_NOT_SUPPORTED";
inline constexpr const char* kPlainHttp = "PLAIN_HTTP";

// A state of a flow that is about to be defined.
struct DefinedTask {
    std::string flow;
    Oid owner = InvalidOid;   // the flow's
    std::optional<Oid> role;  // that its runs will act as; nullopt: their invokers, who are not known yet
    std::string state;
    json::Value input;  // its members that are written out; a path's or an expression's value is not known yet
};

struct Objection {
    const char* code;
    std::string message;
    bool only_warns = false;  // the flow can be defined all the same
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
