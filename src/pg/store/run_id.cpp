// Making run ids, and the function flowctl.run_id_at(). See run_id.hpp.
#include "pg/store/run_id.hpp"

#include <algorithm>

#include "pg/server/prelude.hpp"

namespace flowctl::pg {

namespace {

constexpr std::uint64_t kLastMillis = (std::uint64_t{1} << 48) - 1;

// Eight random bytes. They are fetched for many ids at once, which takes a system call or two.
void take_random_tail(std::uint8_t* tail) {
    constexpr std::size_t kTail = 8, kIds = 64;
    static std::uint8_t random[kTail * kIds];
    static std::size_t used = kIds;
    if (used == kIds) {
        if (!pg_strong_random(random, sizeof random))
            throw UserError(ERRCODE_INTERNAL_ERROR, "could not generate a random run id");
        used = 0;
    }
    std::copy_n(random + kTail * used++, kTail, tail);
}

void put_millis(std::uint64_t millis, Uuid& id) {
    for (int i = 0; i < 6; i++)
        id[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(millis >> (40 - 8 * i));
}

}  // namespace

Uuid new_run_id() {
    static std::int64_t last = 0;
    // The 12 bits behind the milliseconds count fractions of one (RFC 9562, section 6.2, method 3).
    std::int64_t now = unix_micros_now();
    if (now <= last) now = last + 1;
    last = now;
    const std::uint32_t fraction = static_cast<std::uint32_t>((now % 1000) * 4096 / 1000);
    Uuid id;
    take_random_tail(id.data() + 8);
    put_millis(static_cast<std::uint64_t>(now / 1000), id);
    id[6] = static_cast<std::uint8_t>(0x70 | (fraction >> 8));
    id[7] = static_cast<std::uint8_t>(fraction);
    id[8] = static_cast<std::uint8_t>(0x80 | (id[8] & 0x3f));
    return id;
}

Uuid first_run_id(std::int64_t unix_micros) {
    Uuid id{};
    const auto millis = static_cast<std::uint64_t>(std::max<std::int64_t>(unix_micros, 0) / 1000);
    put_millis(std::min(millis, kLastMillis), id);
    return id;
}

std::int64_t time_of_run_id(const Uuid& id) {
    std::int64_t millis = 0;
    for (std::size_t i = 0; i < 6; i++)
        millis = millis << 8 | id[i];
    return millis * 1000;
}

FLOWCTL_FUNCTION(flowctl_run_id_at) {
    const TimestampTz at = PG_GETARG_TIMESTAMPTZ(0);
    const std::int64_t micros = TIMESTAMP_IS_NOBEGIN(at) ? 0
                                : TIMESTAMP_IS_NOEND(at) ? INT64_MAX
                                                         : to_unix_micros(at);
    return UUIDPGetDatum(to_pg(first_run_id(micros)));
}

}  // namespace flowctl::pg
