// What sessions ask of a run, as rows that the worker which owns the run takes (store/controls).
//
// A session never changes a run itself. It writes down what it wants in its own transaction, and the commit
// wakes the worker; so a request counts if and only if its transaction commits. Who may ask is the caller's
// to check.
#pragma once

#include <optional>
#include <string>

#include "pg/server/spi.hpp"

namespace flowctl::pg::control {

// The run is to end as ABORTED, with this error and cause.
struct Stop {
    Uuid run_id{};
    std::optional<std::string> error;
    std::optional<std::string> cause;
    Oid requested_by = InvalidOid;
};
void request(const Stop& stop);

}  // namespace flowctl::pg::control
