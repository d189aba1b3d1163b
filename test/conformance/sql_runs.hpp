// The recorded executions through SQL: define_flow, start, wait, the views runs and history.
#pragma once

#include <string>

#include "cases.hpp"
#include "sql_connection.hpp"

namespace conformance {

// Whether a definition is refused because this version cannot run it, which its message says.
bool is_refused_by_version(const std::string& problem);

// All cases of a file at once, so that their waits overlap. `lambda` is the address of
// test/services/lambda.mjs.
Count run_executions(Connection& connection, const std::string& path, const std::string& lambda,
                     const std::string& filter);

}  // namespace conformance
