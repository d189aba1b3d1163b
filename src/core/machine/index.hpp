// The index of a run's branches: which ones can go on now, which wait for a time, and which wait for the
// answer of a call.
//
// With the index, an event costs the logarithm of the number of branches instead of the number itself. The
// index holds pointers into the tree, so it is derived: a copied or loaded frame begins without it, and
// resolve.cpp makes it again. Invariant: a branch in the index is in the tree, and its `filed` says exactly
// where in the index it stands. The top branch is in the index only while it is Forked; otherwise it is the
// only branch and need not be searched.
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

// The order of turns: the branch whose last event is the oldest comes first. Of branches that began with the
// same event, an outer one comes before an inner one, and a lower index before a higher one. The order is the
// same before and after a load.
using Turn = std::tuple<std::int64_t, std::int64_t, std::size_t>;

// Where a branch stands in the index.
struct Filed {
    std::optional<Turn> turn;
    std::optional<std::int64_t> due;
    Turn due_turn;
    std::optional<std::int64_t> call;
    std::optional<std::int64_t> map_run;
    bool retrying = false;
    bool out = false;
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

    // Files the branch under what it waits for now; its former place is removed.
    void file(BranchFrame& branch);
    void remove(BranchFrame& branch);
    void clear() noexcept;

    BranchFrame* next_runnable() const;
    // The branch that has been due for longest at `now`; nullptr if none is due.
    BranchFrame* due(std::int64_t now) const;
    std::optional<std::int64_t> next_due() const;
    BranchFrame* calling(std::int64_t call) const;
    BranchFrame* running_map(std::int64_t map_run) const;
    bool any_runnable() const noexcept { return !runnable_.empty(); }
    bool any_out() const noexcept { return out_ > 0; }  // of the calls
    bool any_retrying() const noexcept { return retrying_ > 0; }

    // The flow whose states the branches point to; nullptr if the index is not made yet.
    const asl::Flow* flow = nullptr;

  private:
    std::set<std::tuple<Turn, BranchFrame*>> runnable_;
    std::set<std::tuple<std::int64_t, Turn, BranchFrame*>> due_;
    std::map<std::int64_t, BranchFrame*> calls_;
    std::map<std::int64_t, BranchFrame*> map_runs_;
    std::size_t retrying_ = 0;
    std::size_t out_ = 0;
};

}  // namespace flowctl::machine
