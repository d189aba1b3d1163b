// Stops: requests of sessions to stop a run (flowctl.stop_run), which stand in a table until they are done.
#pragma once

#include <cstdint>
#include <vector>

#include "pg/shared/shmem.hpp"
#include "pg/turn/host.hpp"
#include "pg/turn/part.hpp"

namespace flowctl::pg {

class Stops final : public Part {
  public:
    Stops(const shmem::Claim& claim, Host& host) : shard_(claim.shard), shards_(claim.shards), host_(host) {}

    bool look(Spi& spi) override;
    void begin() override { done_.clear(); }
    void apply(const Item& item) override { done_.push_back(item.ticket); }
    void failed(const Item& item) override { done_.push_back(item.ticket); }
    void write(Spi& spi, const Changes& changes) override;

  private:
    int shard_, shards_;
    Host& host_;
    std::vector<std::int64_t> done_;  // requests, by their number, that this transaction carries out
};

}  // namespace flowctl::pg
