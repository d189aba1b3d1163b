// Events in the worker's turn: events about runs, and what commands have left to the worker.
//
// A run that ends is an event if somebody asks for it; it is recorded in the turn that ends the run. The rules of
// these events, those that did not fit into a command's time, and rules that need more than one event are rows of
// event_pending. The worker that owns a rule's bucket takes them in slices of its own, in the order of the events: so a
// rule's counters have one writer, and what the rule starts is written in the transaction that deletes the row.
//
// A rule whose flow is gone, or whose owner may not start it any more, is disabled here.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "pg/events/event_rows.hpp"
#include "pg/events/event_windows.hpp"
#include "pg/events/subscriptions.hpp"
#include "pg/events/watched_rows.hpp"
#include "pg/shared/shmem.hpp"
#include "pg/turn/host.hpp"
#include "pg/turn/part.hpp"

namespace flowctl::pg {

class EventPart final : public Part {
  public:
    EventPart(const shmem::Claim& claim, Host& host) : shard_(claim.shard), shards_(claim.shards), host_(host) {}

    void load(Spi&) override { pending_ = true; }
    bool look(Spi& spi) override;
    bool work() override;
    std::optional<machine::Instant> next_at() const override;
    void begin() override { recorded_ = false; }
    void write(Spi& spi, const Changes& changes) override;
    void committed(const Changes& changes) override;

  private:
    void find_times(Spi& spi);
    void watch(Spi& spi);
    bool slice();
    void take(const store::PendingEvent& pending);
    void remember(const events::Rule& rule, const store::EventRow& event, bool cancels);
    void fire(const store::WindowRow& window);
    void tell_of_expectations();

    int shard_, shards_;
    Host& host_;
    bool pending_ = false;  // there may be rows of event_pending
    std::optional<std::int64_t> due_at_;
    bool recorded_ = false;  // in this transaction
    std::optional<events::WatchedUntil> denials_, leases_;  // while somebody asks for such events
    machine::Instant watch_at_ = 0;
};

}  // namespace flowctl::pg
