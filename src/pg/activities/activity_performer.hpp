// Tasks that workers of activities do.
//
// To begin such a task is to write its row: it waits there for a worker, and the run leaves memory. A session
// takes it (poll.cpp) and answers by its token, like any other task that waits for an answer.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pg/activities/activity_rights.hpp"
#include "pg/callbacks/waits.hpp"
#include "pg/tasks/definition.hpp"
#include "pg/tasks/performer.hpp"

namespace flowctl::pg {

class ActivityPerformer final : public Performer {
  public:
    explicit ActivityPerformer(Waits& waits) : waits_(waits) {}

    Lanes lanes_of(const RunFacts&, const machine::Call&) const override { return {}; }
    std::optional<Refusal> prepare(Spi& spi, const RunFacts& run, const machine::Call& call,
                                   const Attempt& attempt) override;
    void withdraw(const Uuid&, std::int64_t) override {}
    bool keeps_run(const machine::Call&) const override { return false; }

    void begin() override;
    void committed(const Changes& changes) override;

  private:
    Waits& waits_;
    std::map<std::pair<std::string, Oid>, std::optional<Refusal>> looked_up_;  // in this transaction
    std::vector<std::string> begun_;                                           // activities with new tasks
};

namespace activities {

bool carries_out(const asl::Resource& resource);
std::vector<pg::Objection> check_definition(const asl::Resource& resource, const DefinedTask& task);

}  // namespace activities

}  // namespace flowctl::pg
