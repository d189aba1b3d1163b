// Performer: what carries out the Tasks of one kind of Resource.
//
// HTTP calls are the first kind. What others need is here as well: statements that processes of their own
// execute, activities that sessions answer, flows that a flow starts. A performer is a part of the worker's
// turn (turn/part.hpp), so it may read tables in a sweep, hear what sessions post, write rows of its own and
// wake up by itself. Here is what a part does not have:
//
//   lanes_of     which limits a call counts against
//   prepare      in the turn's transaction: looks up what the call needs, and stages it
//   withdraw     in the same transaction: the staged call is not wanted any more
//
// and what the methods of a part mean for a performer:
//
//   begin        a transaction begins: nothing is staged
//   write        the rows of the calls that are staged
//   committed    the staged calls begin; those in Changes::dropped_calls, and those of runs that have ended, are
//                cancelled
//
// The answer of a call comes back as an item of its run (Host::queue), with TaskSucceeded, TaskFailed or
// TaskContinues, from the performer that began it. It may come from anywhere: from the network, from a row
// that another process has written, from a session's message. A run stays in memory while a call of it is
// under way, unless the performer says that its answers are found again (keeps_run).
//
// Work that is done at once (a row that the turn writes) has its answer within the same transaction
// (Attempt::events), so that it can neither be lost nor happen twice.
//
// A performer has one row in resources/performers.cpp. What stands in the way of a Task when its flow is
// defined is a function in that row, because no worker is there then.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "calls/protocol.hpp"
#include "core/machine/machine.hpp"
#include "pg/server/spi.hpp"
#include "pg/tasks/run_facts.hpp"
#include "pg/turn/lane.hpp"
#include "pg/turn/part.hpp"

namespace flowctl::pg {

class Performer : public Part {
  public:
    using Refusal = calls::Refusal;

    struct Attempt {
        std::int64_t now = 0;
        // The call may have been begun before, by a worker that is gone.
        bool again = false;
        const Lanes& lanes;  // lanes_of(), in which the call will take its places
        // For the answer of a call that prepare() has carried out: the run gets it in this transaction, and
        // the call is not under way.
        std::vector<machine::Event>& events;
    };

    // Calls of one lane share a limit; a call without lanes takes no place. In the turn's transaction.
    virtual Lanes lanes_of(const RunFacts& run, const machine::Call& call) const = 0;

    // What is wrong is the failure of the Task.
    virtual std::optional<Refusal> prepare(Spi& spi, const RunFacts& run, const machine::Call& call,
                                           const Attempt& attempt) = 0;
    virtual void withdraw(const Uuid& run, std::int64_t call) = 0;

    // False: the answer of this call is found again whatever happens to the worker's memory, so the run may
    // be parked until it is there.
    virtual bool keeps_run(const machine::Call& call) const {
        (void)call;
        return true;
    }
};

}  // namespace flowctl::pg
