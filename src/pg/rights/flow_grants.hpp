// What roles besides its owner may do with a flow and its runs (flowctl.grant_flow).
//
//   start          start the flow, and create triggers that start it
//   operate        stop, redrive, fork, pause and resume its runs; see them without payloads
//   read           see its runs, their history, steps and calls without payloads
//   read_payload   see the payloads, too
//
// A grant is a row of flowctl_catalog.flow_grant. What a process has read of them is kept as long as it holds
// (server/catalog_watch.hpp), so that functions on runs cost little for each of many rows.
#pragma once

#include <optional>
#include <string_view>

#include "pg/server/spi.hpp"

namespace flowctl::pg {

// A set of them is a sum.
enum Privilege : unsigned {
    kMayStart = 1,
    kMayOperate = 2,
    kMayRead = 4,
    kMayReadPayload = 8,
};

std::optional<unsigned> privilege_named(std::string_view name);
inline constexpr const char* kPrivilegeNames = "start, operate, read, read_payload";

// Whether a grant gives the role, or a role for which it acts, one of these privileges.
bool is_granted(const Uuid& flow_id, unsigned privileges, Oid role);

}  // namespace flowctl::pg
