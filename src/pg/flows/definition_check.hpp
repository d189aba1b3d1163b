// Looking up in the catalog what a definition needs: whether the endpoints that it names exist, and whether
// the flow's role may use them.
//
// The findings have the form of those of asl::compile(), which knows no catalog. What carries out a Task says
// what stands in its way (resources/performers.hpp).
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

// For nobody in particular: WARNINGs of what this version does not carry out, and of endpoints that are not
// there.
std::vector<asl::Finding> find_missing(std::string_view definition);

}  // namespace flowctl::pg
