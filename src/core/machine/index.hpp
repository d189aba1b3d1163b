// The index of a run's branches: which can go on now, which wait for a moment, which wait for the answer of
// a call.
//
// With it an event costs the logarithm of the number of branches and not the number. It holds pointers into
// the tree, so it is derived: a copy of a frame begins without it, and so does a loaded one; resolve.cpp
// makes it again. Invariant: a branch that is in it is in the tree, and `filed` says exactly where it stands.
// The top is in it only while it is Forked: otherwise it is the only branch, and needs no looking for.
//
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <tuple>

namespace flowctl::asl {
struct Flow;
}

namespace flowctl::machine {

struct BranchFrame;

// Whose turn it is: the branch whose last event is the oldest; of branches that began with one event, the
// outer first and then the first. The same before and after a load.
using Turn = std::tuple<std::int64_t, std::int64_t, std::size_t>;

// Where a branch stands in the index.
struct Filed {
    std::optional<Turn> turn;
    std::optional<std::int64_t> due;
    Turn due_turn;
    std::optional<std::int64_t> call;
    std::optional<std::int64_t> map_run;
    bool retrying = false;
};

class BranchIndex {
  public:
    BranchIndex() = default;
    BranchIndex(const BranchIndex&) noexcept {}
    BranchIndex& operator=(const BranchIndex&) noexcept {
        clear();
        return *this;
    }
    ~BranchIndex() = default;

    // Enters the branch for what it waits for now, in place of what it waited for.
    void file(BranchFrame& branch);
    void remove(BranchFrame& branch);
    void clear() noexcept;

    BranchFrame* next_runnable() const;
    // The branch that has been due for longest, if one is at `now`.
    BranchFrame* due(std::int64_t now) const;
    std::optional<std::int64_t> next_due() const;
    BranchFrame* calling(std::int64_t call) const;
    BranchFrame* running_map(std::int64_t map_run) const;
    bool any_runnable() const noexcept { return !runnable_.empty(); }
    bool any_calling() const noexcept { return !calls_.empty(); }
    bool any_retrying() const noexcept { return retrying_ > 0; }

    const asl::Flow* flow = nullptr;  // whose states the branches point to; nullptr: not made yet

  private:
    std::set<std::tuple<Turn, BranchFrame*>> runnable_;
    std::set<std::tuple<std::int64_t, Turn, BranchFrame*>> due_;
    std::map<std::int64_t, BranchFrame*> calls_;
    std::map<std::int64_t, BranchFrame*> map_runs_;
    std::size_t retrying_ = 0;
};

}  // namespace flowctl::machine
