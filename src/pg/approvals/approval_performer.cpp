// Approvals in the worker's turn. See approval_performer.hpp.
#include "pg/approvals/approval_performer.hpp"

#include <utility>

#include "core/approvals/approval_terms.hpp"
#include "core/json.hpp"
#include "net/crypto/crypto.hpp"
#include "net/crypto/encoding.hpp"
#include "pg/approvals/approval_events.hpp"
#include "pg/approvals/approval_rows.hpp"
#include "pg/callbacks/token_keys.hpp"
#include "pg/events/record.hpp"
#include "pg/server/quoting.hpp"
#include "pg/store/by_key.hpp"

namespace flowctl::pg {

namespace {

constexpr const char* kInvalid = "Flowctl.InvalidApproval";
constexpr std::size_t kRemindersAtOnce = 100;

// InvalidOid: there is no such role.
Oid role_named(const std::string& name) {
    return guarded([&] { return get_role_oid(name.c_str(), true); });
}

std::string no_such_role(const std::string& name) {
    return "Field 'Approvers' of the approval names role " + in_quotes(shortened_name(name)) +
           ", which does not exist.";
}

// The problem is a sentence.
std::variant<std::vector<store::ApproverRow>, std::string> approvers_of(const approval::Terms& terms) {
    std::vector<store::ApproverRow> rows;
    for (std::size_t number = 0; number < terms.stages.size(); number++) {
        const approval::Stage& stage = terms.stages[number];
        for (const bool escalated : {false, true})
            for (const approval::Approver& one : escalated ? stage.escalate_to : stage.approvers) {
                store::ApproverRow row{static_cast<std::int32_t>(number), escalated, one.text(), InvalidOid};
                if (!one.role.empty()) {
                    row.role = role_named(one.role);
                    if (!OidIsValid(row.role)) return no_such_role(one.role);
                }
                rows.push_back(std::move(row));
            }
    }
    return rows;
}

std::optional<std::int64_t> after(std::int64_t now, const std::optional<std::int64_t>& seconds) {
    if (!seconds) return std::nullopt;
    return now + *seconds * 1'000'000;
}

}  // namespace

std::optional<Performer::Refusal> ApprovalPerformer::prepare(Spi& spi, const RunFacts& run,
                                                             const machine::Call& call, const Attempt& attempt) {
    const auto terms = approval::parse_terms(call.input);
    if (!terms.ok()) return Refusal{kInvalid, terms.error()};
    auto approvers = approvers_of(*terms);
    if (const auto* problem = std::get_if<std::string>(&approvers)) return Refusal{kInvalid, *problem};

    store::NewApproval approval;
    approval.approval_id = store::wait_id_of(run.id, place_from_text(call.place));
    approval.run_id = run.id;
    approval.path = call.path;
    approval.state = call.state;
    approval.visit = call.visit;
    approval.attempt = call.attempt;
    approval.title = terms->title;
    approval.message = terms->message;
    approval.terms = json::dump(call.input);
    approval.input_hash = net::hex_encode(net::sha256(approval.terms));
    approval.due_at = call.deadline;
    approval.escalates_at = after(attempt.now, terms->stages[0].escalate_after);
    approval.remind_every = terms->stages[0].remind_every;
    approval.approvers = std::get<0>(std::move(approvers));
    store::insert_approval(spi, approval);
    if (!attempt.again && events::is_wanted("approval.requested"))
        requested_.push_back({approval.approval_id, run.id, run.flow_owner});
    waits_.stage({.run = run.id,
                  .flow_owner = run.flow_owner,
                  .call = call,
                  .kind = "approval",
                  .again = attempt.again});
    attempt.events.push_back(
        machine::TaskContinues{call.id, std::nullopt, json::Value(), json::Value::object({})});
    return std::nullopt;
}

void ApprovalPerformer::write(Spi& spi, const Changes&) {
    for (const Requested& one : requested_)
        approvals::record_event("approval.requested", one.approval, store::describe_approval(spi, one.approval), one.run,
                                one.flow_owner);
}

bool ApprovalPerformer::look(Spi& spi) {
    if (!reminds_ || !store::has_rows("approval")) return false;
    const std::vector<store::DueReminder> due = store::take_due_reminders(spi, kRemindersAtOnce);
    if (!due.empty() && events::is_wanted("approval.waiting"))
        for (const store::DueReminder& one : due)
            approvals::record_event("approval.waiting", one.approval_id, store::describe_approval(spi, one.approval_id),
                                    one.run_id, one.flow_owner);
    return due.size() == kRemindersAtOnce;
}

namespace approvals {

bool carries_out(const asl::Resource& resource) {
    return resource.kind == asl::Resource::Kind::Approval;
}

std::vector<pg::Objection> check_definition(const asl::Resource&, const DefinedTask& task) {
    // What a path or an expression will give is not known yet.
    if (task.is_open || !task.open_members.empty()) return {};
    const auto terms = approval::parse_terms(task.input);
    if (!terms.ok()) return {{kNotUsable, terms.error()}};
    const auto approvers = approvers_of(*terms);
    if (const auto* problem = std::get_if<std::string>(&approvers)) return {{kNotFound, *problem}};
    return {};
}

}  // namespace approvals

}  // namespace flowctl::pg
