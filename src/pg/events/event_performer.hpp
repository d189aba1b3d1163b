// Tasks that wait for an event (Resource flowctl:event), in the worker.
//
// To begin such a Task is to write a row, and the run leaves memory. A look at the tables then finds its event: first
// among those that have come before, and from then on among those that have become visible since the last look. The
// last look is remembered as a snapshot and not as a time, because an event counts from the commit of its transaction
// on, and transactions do not commit in the order of their times. So no event is missed, and one look more gives no
// event twice: the row goes in the turn in which the run takes its event.
//
// An event finds its waits by an index over type and subject, so runs that wait for other subjects cost it nothing.
// Many waits for one event are gone through in portions, one for each look.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "pg/events/event_rows.hpp"
#include "pg/events/event_waits.hpp"
#include "pg/flow_options/flow_expression.hpp"
#include "pg/shared/shmem.hpp"
#include "pg/tasks/definition.hpp"
#include "pg/tasks/performer.hpp"
#include "pg/turn/host.hpp"

namespace flowctl::pg {

class EventPerformer final : public Performer {
  public:
    EventPerformer(Host& host, const shmem::Claim& claim)
        : host_(host), shard_(claim.shard), shards_(claim.shards) {}

    Lanes lanes_of(const RunFacts&, const machine::Call&) const override { return {}; }
    std::optional<Refusal> prepare(Spi& spi, const RunFacts& run, const machine::Call& call,
                                   const Attempt& attempt) override;
    void withdraw(const Uuid& run, std::int64_t call) override;
    bool keeps_run(const machine::Call&) const override { return false; }

    void load(Spi& spi) override;
    bool look(Spi& spi) override;
    void begin() override;
    void apply(const Item& item) override { done_.push_back(item.ticket); }
    void failed(const Item& item) override { apply(item); }
    void write(Spi& spi, const Changes& changes) override;
    void committed(const Changes& changes) override;
    std::optional<machine::Instant> next_at() const override;
    bool work() override;

  private:
    // An event whose waits are gone through.
    struct Round {
        Uuid event{};
        bool any_subject = false;
        store::WaitKey after{};
    };
    // A wait whose events from before it began are gone through.
    struct Search {
        store::WaitKey key{};
        Uuid after{};
    };
    class Portion;
    void search(Spi& spi, Portion& portion);
    void go_round(Spi& spi, Portion& portion);
    bool matches(const store::EventWait& wait, const store::EventRow& event);
    void deliver(const store::WaitKey& key, const store::EventRow& event);

    Host& host_;
    const int shard_, shards_;
    std::int64_t waiting_ = 0;  // of our runs, as the tables have it
    std::optional<std::string> seen_;  // the snapshot of the last look, while somebody waits
    std::deque<Round> rounds_;
    std::deque<Search> searches_;
    std::optional<store::WaitKey> loading_;  // waits behind this one are yet to be searched for, after a start
    std::vector<machine::Instant> look_at_;  // a wait has begun, so sessions may not have known that somebody waits
    std::map<std::string, std::optional<FlowExpression>> expressions_;

    // What this transaction does.
    std::vector<store::EventWait> staged_;
    std::vector<std::int64_t> done_;  // tickets of items
    std::int64_t waiting_change_ = 0;
    std::optional<std::string> first_seen_;

    // Items in the engine's hands.
    std::map<std::int64_t, store::WaitKey> queued_;  // by ticket
    std::set<store::WaitKey> known_;
    std::int64_t last_ticket_ = 0;
};

namespace event_tasks {

bool carries_out(const asl::Resource& resource);
std::vector<pg::Objection> check_definition(const asl::Resource& resource, const DefinedTask& task);
// The types of events that a definition's Tasks wait for; "*" where an expression gives one. At most some hundred.
std::vector<std::string> awaited_types(std::string_view definition);

}  // namespace event_tasks

}  // namespace flowctl::pg
