// MapPart: map runs as a part of the worker's turn.
//
// The row of a map run is written with the step of its parent that begins it; its counts change with the
// children that end; its end and what the parent makes of it are one transaction. Memory follows after the
// commit. What a map run does in between is in slices.hpp.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pg/map_runs/slices.hpp"
#include "pg/shared/shmem.hpp"
#include "pg/turn/part.hpp"

namespace flowctl::pg {

class MapPart final : public Part {
  public:
    MapPart(const shmem::Claim& claim, State& state, const Leases& leases)
        : claim_(claim),
          state_(state),
          phases_(state),
          exchange_(state, leases, phases_, *this),
          slices_(maps_, state, phases_, exchange_, *this) {}

    void answered(net::Response&& response) override;
    void give(std::vector<FreshRun>& runs) override;
    bool work() override { return slices_.work(); }
    std::optional<machine::Instant> next_at() const override;

    void load(Spi& spi) override;

    void begin() override { staged_ = {}; }
    void apply(const Item& item) override;
    bool effect(const EffectOf& run, machine::Effect& effect, std::vector<machine::Event>& events,
                Changes& changes) override;
    void failed(const Item& item) override;
    void write(Spi& spi, const Changes& changes) override;
    void committed(const Changes& changes) override;

    std::shared_ptr<const CompiledVersion> version_of_child(const ChildOf& child) const override;
    void place_child(const ChildOf& child, const std::string& name,
                     machine::RunContext& context) const override;
    std::optional<ChildOf> find_child(const Uuid& run) const override { return maps_.child(run); }

  private:
    struct Started {
        store::MapRunRow row;
        std::shared_ptr<const CompiledVersion> whole;
    };
    // What the transaction of this turn does to map runs.
    struct Staged {
        std::vector<Started> started, redriven;
        template <class Test>
        bool begins(const Test& test) const {
            return std::any_of(started.begin(), started.end(), test) ||
                   std::any_of(redriven.begin(), redriven.end(), test);
        }
        std::vector<std::pair<Uuid, std::int64_t>> cancelled;  // parent and call id
        std::vector<std::pair<Uuid, machine::Status>> over;    // map run and status
    };
    std::size_t room() const;
    void start(const EffectOf& run, machine::StartMapRun&& start, Changes& changes);
    void redrive(const EffectOf& run, std::int64_t call_id, std::vector<machine::Event>& events);
    bool is_there(const Uuid& parent, std::int64_t call_id);
    void end(const Item& item, machine::Status status);
    void write_counts(Spi& spi, const Changes& changes);

    shmem::Claim claim_;
    State& state_;
    MapRuns maps_;
    Phases phases_;
    Exchange exchange_;
    Slices slices_;
    Staged staged_;
};

}  // namespace flowctl::pg
