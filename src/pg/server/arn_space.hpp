// How the identifiers of this database's flows, runs and roles begin.
#pragma once

#include "core/machine/identifiers.hpp"

namespace flowctl::pg {

// From the settings flowctl.arn_partition, arn_region and arn_account, as they are now. In a transaction.
machine::ArnSpace arn_space();

}  // namespace flowctl::pg
