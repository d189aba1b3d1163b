// The store of approvals: rows of flowctl_catalog.approval and of those who may decide, and decisions.
//
// The key of an approval is that of its wait (store::wait_id_of), so a worker that begins the same attempt again
// finds the same approval. Every function runs inside the caller's transaction and raises PgError.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pg/server/spi.hpp"

namespace flowctl::pg::store {

// Who may decide in a stage: a role, or a group as it is written.
struct ApproverRow {
    std::int32_t stage = 0;
    bool after_escalation = false;
    std::string name;
    Oid role = InvalidOid;  // InvalidOid: a group
};

struct NewApproval {
    Uuid approval_id{};
    Uuid run_id{};
    std::string path, state;
    std::int32_t visit = 0, attempt = 0;
    std::string title;
    std::optional<std::string> message;
    std::string terms;       // JSON
    std::string input_hash;  // hexadecimal SHA-256
    std::optional<std::int64_t> due_at, escalates_at, remind_every;
    std::vector<ApproverRow> approvers;
};
// Leaves an approval as it is that is there already.
void insert_approval(Spi& spi, const NewApproval& approval);

struct StoredDecision {
    std::int32_t stage = 0;
    std::int64_t at = 0;
    bool approved = false;
    std::string role;
    Oid session_role = InvalidOid;
    std::optional<std::string> issuer, subject, on_behalf_of, reason, answer;
};

struct StoredApproval {
    Uuid run_id{};
    std::string terms, input_hash, status, state;
    std::int32_t stage = 0;
    std::optional<std::int64_t> escalates_at;
    std::optional<std::int64_t> due_at;
    bool waits = false;  // its Task waits for the answer
    // Of the run.
    Oid flow_owner = InvalidOid;
    Oid starter = InvalidOid;
    std::string starter_session;  // the name of the session's role
    std::optional<std::string> starter_issuer, starter_subject;
    std::string author;  // of the flow's version
    std::int32_t version = 0;
};
// `lock`: until the end of the transaction.
std::optional<StoredApproval> find_approval(Spi& spi, const Uuid& id, bool lock);
std::vector<ApproverRow> find_approvers(Spi& spi, const Uuid& id, std::int32_t stage);
std::vector<StoredDecision> find_decisions_on(Spi& spi, const Uuid& id);
// Roles that have handed their decisions over to roles, and until now: from and to.
std::vector<std::pair<Oid, Oid>> find_delegations(Spi& spi);

void insert_decision(Spi& spi, const Uuid& id, std::int32_t number, const StoredDecision& decision);
// A stage begins.
void begin_stage(Spi& spi, const Uuid& id, std::int32_t stage, std::optional<std::int64_t> escalates_at,
                 std::optional<std::int64_t> remind_every);
// Approvals that wait and whose reminder is due, which is due again after RemindEvery. What a session has locked is
// left out.
struct DueReminder {
    Uuid approval_id{};
    Uuid run_id{};
    Oid flow_owner = InvalidOid;
};
std::vector<DueReminder> take_due_reminders(Spi& spi, std::size_t limit);
// What an event says of an approval: a JSON object.
std::string describe_approval(Spi& spi, const Uuid& id);

void end_approval(Spi& spi, const Uuid& id, const char* status);

}  // namespace flowctl::pg::store
