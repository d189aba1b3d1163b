// Tasks that people decide: Resource flowctl:approval.
//
// To begin such a task is to write its approval and its wait; then the run leaves memory. A decision is made in a
// session (decide_sql.cpp). The decision that is the last one needed answers the wait in the same transaction, and
// the run goes on like any other that waits for an answer from outside.
#pragma once

#include <vector>

#include "pg/callbacks/waits.hpp"
#include "pg/tasks/definition.hpp"
#include "pg/tasks/performer.hpp"

namespace flowctl::pg {

class ApprovalPerformer final : public Performer {
  public:
    explicit ApprovalPerformer(Waits& waits) : waits_(waits) {}

    Lanes lanes_of(const RunFacts&, const machine::Call&) const override { return {}; }
    std::optional<Refusal> prepare(Spi& spi, const RunFacts& run, const machine::Call& call,
                                   const Attempt& attempt) override;
    void withdraw(const Uuid&, std::int64_t) override {}
    bool keeps_run(const machine::Call&) const override { return false; }

  private:
    Waits& waits_;
};

namespace approvals {

bool carries_out(const asl::Resource& resource);
std::vector<pg::Objection> check_definition(const asl::Resource& resource, const DefinedTask& task);

}  // namespace approvals

}  // namespace flowctl::pg
