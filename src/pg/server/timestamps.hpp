// Points in time: the server counts microseconds since 2000, everything else here counts them since 1970
// (UTC).
#pragma once

#include <cstdint>

#include "pg/server/prelude.hpp"

namespace flowctl::pg {

constexpr std::int64_t kPostgresEpochMicros = 946'684'800'000'000;
inline TimestampTz to_timestamp(std::int64_t unix_micros) {
    return unix_micros - kPostgresEpochMicros;
}
inline std::int64_t to_unix_micros(TimestampTz at) {
    return at + kPostgresEpochMicros;
}
inline std::int64_t unix_micros_now() noexcept {
    return to_unix_micros(GetCurrentTimestamp());
}

}  // namespace flowctl::pg
