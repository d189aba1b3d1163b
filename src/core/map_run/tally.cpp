// Counting the ends of children; see tally.hpp.
#include "core/map_run/tally.hpp"

namespace flowctl::map_run {

namespace {

constexpr const char* kExceeded = "States.ExceedToleratedFailureThreshold";
constexpr const char* kExceededCause = "The specified tolerated failure threshold was exceeded";

void count_end(Counts& counts, machine::Status status, std::int64_t number) {
    switch (status) {
        case machine::Status::Succeeded:
            counts.succeeded += number;
            break;
        case machine::Status::TimedOut:
            counts.timed_out += number;
            break;
        case machine::Status::Aborted:
            counts.aborted += number;
            break;
        default:
            counts.failed += number;
    }
}

}  // namespace

Tally::Tally(const machine::MapRunPlan& plan, const Counts& items, const Counts& children)
    : tolerated_count_(plan.tolerated_count),
      tolerated_percentage_(plan.tolerated_percentage),
      items_(items),
      children_(children) {
    judge();
}

void Tally::child_ended(machine::Status status, std::int64_t items) {
    count_end(children_, status, 1);
    count_end(items_, status, items);
    judge();
}

// No failure is tolerated unless the plan says so. If the plan has both a count and a percentage, neither may
// be exceeded.
void Tally::judge() {
    if (failure_) return;
    const std::int64_t failed = items_.failed + items_.timed_out + items_.aborted;
    bool exceeded = failed > 0 && !tolerated_count_ && !tolerated_percentage_;
    if (tolerated_count_ && failed > *tolerated_count_) exceeded = true;
    if (tolerated_percentage_) {
        const double tolerated = *tolerated_percentage_;
        if (tolerated <= 0.0 && failed > 0) exceeded = true;
        if (static_cast<double>(failed) * 100.0 > tolerated * static_cast<double>(items_.total))
            exceeded = true;
    }
    if (exceeded) failure_ = Failure{kExceeded, kExceededCause};
}

}  // namespace flowctl::map_run
