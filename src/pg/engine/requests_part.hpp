// RequestsPart: what sessions ask of runs (store/controls), as a part of the worker's turn.
//
// A request stands in a table until a turn carries it out. The turn that does deletes the row and records what
// became of it: that the run took it, or why not. So after a crash at any point the request either stands
// there as before, or is carried out and recorded. A request of one role never waits for those of another.
//
// A kind of request is an event for its run, and has a row in kKinds.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "pg/shared/shmem.hpp"
#include "pg/store/controls.hpp"
#include "pg/turn/host.hpp"
#include "pg/turn/part.hpp"

namespace flowctl::pg {

class RequestsPart final : public Part {
  public:
    RequestsPart(const shmem::Claim& claim, Host& host)
        : shard_(claim.shard), shards_(claim.shards), host_(host) {}

    void collect() override;
    bool look(Spi& spi) override;
    void begin() override { closed_.clear(), closed_tickets_.clear(), later_.clear(); }
    void told(const Item& item, Told told, const std::string& why_not) override;
    void failed(const Item& item) override;
    void write(Spi& spi, const Changes& changes) override;
    void committed(const Changes& changes) override;
    std::optional<machine::Instant> next_at() const override;

  private:
    using Key = std::tuple<Uuid, std::string, Oid>;  // run, kind, role
    void close(const Item& item, std::optional<std::string> outcome);
    void forget(std::int64_t ticket);

    int shard_, shards_;
    Host& host_;
    // The requests that wait for their turn, by the ticket of their item.
    std::map<std::int64_t, Key> queued_;
    std::set<Key> known_;
    std::int64_t last_ticket_ = 0;
    // Those that could not be carried out because somebody else was changing the run, and when they are tried
    // again.
    std::vector<Item> deferred_;
    machine::Instant deferred_until_ = 0;
    // What this transaction does.
    std::vector<store::Outcome> closed_;
    std::vector<std::int64_t> closed_tickets_;
    std::vector<Item> later_;
};

}  // namespace flowctl::pg
