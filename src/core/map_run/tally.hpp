// Tally: how the children of a map run have ended, and whether more have failed than it tolerates.
//
// It begins when all children have been made, because a tolerated percentage needs the number of all items.
// The counts are stored together with the ends that they count, and after a restart a new Tally begins with
// them.
#pragma once

#include <cstdint>
#include <optional>

#include "core/map_run/map_run.hpp"

namespace flowctl::map_run {

// Counts of items or executions, as AWS's DescribeMapRun shows them.
struct Counts {
    std::int64_t total = 0;
    std::int64_t succeeded = 0;
    std::int64_t failed = 0;
    std::int64_t timed_out = 0;
    std::int64_t aborted = 0;

    std::int64_t ended() const noexcept { return succeeded + failed + timed_out + aborted; }
};

class Tally {
  public:
    // The plan says how many failures are tolerated.
    Tally(const machine::MapRunPlan& plan, const Counts& items, const Counts& children);

    // Another child has ended. It was made of so many items.
    void child_ended(machine::Status status, std::int64_t items);

    // Why the map run has failed, if it has. Then no other child may begin, and the running children must be
    // stopped.
    const std::optional<Failure>& failure() const noexcept { return failure_; }
    // All children have ended, and the map run has not failed.
    bool done() const noexcept { return !failure_ && children_.ended() >= children_.total; }

    const Counts& items() const noexcept { return items_; }
    const Counts& children() const noexcept { return children_; }

  private:
    void judge();

    std::optional<std::int64_t> tolerated_count_;
    std::optional<double> tolerated_percentage_;
    Counts items_;
    Counts children_;
    std::optional<Failure> failure_;
};

}  // namespace flowctl::map_run
