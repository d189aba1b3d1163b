// Lanes: what calls share their limits by.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "core/gates/endpoint_limits.hpp"

namespace flowctl::pg {

enum class LaneKind {
    Flow,         // only a line to wait in while the flow is paused, by its name
    Endpoint,     // the foreign server
    Host,         // that the endpoint's url names: many servers can name one
    Owner,        // of the flow
    OwnerAtHost,  // both, as "<owner>@<host>"
    Answers,   // only a line to wait in: the memory for answers is full, for this owner
};
using Lane = std::pair<LaneKind, std::string>;
// The owner's name among those of endpoints (shared/endpoint_pace.hpp). No endpoint's name begins like that.
inline std::string name_of_owner(const std::string& owner) {
    return std::string(1, '\0') + owner;
}
// Of one call. It takes a place in each.
struct Lanes : std::vector<Lane> {
    using std::vector<Lane>::vector;
    // How large the answer of the call may become.
    std::size_t answer_bytes = 0;
    EndpointLimits limits;  // of the endpoint
};

}  // namespace flowctl::pg
