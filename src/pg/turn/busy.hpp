// RunsBusy: some runs of a turn cannot go on now, because a session is about to answer what they wait for.
//
// A part throws it in write(). Nothing of the transaction happens then; the items of the other runs are done at
// once, and the items of these come again. So a turn never waits for a session.
#pragma once

#include <exception>
#include <utility>
#include <vector>

#include "pg/turn/item.hpp"

namespace flowctl::pg {

struct BusyRun {
    Uuid run{};
    // What has to be done with the run before. Empty: a session has a lock, so the run is tried again a little
    // later.
    std::vector<Item> first;
    bool served = false;  // the engine's: `first` has been queued
};

class RunsBusy : public std::exception {
  public:
    explicit RunsBusy(std::vector<BusyRun>&& runs) : runs_(std::move(runs)) {}
    const char* what() const noexcept override { return "runs are busy"; }
    std::vector<BusyRun>& runs() noexcept { return runs_; }

  private:
    std::vector<BusyRun> runs_;
};

}  // namespace flowctl::pg
