// Lanes: what calls share their limits by.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace flowctl::pg {

enum class LaneKind {
    Endpoint,     // the foreign server
    Host,         // that the endpoint's url names: many servers can name one
    Owner,        // of the flow
    OwnerAtHost,  // both, as "<owner>@<host>"
};
using Lane = std::pair<LaneKind, std::string>;
// Of one call. It takes a place in each.
using Lanes = std::vector<Lane>;

}  // namespace flowctl::pg
