// Tasks that start runs of this database's flows, in the worker.
//
// The run is started in the turn that wants it, so it exists if and only if its parent has gone on: a crash
// starts it neither twice nor not at all. The parent has its answer in the same turn. With .sync it waits from
// then on as for any answer from outside: it leaves memory, and no call is under way.
//
// When a run ends that another one waits for, its worker writes a message for the parent (child_flow_rows.hpp)
// and wakes the parent's worker, if it is another one. Its own runs it tells after the commit without looking
// at the tables; what is lost by a crash is found in them. In the same way a parent that does not wait any
// more tells the run that it has started to stop.
//
// A name is taken without waiting for a session that is about to take it: the call comes again a moment later.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "pg/callbacks/waits.hpp"
#include "pg/child_flows/child_flow_rows.hpp"
#include "pg/shared/shmem.hpp"
#include "pg/starts/start.hpp"
#include "pg/store/new_runs.hpp"
#include "pg/tasks/performer.hpp"
#include "pg/turn/host.hpp"

namespace flowctl::pg {

class ChildFlowPerformer final : public Performer {
  public:
    ChildFlowPerformer(Host& host, const shmem::Claim& claim, Waits& waits)
        : host_(host), waits_(waits), shard_(claim.shard), shards_(claim.shards) {}

    Lanes lanes_of(const RunFacts&, const machine::Call&) const override { return {}; }
    std::optional<Refusal> prepare(Spi& spi, const RunFacts& run, const machine::Call& call,
                                   const Attempt& attempt) override;
    void withdraw(const Uuid&, std::int64_t) override {}
    // A call that waits for its name is not under way.
    bool keeps_run(const machine::Call&) const override { return false; }

    void load(Spi& spi) override;
    bool look(Spi& spi) override;
    void begin() override;
    void apply(const Item& item) override;
    void failed(const Item& item) override { apply(item); }
    void write(Spi& spi, const Changes& changes) override;
    void committed(const Changes& changes) override;
    bool work() override;
    std::optional<machine::Instant> next_at() const override;

  private:
    // Something that one of our runs is to be told.
    struct Notice {
        store::CallKey to{};
        machine::Event event;
    };
    struct Started {
        Uuid run{};
        bool adopted = false;
        json::Value description;
    };
    void write_children();
    void stop_children(Spi& spi, const Changes& changes);
    void tell_parents(Spi& spi, const Changes& changes);
    void tell_untold(Spi& spi, bool adopted_only);
    void send(std::vector<store::Message>&& messages, std::map<store::CallKey, json::Value> contents);
    bool is_ours(const Uuid& run) const;
    void queue(Notice&& notice);

    Host& host_;
    Waits& waits_;
    const int shard_, shards_;
    std::int64_t waiting_ = 0;  // calls of our runs that wait, as the tables have it
    // When calls are looked at again that wait for runs which existed before.
    machine::Instant adopted_at_ = 0;

    // What this transaction does.
    std::vector<store::NewRun> children_;
    std::vector<store::Waiting> began_waiting_;
    std::vector<std::int64_t> done_;  // tickets of items
    std::vector<Notice> notices_;     // for our own runs, after the commit
    std::int64_t waiting_change_ = 0;
    std::set<Uuid> later_staged_;  // runs whose call has to come again, for want of a name

    // Items in the engine's hands.
    std::map<std::int64_t, store::CallKey> queued_;  // by ticket
    std::set<store::CallKey> known_;
    std::int64_t last_ticket_ = 0;

    std::set<Uuid> later_;
    machine::Instant later_at_ = 0;
};

}  // namespace flowctl::pg
