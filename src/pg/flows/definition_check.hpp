// What a definition needs of the catalog: do the endpoints exist that it names, and may the flow's role use
// them?
//
// Findings like those of asl::compile(), which knows no catalog. They are taken at define_flow, so that a
// missing GRANT is reported to the author and not by the first run; every call checks again.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/asl/asl.hpp"
#include "pg/server/prelude.hpp"

namespace flowctl::pg {

inline constexpr const char* kNotPermitted = "PERMISSION_DENIED";
inline constexpr const char* kNotFound = "RESOURCE_NOT_FOUND";
inline constexpr const char* kNotUsable = "RESOURCE_NOT_USABLE";
inline constexpr const char* kNotSupported = "RESOURCE_NOT_SUPPORTED";

// Whose flow it is to be.
struct FlowToCheck {
    std::string name;
    Oid owner = InvalidOid;
    std::optional<Oid> role;  // whom the runs will act as; nullopt: their invokers, who are not known yet
};

// The definition has compiled.
std::vector<asl::Finding> check_resources(std::string_view definition, const FlowToCheck& flow);

// WARNINGs of what the language has and this version does not carry out; no catalog is read.
std::vector<asl::Finding> check_support(std::string_view definition);

}  // namespace flowctl::pg
