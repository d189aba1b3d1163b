// Denied attempts, recorded although the transaction that made them rolls back.
//
// A session cannot write what survives its own error, so it tells the worker of its database (mailbox), which
// writes the row in a transaction of its own: flowctl_catalog.denial. What the worker itself denies, a call
// that a policy forbids, is written in the turn that fails the step. Of a role's denials in a minute only
// some are rows, and the others a count.
#pragma once

#include <string>
#include <vector>

#include "pg/server/spi.hpp"
#include "pg/shared/mailbox.hpp"

namespace flowctl::pg::denials {

// By a session that is about to raise an error. `object`: the flow or endpoint; may be empty.
void report(Oid role, const char* action, const std::string& object, const std::string& reason) noexcept;

// By the worker, within a transaction.
struct DeniedCall {
    Uuid run_id{};
    Oid role = InvalidOid;
    std::string endpoint;
    std::optional<std::string> subject;
    std::string reason;
};
void record(Spi& spi, const DeniedCall& call);
struct DeniedStart {
    Uuid run_id{};  // the run that wanted to start the flow
    Oid role = InvalidOid;
    std::string flow;
    std::string reason;
};
void record(Spi& spi, const DeniedStart& start);
void record(Spi& spi, const std::vector<mailbox::Message>& denials, const std::vector<mailbox::Lost>& lost);

}  // namespace flowctl::pg::denials
