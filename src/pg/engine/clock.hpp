// The clock of the worker, and how far ahead it looks.
#pragma once

#include "core/machine/machine.hpp"
#include "pg/server/guc.hpp"
#include "pg/server/spi.hpp"

namespace flowctl::pg {

inline machine::Instant now_micros() {
    return to_unix_micros(GetCurrentTimestamp());
}

// Runs that are due within it are held in memory; sweeps, which load the others, come more often.
inline std::int64_t horizon_micros() {
    return 10'000'000 + 2 * static_cast<std::int64_t>(guc::sweep_interval) * 1000;
}

}  // namespace flowctl::pg
