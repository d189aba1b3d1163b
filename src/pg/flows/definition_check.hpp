// Looking up in the catalog what a definition needs: whether the endpoints that it names exist, and whether
// the flow's role may use them.
//
// The findings have the form of those of asl::compile(), which knows no catalog. What carries out a Task says
// what stands in its way (tasks/performers.hpp).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/asl/asl.hpp"
#include "pg/server/prelude.hpp"
#include "pg/tasks/definition.hpp"

namespace flowctl::pg {

// Whose flow it is to be.
struct FlowToCheck {
    std::string name;
    Oid owner = InvalidOid;
    std::optional<Oid> role;  // whom the runs will act as; nullopt: their invokers, who are not known yet
    bool run_as_superuser = false;  // the option
};

// The definition has compiled.
std::vector<asl::Finding> check_resources(std::string_view definition, const FlowToCheck& flow);

// WARNINGs of what the language has and this version does not carry out; no catalog is read.
std::vector<asl::Finding> check_support(std::string_view definition);

}  // namespace flowctl::pg
