// flowctl.approve(), deny() and withdraw_approval().
//
// A decision is a row that the person's own transaction writes. Sessions that decide the same approval at the same
// time wait for each other at its row, so each counts what the others have decided. The decision that is the last
// one needed answers the run in the same transaction: a run that goes on is decided, and a decision that rolls back
// has never been.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/approvals/approval_terms.hpp"
#include "core/asl/timestamp.hpp"
#include "core/json.hpp"
#include "core/schema/json_schema.hpp"
#include "pg/approvals/approval_events.hpp"
#include "pg/approvals/deciders.hpp"
#include "pg/callbacks/answers.hpp"
#include "pg/events/record.hpp"
#include "pg/rights/denials.hpp"
#include "pg/rights/flow_rights.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/arguments.hpp"
#include "pg/server/guc.hpp"
#include "pg/server/interruptible.hpp"
#include "pg/server/quoting.hpp"
#include "pg/server/timestamps.hpp"
#include "pg/shared/shmem.hpp"

namespace flowctl::pg::approvals {

namespace {

using approval::Counted;
using approval::is_valid;
using approval::parse_terms;
using approval::Stage;
using approval::tally;
using approval::Tally;
using approval::Terms;

constexpr std::size_t kMaxReasonBytes = 4'096;

struct Asked {
    Uuid approval{};
    bool approve = false;
    std::optional<std::string> reason, answer;
};

Uuid id_argument(FunctionCallInfo fcinfo) {
    if (PG_ARGISNULL(0))
        throw UserError(ERRCODE_NULL_VALUE_NOT_ALLOWED, "approval must not be null",
                        "The view flowctl.approvals has the approvals that you may decide.");
    return from_pg(PG_GETARG_UUID_P(0));
}

json::Value parsed(const std::string& text) {
    json::ParseLimits limits;
    limits.max_bytes = text.size() + 1;
    auto value = json::parse(text, limits);
    if (!value.ok())
        throw UserError(ERRCODE_DATA_CORRUPTED, "stored JSON of an approval cannot be read: " + value.error().message,
                        "");
    return std::move(value).value();
}

Terms terms_of(const store::StoredApproval& approval) {
    auto terms = parse_terms(parsed(approval.terms));
    if (!terms.ok()) throw UserError(ERRCODE_DATA_CORRUPTED, terms.error(), "");
    return std::move(terms).value();
}

// Whoever may not decide an approval does not learn whether it exists.
[[noreturn]] void refuse(const Uuid& id, const char* what, bool exists, const std::string& why) {
    const std::string object = to_string(id);
    denials::report(GetUserId(), what, object, why);
    throw UserError(ERRCODE_INSUFFICIENT_PRIVILEGE, std::string("permission denied to ") + what + " " + object,
                    "The view flowctl.approvals lists the approvals that you may decide.",
                    exists ? why
                           : "Either there is no such approval, or the current user is none of those who may decide "
                             "its current stage.");
}

// The parts of a person that two rules ask for.
void refuse_insiders(const Person& person, const store::StoredApproval& approval, const Terms& terms, const Uuid& id,
                     const char* what) {
    if (!terms.allow_starter && is_starter(person, approval))
        refuse(id, what, true, "Who has started a run does not decide in it: the approval lacks AllowStarter.");
    if (!terms.allow_author && is_author(person, approval))
        refuse(id, what, true, "The author of a flow's version does not decide in its runs: the approval lacks AllowAuthor.");
}

[[noreturn]] void is_over(const Uuid& id, const store::StoredApproval& approval) {
    const std::string how = approval.status != "WAITING" ? "it is " + approval.status
                                                         : "the run does not wait for it any more";
    throw UserError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "approval " + to_string(id) + " is over: " + how,
                    "Nothing is left to decide. The view flowctl.approvals shows what was decided.");
}

std::string checked_answer(const Terms& terms, std::string text) {
    const auto most = static_cast<std::size_t>(guc::max_payload_bytes);
    json::ParseLimits limits;
    limits.max_bytes = 2 * most;  // jsonb prints a blank after colons and commas
    const auto answer = json::parse(text, limits);
    if (!answer.ok() || json::dump(*answer).size() > most)
        throw UserError(ERRCODE_PROGRAM_LIMIT_EXCEEDED,
                        "the answer cannot be kept, or has more than " + std::to_string(most) + " bytes",
                        "Shorten it, or raise flowctl.max_payload_bytes.");
    if (terms.schema) {
        const auto schema = schema::Schema::compile(*terms.schema);
        if (!schema.ok()) throw UserError(ERRCODE_DATA_CORRUPTED, schema.error().message, "");
        std::optional<schema::Problem> problem;
        try {
            problem = interruptible([&] {
                Budget budget(schema::Schema::kLimits);
                return schema->check(*answer, budget);
            });
        } catch (const BudgetExceeded& exceeded) {
            throw UserError(ERRCODE_PROGRAM_LIMIT_EXCEEDED,
                            std::string("the answer cannot be checked: ") + exceeded.what(), "Pass a smaller answer.");
        }
        if (problem)
            throw UserError(ERRCODE_INVALID_PARAMETER_VALUE,
                            "the answer does not fit the approval's Schema: " +
                                (problem->pointer.empty() ? "it" : shortened_name(problem->pointer)) + " " +
                                problem->message,
                            "The view flowctl.approvals has the Schema, in terms.");
    }
    return json::dump(*answer);
}

void check_content(const Asked& asked, const Terms& terms) {
    if (terms.reason_required && (!asked.reason || asked.reason->find_first_not_of(" \t\n") == std::string::npos))
        throw UserError(ERRCODE_NULL_VALUE_NOT_ALLOWED, "this approval asks for a reason",
                        std::string("Say why: flowctl.") + (asked.approve ? "approve" : "deny") +
                            "('" + to_string(asked.approval) + "', 'the reason').");
    if (asked.approve && terms.schema && !asked.answer)
        throw UserError(ERRCODE_NULL_VALUE_NOT_ALLOWED, "this approval asks for an answer",
                        "Pass it as the third argument; the view flowctl.approvals has its Schema, in terms.");
}

json::Value text_or_null(const std::optional<std::string>& text) {
    return text ? json::Value::string(*text) : json::Value();
}

// The result of the Task: {Decision, Decisions: [{By, Subject, At, Decision, Reason, Answer}]}.
json::Value result_of(const Terms& terms, const std::vector<store::StoredDecision>& decisions, bool approved,
                      std::int64_t now) {
    std::vector<json::Value> list;
    for (const store::StoredDecision& one : decisions) {
        if (!is_valid(terms, one.at, now)) continue;
        json::ObjectBuilder item;
        item.add("By", json::Value::string(one.role));
        item.add("Subject", text_or_null(one.subject));
        item.add("At", json::Value::string(asl::format_instant(one.at)));
        item.add("Decision", json::Value::string(one.approved ? "approved" : "denied"));
        item.add("Reason", text_or_null(one.reason));
        item.add("Answer", one.answer ? parsed(*one.answer) : json::Value());
        if (one.on_behalf_of) item.add("OnBehalfOf", json::Value::string(*one.on_behalf_of));
        list.push_back(item.build());
    }
    json::ObjectBuilder result;
    result.add("Decision", json::Value::string(approved ? "approved" : "denied"));
    result.add("Decisions", json::Value::array(std::move(list)));
    return result.build();
}

std::vector<Counted> counted(const std::vector<store::StoredDecision>& decisions) {
    std::vector<Counted> list;
    for (const store::StoredDecision& one : decisions)
        list.push_back({static_cast<std::size_t>(one.stage), one.approved, one.at});
    return list;
}

void answer(const Uuid& id, const answers::Given& given, const char* status, Spi& spi,
            const store::StoredApproval& approval) {
    if (!answers::give_to(spi, id, given, role_name(GetUserId()))) is_over(id, approval);
    store::end_approval(spi, id, status);
}

// Finds the approval, and locks it once the right to decide it is known.
struct Opened {
    store::StoredApproval approval;
    Terms terms;
    std::vector<store::StoredDecision> decisions;
    std::int32_t stage = 0;
    Right right;
};
Opened open(Spi& spi, const Asked& asked, const Person& person, const char* what, std::int64_t& now) {
    for (const bool lock : {false, true}) {
        auto approval = store::find_approval(spi, asked.approval, lock);
        if (!approval) refuse(asked.approval, what, false, "There is no such approval.");
        now = unix_micros_now();
        Opened opened{*std::move(approval), {}, {}, 0, {}};
        opened.terms = terms_of(opened.approval);
        opened.decisions = store::find_decisions_on(spi, asked.approval);
        const Tally tally = approval::tally(opened.terms, counted(opened.decisions), now);
        opened.stage = static_cast<std::int32_t>(std::min(tally.stage, opened.terms.stages.size() - 1));
        const bool is_escalated =
            opened.stage == opened.approval.stage && opened.approval.escalates_at && *opened.approval.escalates_at <= now;
        auto right = right_to_decide(spi, person, asked.approval, opened.stage, is_escalated);
        if (!right) refuse(asked.approval, what, false, "The user is none of those who may decide the current stage.");
        opened.right = *std::move(right);
        refuse_insiders(person, opened.approval, opened.terms, asked.approval, what);
        if (opened.approval.status != "WAITING" || !opened.approval.waits) is_over(asked.approval, opened.approval);
        for (const store::StoredDecision& one : opened.decisions)
            if (is_valid(opened.terms, one.at, now) && is_same_person(person, one))
                throw UserError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                                "you have decided approval " + to_string(asked.approval) + " already",
                                "A person decides once. The view flowctl.approvals shows the decisions.");
        if (lock) return opened;
    }
    pg_unreachable();
}

// The run that was decided, and the owner of its flow.
struct Decided {
    Uuid run{};
    Oid flow_owner = InvalidOid;
};

Decided decide(Asked asked) {
    const char* const what = asked.approve ? "approve" : "deny";
    const Person person = current_person();
    const AsExtensionOwner owner;
    Spi spi;
    std::int64_t now = 0;
    Opened opened = open(spi, asked, person, what, now);
    check_content(asked, opened.terms);
    if (asked.answer) asked.answer = checked_answer(opened.terms, *std::move(asked.answer));

    store::StoredDecision decision;
    decision.stage = opened.stage;
    decision.at = now;
    decision.approved = asked.approve;
    decision.role = role_name(person.role);
    decision.session_role = person.session;
    decision.issuer = person.issuer;
    decision.subject = person.subject;
    decision.on_behalf_of = opened.right.on_behalf_of;
    decision.reason = asked.reason;
    decision.answer = asked.answer;
    store::insert_decision(spi, asked.approval, static_cast<std::int32_t>(opened.decisions.size()), decision);
    opened.decisions.push_back(std::move(decision));

    const Tally after = tally(opened.terms, counted(opened.decisions), now);
    if (after.denied) {
        answer(asked.approval,
               {.output = std::nullopt,
                .error = "Flowctl.Denied",
                .cause = json::dump(result_of(opened.terms, opened.decisions, false, now))},
               "DENIED", spi, opened.approval);
    } else if (after.stage == opened.terms.stages.size()) {
        answer(asked.approval,
               {.output = json::dump(result_of(opened.terms, opened.decisions, true, now)),
                .error = std::nullopt,
                .cause = std::nullopt},
               "APPROVED", spi, opened.approval);
    } else if (static_cast<std::int32_t>(after.stage) != opened.approval.stage) {
        const Stage& stage = opened.terms.stages[after.stage];
        std::optional<std::int64_t> escalates_at;
        if (stage.escalate_after) escalates_at = now + *stage.escalate_after * 1'000'000;
        store::begin_stage(spi, asked.approval, static_cast<std::int32_t>(after.stage), escalates_at, stage.remind_every);
    }
    return {opened.approval.run_id, opened.approval.flow_owner};
}

// The event has its emitter from the current user, so it is recorded as the person who has decided.
void decide_and_tell(Asked asked) {
    const Uuid id = asked.approval;
    const Decided decided = decide(std::move(asked));
    if (!events::is_wanted("approval.decided")) return;
    std::string data;
    {
        const AsExtensionOwner owner;
        Spi spi;
        data = store::describe_approval(spi, id);
    }
    record_event("approval.decided", id, std::move(data), decided.run, decided.flow_owner);
}

Asked arguments(FunctionCallInfo fcinfo, bool approve) {
    shmem::require(approve ? "flowctl.approve()" : "flowctl.deny()");
    require_writable("decide an approval");
    Asked asked;
    asked.approval = id_argument(fcinfo);
    asked.approve = approve;
    asked.reason = bounded_argument(fcinfo, 1, "reason", kMaxReasonBytes, "Shorten it.");
    if (approve) asked.answer = jsonb_argument_text(fcinfo, 2);
    return asked;
}

}  // namespace

FLOWCTL_FUNCTION(flowctl_approve) {
    decide_and_tell(arguments(fcinfo, true));
    return Datum(0);
}

FLOWCTL_FUNCTION(flowctl_deny) {
    decide_and_tell(arguments(fcinfo, false));
    return Datum(0);
}

FLOWCTL_FUNCTION(flowctl_withdraw_approval) {
    shmem::require("flowctl.withdraw_approval()");
    require_writable("withdraw an approval");
    const Uuid id = id_argument(fcinfo);
    const auto reason = bounded_argument(fcinfo, 1, "reason", kMaxReasonBytes, "Shorten it.");
    const Oid user = GetUserId();
    const AsExtensionOwner owner;
    Spi spi;
    for (const bool lock : {false, true}) {
        const auto approval = store::find_approval(spi, id, lock);
        if (!approval || !(acts_for(user, approval->flow_owner) || guarded([&] { return superuser_arg(user); })))
            refuse(id, "withdraw", false, "The user does not act for the owner of the run's flow.");
        if (approval->status != "WAITING" || !approval->waits) is_over(id, *approval);
        if (lock)
            answer(id, {.output = std::nullopt, .error = "Flowctl.Withdrawn", .cause = reason.value_or("")},
                   "WITHDRAWN", spi, *approval);
    }
    return Datum(0);
}

}  // namespace flowctl::pg::approvals
