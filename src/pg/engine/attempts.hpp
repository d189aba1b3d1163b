// Attempts: the items of a turn in one transaction, and in smaller ones when that fails.
//
// Where an evaluation takes too long, the items before it are done at once, for their time is known; it and
// the others go back to the intake. Items of runs that cannot go on now (turn/busy.hpp) come again, and the others
// are done at once. If the transaction fails for another reason, each item is done in its own.
// An item that fails by itself is either the fault of its run, which then ends as FAILED with the reason, or
// the server's (failures.hpp). What the server cannot do now comes again after a pause, behind what has not
// been tried, so that it holds up nobody; no failure makes the worker spin.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pg/engine/state.hpp"
#include "pg/turn/busy.hpp"

namespace flowctl::pg {

class Attempts {
  public:
    explicit Attempts(State& state) : state_(state) {}

    // Outside of transactions. What is left of the items afterwards means nothing.
    void carry_out(std::vector<Item>& items);

  private:
    struct Failure {
        std::string reason;
        int sqlstate = 0;
        // An evaluation has been interrupted: of which item, and what its run had been given for it.
        std::optional<std::size_t> interrupted = std::nullopt;
        std::vector<machine::Given> given{};
        std::int64_t micros = 0;  // that the transaction had taken
        std::vector<BusyRun> busy{};
    };
    enum class Alone { Done, Interrupted, NotNow };

    std::optional<Failure> attempt(const std::vector<Item>& items, bool alone);
    Alone attempt_alone(const Item& item);
    void give_up(std::vector<Item>& items, const Failure& failure);
    void put_off(std::vector<Item>& items, Failure& failure);
    bool fail_run(const Item& item, const std::string& reason);

    State& state_;
};

}  // namespace flowctl::pg
