// Schedules: a text is refused with a reason, or has times that increase and that its wall times allow, whatever a
// time zone does.
#include <cstdlib>
#include <string_view>

#include "core/schedule/due.hpp"

using namespace flowctl::schedule;

namespace {

void check(bool holds) {
    if (!holds) std::abort();
}

// A zone whose clocks jump by up to a day every few months.
class JumpingZone final : public Zone {
  public:
    ZoneSpan span_at(Instant at) const override {
        constexpr std::int64_t kSpan = 10'000'000;
        const std::int64_t number = at / kSpan - (at % kSpan < 0 ? 1 : 0);
        const auto hash = static_cast<std::uint64_t>(number) * 0x9e3779b97f4a7c15;
        return {static_cast<std::int32_t>(hash >> 40) % 86'000 - 43'000, (number + 1) * kSpan};
    }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const auto schedule = parse({reinterpret_cast<const char*>(data), size});
    if (!schedule) {
        check(!schedule.error().message.empty() && !schedule.error().hint.empty());
        return 0;
    }
    const JumpingZone zone;
    const Instant begin = 1'700'000'000 + static_cast<Instant>(size) * 1'000'003;
    const Terms terms{*schedule, begin, 0, kNever};
    Instant last = begin;
    int times = 0;
    for (auto at = next(terms, zone, last); at && times < 20; at = next(terms, zone, *at), times++) {
        check(*at > last);
        last = *at;
    }
    const auto found = latest(terms, zone, begin + 1, last, 1'000);
    check(found.empty() == (times == 0) && (found.empty() || found.back() == last));
    const Look look{begin + 1, last * 1'000'000, last * 1'000'000, CatchUp::All, 7};
    const Due due = find_due(terms, zone, {}, look);
    check(due.fire.size() <= 7 && (!due.next || *due.next > last));
    return 0;
}
