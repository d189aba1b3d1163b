// Time zones for tests of schedules: those of the C library, read from the system's zone files.
#pragma once

#include <cstdlib>
#include <ctime>
#include <string>

#include "core/schedule/schedule.hpp"

namespace flowctl::schedule {

// Sets the process's zone for as long as it lives.
class LibraryZone final : public Zone {
  public:
    explicit LibraryZone(const std::string& name) {
        setenv("TZ", (":" + name).c_str(), 1);
        tzset();
    }
    ~LibraryZone() override {
        unsetenv("TZ");
        tzset();
    }
    static std::int32_t offset_at(Instant at) {
        const std::time_t time = at;
        std::tm parts{};
        localtime_r(&time, &parts);
        return static_cast<std::int32_t>(parts.tm_gmtoff);
    }
    // The library does not say when an offset ends. Zones keep theirs for days at least, but in Ramadan.
    ZoneSpan span_at(Instant at) const override {
        constexpr std::int64_t kStep = 86'400;
        const std::int32_t offset = offset_at(at);
        Instant same = at, other = at;
        for (int i = 0; i < 40 && offset_at(other) == offset; i++) {
            same = other;
            other += kStep;
        }
        if (offset_at(other) == offset) return {offset, other};
        while (other - same > 1) {
            const Instant middle = same + (other - same) / 2;
            (offset_at(middle) == offset ? same : other) = middle;
        }
        return {offset, other};
    }
};

class FixedZone final : public Zone {
  public:
    explicit FixedZone(std::int32_t offset = 0) : offset_(offset) {}
    ZoneSpan span_at(Instant) const override { return {offset_, kNever}; }

  private:
    std::int32_t offset_;
};

inline Schedule parsed(const std::string& text) {
    auto schedule = parse(text);
    if (!schedule) throw std::runtime_error(text + ": " + schedule.error().message);
    return *schedule;
}

inline Instant utc(int year, int month, int day, int hour = 0, int minute = 0, int second = 0) {
    std::tm parts{};
    parts.tm_year = year - 1900;
    parts.tm_mon = month - 1;
    parts.tm_mday = day;
    parts.tm_hour = hour;
    parts.tm_min = minute;
    parts.tm_sec = second;
    return timegm(&parts);
}

inline std::string text_of(Instant at, std::int32_t offset = 0) {
    const std::time_t time = at + offset;
    std::tm parts{};
    gmtime_r(&time, &parts);
    char text[32];
    std::strftime(text, sizeof text, "%F %T", &parts);
    return text;
}

inline std::vector<std::string> next_texts(const std::string& text, const Zone& zone, Instant after, int n) {
    const Terms terms{parsed(text), after, std::numeric_limits<Instant>::min() / 2, kNever};
    std::vector<std::string> times;
    for (auto at = next(terms, zone, after); at && n-- > 0; at = next(terms, zone, *at))
        times.push_back(text_of(*at));
    return times;
}

}  // namespace flowctl::schedule
