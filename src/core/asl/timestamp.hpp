// Timestamps of the language: RFC 3339 with a capital T and a zone, to the nanosecond.
//
// Wait's Timestamp, the Timestamp comparisons of Choice, and IsTimestamp use the same function. So a text is
// a timestamp for all of them or for none.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace flowctl::asl {

struct Timestamp {
    std::int64_t seconds = 0;  // since 1970-01-01 00:00:00 UTC, rounded down
    std::int32_t nanos = 0;    // 0 to 999,999,999

    auto operator<=>(const Timestamp&) const = default;
    std::int64_t micros() const noexcept { return seconds * 1'000'000 + nanos / 1'000; }
};

// Nothing when the text is not an RFC 3339 timestamp, or names a day or a time that does not exist. Digits of
// the fraction beyond nanoseconds are dropped.
std::optional<Timestamp> parse_timestamp(std::string_view text) noexcept;

// "2026-01-31T09:05:00.123Z", as AWS writes StartTime and EnteredTime.
std::string format_instant(std::int64_t micros);

}  // namespace flowctl::asl
