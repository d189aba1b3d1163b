// Who may name a limit in the options of a flow: its owner, who acts for the owner, and whom it was granted.
#pragma once

#include <optional>
#include <string>

#include "pg/server/spi.hpp"

namespace flowctl::pg::limits {

struct NamedLimit {
    Uuid id{};
    std::string name;
    Oid owner = InvalidOid;
    std::optional<std::int64_t> slots, burst;
    std::optional<std::string> rate;
};
// Locks its row where it is `to_change`. The caller is AsExtensionOwner.
std::optional<NamedLimit> find_limit(Spi& spi, const std::string& name, bool to_change);

// Raises where there is no such limit, or the role, which owns a flow, may not use it. The limit cannot be
// dropped until the end of the transaction.
void require_usable(Spi& spi, const std::string& name, Oid role);

}  // namespace flowctl::pg::limits
