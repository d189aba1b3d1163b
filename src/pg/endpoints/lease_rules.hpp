// Which options of a flowctl_http server go together, as far as they are about database leases.
#pragma once

#include "pg/endpoints/options.hpp"

namespace flowctl::pg {

// Raises an error with a hint where options are missing for the server's `lease`, or do not go with it.
void check_lease_options(const Options& options);

}  // namespace flowctl::pg
