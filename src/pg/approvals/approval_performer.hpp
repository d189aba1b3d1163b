// Tasks that people decide: Resource flowctl:approval.
//
// To begin such a task is to write its approval and its wait; then the run leaves memory. A decision is made in a
// session (decide_sql.cpp). The decision that is the last one needed answers the wait in the same transaction, and
// the run goes on like any other that waits for an answer from outside.
//
// What people have to know is an event: approval.requested when it begins, and approval.waiting as often as
// RemindEvery says. The worker of shard 0 looks for reminders that are due, at each of its sweeps.
#pragma once

#include <cstdint>
#include <vector>

#include "pg/callbacks/waits.hpp"
#include "pg/shared/shmem.hpp"
#include "pg/tasks/definition.hpp"
#include "pg/tasks/performer.hpp"

namespace flowctl::pg {

class ApprovalPerformer final : public Performer {
  public:
    ApprovalPerformer(const shmem::Claim& claim, Waits& waits) : reminds_(claim.shard == 0), waits_(waits) {}

    Lanes lanes_of(const RunFacts&, const machine::Call&) const override { return {}; }
    std::optional<Refusal> prepare(Spi& spi, const RunFacts& run, const machine::Call& call,
                                   const Attempt& attempt) override;
    void withdraw(const Uuid&, std::int64_t) override {}
    bool keeps_run(const machine::Call&) const override { return false; }

    bool look(Spi& spi) override;
    void begin() override { requested_.clear(); }
    void write(Spi& spi, const Changes& changes) override;

  private:
    struct Requested {
        Uuid approval{};
        Uuid run{};
        Oid flow_owner = InvalidOid;
    };
    bool reminds_;
    Waits& waits_;
    std::vector<Requested> requested_;  // in this transaction, where somebody asks for such events
};

namespace approvals {

bool carries_out(const asl::Resource& resource);
std::vector<pg::Objection> check_definition(const asl::Resource& resource, const DefinedTask& task);

}  // namespace approvals

}  // namespace flowctl::pg
