// Waits: the tasks that wait for an answer from outside, in the worker's turn.
//
// A performer that begins such a task stages its wait (stage()), and the turn's transaction writes its row
// together with the step of the run. From then on the run can leave memory: what sessions write into the row is
// found by a look, and comes to the run as an item that brings it back. The row is deleted in the turn in which
// the wait ends, whichever way.
//
// An answer and another end of the wait (a timeout, a stop, the failure of another branch) meet at the row's
// lock. An answer that is committed comes first: the turn that finds it gives it to the run before anything
// else (RunsBusy). While a session that has answered, or sent a heartbeat, has not committed, the run's items
// wait, for as long as such a session may take (answer_guard.hpp); then the wait ends without it.
//
// Heartbeats are written into the row and disturb nobody. Only when HeartbeatSeconds seem to be over, the turn
// looks there and tells the run of the last one.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/machine/machine.hpp"
#include "pg/callbacks/waiting_rows.hpp"
#include "pg/shared/shmem.hpp"
#include "pg/turn/busy.hpp"
#include "pg/turn/host.hpp"
#include "pg/turn/part.hpp"

namespace flowctl::pg {

class Waits final : public Part {
  public:
    Waits(const shmem::Claim& claim, Host& host) : shard_(claim.shard), shards_(claim.shards), host_(host) {}

    // In the turn's transaction: the run waits from now on for an answer to this call (Call::place is not
    // empty). `again`: it may have begun to wait before. `kind` is what the view waiting_tasks shows.
    struct Wait {
        const Uuid& run;
        Oid flow_owner;
        const machine::Call& call;
        const char* kind = "callback";
        std::optional<std::string> activity = std::nullopt;
        std::optional<std::string> input = std::nullopt;  // for the activity's worker
        std::optional<std::string> token = std::nullopt;  // if it is known
        bool again = false;
    };
    void stage(const Wait& wait);
    // For the item by which a wait ends that no session has ended: the answer of a call that could not hand its
    // task over. The item gets this part, and the ticket.
    std::int64_t ends_with_item(const Uuid& run, const std::string& place);

    void load(Spi& spi) override { store::delete_orphans(spi, shard_, shards_); }
    bool look(Spi& spi) override;
    void begin() override;
    void apply(const Item& item) override;
    void failed(const Item& item) override { apply(item); }
    void write(Spi& spi, const Changes& changes) override;
    void committed(const Changes& changes) override;

  private:
    struct Ticket {
        Uuid wait_id{};
        bool ends = true;  // the wait; otherwise the run has been told that a worker has taken the task
    };
    std::int64_t new_ticket(const Uuid& wait_id, bool ends);
    void queue(const store::News& news);
    void tidy(Spi& spi);
    Item item_of(const Uuid& run, std::int32_t call, const Uuid& wait_id, const store::Answer& answer);
    void end_dropped(Spi& spi, const Changes& changes, std::vector<Uuid>& over);
    bool is_patient(const Uuid& wait_id, std::int64_t now);

    int shard_, shards_;
    Host& host_;
    std::int64_t last_ticket_ = 0;
    std::map<std::int64_t, Ticket> tickets_;    // of items that are queued
    std::set<std::pair<Uuid, bool>> queued_;    // the same, by wait and Ticket::ends
    std::map<Uuid, std::int64_t> locked_since_;  // by a session, where the wait is to end
    std::vector<Uuid> left_;  // waits that have ended and whose rows were locked
    std::int64_t tidied_at_ = 0;
    bool more_ = false;       // there was more news than the last look has taken

    // Of this transaction.
    std::vector<store::NewWait> staged_;
    std::vector<std::int64_t> done_;  // tickets
    std::vector<Uuid> unlocked_;      // waits that end although a session had a lock
    bool looks_again_ = false;        // there is news that no session has announced
};

}  // namespace flowctl::pg
