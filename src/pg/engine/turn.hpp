// Engine: what a worker does in one turn of its loop.
//
// A turn takes what is ready (fresh runs, answers of calls, due timers, requests of sessions), advances the
// runs, writes everything in one transaction, and only after its commit carries out the effects. While a
// commit is flushed more becomes ready, so batches grow with load by themselves. Invariants:
//   - nothing leaves the server before the intent is durable, and no transaction is open while the network is
//     waited for;
//   - a live run's frame in memory is the stored one: a turn works on copies and keeps them only when it has
//     committed;
//   - a turn is bounded in items and time, so that a flood cannot starve timers or answers;
//   - while the server is drained or kept quiet (shared/drain.hpp), answers are taken and written, and nothing
//     else begins;
//   - a run that computes for long does so in another process (evaluations.hpp);
//   - a turn that fails is repeated item by item, and the item that fails alone fails its run, never the
//     worker; when it is the server that fails, nobody's run does: the worker pauses and comes back to it
//     (attempts.hpp).
//
// What a turn consists of, beside runs and their calls, is its parts' (turn/part.hpp): add() gives them to
// the engine, in the order in which they are asked.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "net/client.hpp"
#include "pg/engine/attempts.hpp"
#include "pg/engine/state.hpp"
#include "pg/engine/sweeper.hpp"
#include "pg/shared/figures.hpp"
#include "pg/shared/shmem.hpp"

namespace flowctl::pg {

class Engine {
  public:
    Engine(const shmem::Claim& claim, net::Client& client) : state_(client), sweeper_(claim, state_) {}

    void add(std::unique_ptr<Part> part) { state_.parts.push_back(std::move(part)); }
    void add(MadePerformer&& made) {
        state_.calls.add(made.carries_out, *made.performer);
        add(std::unique_ptr<Part>(std::move(made.performer)));
    }
    // Readable when an evaluation has come to its end.
    int evaluations_fd() const { return state_.evaluations.epoll_fd(); }
    // What parts in folders above this one work with.
    State& state() { return state_; }

    // Takes hints from shared memory, and says whether the database may act.
    Sweeper& sweeper() { return sweeper_; }
    void hear(const std::vector<mailbox::Message>& messages);

    // One turn. True when more is ready at once.
    bool turn();
    // How long the loop may sleep, in milliseconds.
    long sleep_ms();
    // After the last turn, when the worker leaves by itself.
    void leave();

    figures::Figures figures() const;
    // True once after a failure of the server: the extension itself may be gone.
    bool take_trouble() { return state_.pausing.take_trouble(); }

  private:
    std::vector<Item> ready_items();
    bool collect_answers();
    void collect_timers();

    State state_;
    Sweeper sweeper_;
    Attempts attempts_{state_};
    std::uint32_t drain_ = 0;  // the drain that this turn keeps to; 0: none is on
    bool closed_ = false;      // nothing new may begin in this turn
    struct {
        std::int64_t turns = 0, events = 0, last_turn_at = 0;
    } done_;
};

}  // namespace flowctl::pg
