// The server's time zones. See server_zone.hpp.
#include "pg/schedules/server_zone.hpp"

#include <map>

#include "pg/server/bridge.hpp"
#include "pg/server/quoting.hpp"

extern "C" {
#include "pgtime.h"
}

namespace flowctl::pg::schedules {

namespace {

class ServerZone final : public schedule::Zone {
  public:
    explicit ServerZone(const pg_tz* zone) : zone_(zone) {}
    schedule::ZoneSpan span_at(schedule::Instant at) const override {
        const pg_time_t time = at;
        pg_time_t boundary = 0;
        long before = 0, after = 0;
        int before_is_dst = 0, after_is_dst = 0;
        // A boundary at `at` itself has passed.
        const int found = pg_next_dst_boundary(&time, &before, &before_is_dst, &boundary, &after, &after_is_dst, zone_);
        return {static_cast<std::int32_t>(before), found > 0 ? boundary : schedule::kNever};
    }

  private:
    const pg_tz* zone_;
};

constexpr std::size_t kMaxNameBytes = 255;

}  // namespace

const schedule::Zone* find_zone(const std::string& name) {
    static std::map<std::string, ServerZone> known;
    const auto before = known.find(name);
    if (before != known.end()) return &before->second;
    if (name.empty() || name.size() > kMaxNameBytes || name.find('\0') != std::string::npos) return nullptr;
    const char* const text = name.c_str();
    const pg_tz* const zone = guarded([&]() -> const pg_tz* {
        pg_tz* const found = pg_tzset(text);
        return found != nullptr && pg_tz_acceptable(found) ? found : nullptr;
    });
    if (zone == nullptr) return nullptr;
    return &known.try_emplace(name, zone).first->second;
}

const schedule::Zone& require_zone(const std::string& name) {
    if (const schedule::Zone* zone = find_zone(name)) return *zone;
    throw UserError(ERRCODE_INVALID_PARAMETER_VALUE, "time zone " + in_quotes(shortened_name(name)) + " not recognized",
                    "The view pg_timezone_names lists the time zones of this server.");
}

}  // namespace flowctl::pg::schedules
