// Implementation of rules.hpp.
#include "pg/events/rules.hpp"

#include <algorithm>
#include <utility>

#include "pg/events/depth.hpp"
#include "pg/rights/flow_rights.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/current_step.hpp"
#include "pg/server/guc.hpp"
#include "pg/server/interruptible.hpp"
#include "pg/server/quoting.hpp"
#include "pg/shared/wake.hpp"
#include "pg/starts/open_run_quota.hpp"
#include "pg/starts/start.hpp"

namespace flowctl::pg::events {

namespace {

// What the filters and inputs of one command may use together, some 20 ms.
constexpr Budget::Limits kOfCommand{100'000, 8 * 1024 * 1024, 200};

bool is_used_up(const Budget& budget, const Budget::Limits& limits) {
    return budget.steps_used() > limits.steps || budget.bytes_used() > limits.bytes;
}

// Failures of one command that are recorded; a broken rule has no more to say in the next million.
constexpr int kMostFailures = 1'000;

// What the command has used that is executed now.
struct Used {
    TimestampTz statement = 0;
    LocalTransactionId transaction = InvalidLocalTransactionId;
    Budget budget{kOfCommand};
    int failures = 0;
};

Used& used_by_command() {
    static Used used;
    const TimestampTz now = GetCurrentStatementStartTimestamp();
    if (now != used.statement || local_transaction() != used.transaction) used = {now, local_transaction()};
    return used;
}

bool may_record_failure() {
    return used_by_command().failures++ < kMostFailures;
}

// As Choice has it: only true is true.
bool is_true(const std::optional<json::Value>& value) {
    return value && value->is_bool() && value->as_bool();
}

Result<std::optional<json::Value>, std::string> evaluate_one(const FlowExpression& expression,
                                                            const json::Value& event, Budget& budget) {
    return interruptible([&] {
        Budget copy = budget;  // what is interrupted is done again
        auto result = expression.evaluate(event, copy);
        budget = copy;
        return result;
    });
}

// One rule and one event, in the session. True: the worker has to look at it.
bool apply_rule(const Rule& rule, const store::EventRow& event, const json::Value& value) {
    if (rule.remembers()) return true;
    Budget& budget = used_by_command().budget;
    if (is_used_up(budget, kOfCommand)) return true;
    Verdict verdict = evaluate(rule, value, budget, kOfCommand);
    if (verdict.kind == Verdict::Kind::TooLong) return true;
    if (verdict.kind == Verdict::Kind::Ignores) return false;
    if (verdict.kind == Verdict::Kind::Fires && event.depth >= kMostDepth) {
        verdict.kind = Verdict::Kind::Fails;
        verdict.reason = too_deep(event);
    }
    try {
        if (verdict.kind == Verdict::Kind::Fails)
            throw UserError(ERRCODE_INVALID_PARAMETER_VALUE, verdict.reason,
                            "The view flowctl.event_rules shows the rule.");
        start_by_rule(rule, event, verdict.input, false);
    } catch (const UserError& error) {
        // Nobody makes the commands of others fail by a rule of his own, or the work of a background process.
        if (rule.raises && (!IsBackgroundWorker || current_step != nullptr) && acts_for(rule.owner, event.emitter))
            throw UserError(error.sqlstate, "event rule " + in_quotes(rule.name) + ": " + error.message, error.hint,
                            error.detail);
        if (ends_rule(error)) return true;  // a session that rolls back could not disable it
        if (may_record_failure()) record_failure(rule, event, error.message);
    }
    return false;
}

}  // namespace

bool is_meant_for(const Rule& rule, const store::EventRow& event) {
    if (rule.emitters && std::none_of(rule.emitters->begin(), rule.emitters->end(),
                                      [&](Oid role) { return acts_for(event.emitter, role); }))
        return false;
    return !OidIsValid(event.reader) || acts_for(rule.owner, event.reader) || sees_all(rule.owner);
}

Verdict evaluate(const Rule& rule, const json::Value& event, Budget& budget, const Budget::Limits& limits) {
    using Kind = Verdict::Kind;
    const auto failed = [&](const char* what, const std::string& why) {
        if (is_used_up(budget, limits)) return Verdict{Kind::TooLong, std::string(what) + ": " + why, {}};
        return Verdict{Kind::Fails, std::string(what) + ": " + why, {}};
    };
    if (const std::string* problem = rule.filter.problem()) return failed("filter", *problem);
    if (const FlowExpression* filter = rule.filter.get()) {
        const auto result = evaluate_one(*filter, event, budget);
        if (!result) return failed("filter", result.error());
        if (!is_true(*result)) return {};
    }
    if (const std::string* problem = rule.input.problem()) return failed("input", *problem);
    Verdict verdict{Kind::Fires, {}, event};
    if (const FlowExpression* input = rule.input.get()) {
        auto result = evaluate_one(*input, event, budget);
        if (!result) return failed("input", result.error());
        if (!*result) return failed("input", "the expression has no value for this event");
        verdict.input = std::move(**result);
    }
    return verdict;
}

Result<std::string, std::string> key_of(const Rule& rule, const json::Value& event, Budget& budget) {
    if (const std::string* problem = rule.key.problem()) return Err("key: " + *problem);
    const FlowExpression* key = rule.key.get();
    if (key == nullptr) return std::string();
    const auto result = evaluate_one(*key, event, budget);
    if (!result) return Err("key: " + result.error());
    if (!*result) return std::string();
    auto text = scalar_text(**result);
    if (!text || text->size() > 1'000) return Err(std::string("key: it is no text, number or truth of up to 1,000 bytes"));
    return std::move(*text);
}

void start_by_rule(const Rule& rule, const store::EventRow& event, const json::Value& input, bool in_worker) {
    StartRequest request;
    request.flow = rule.flow;
    request.input = json::dump(input);
    request.input_value = input;
    request.event = json::dump(json::with_member(store::cloud_event(event, false), "rule", json::Value::string(rule.name)));
    request.starter = rule.owner;
    request.must_may_start = rule.owner;
    request.only_looks = true;
    request.rule = rule.name.c_str();
    if (!in_worker) {
        start_run(request);
        return;
    }
    store::NewRun run = make_run(request);
    store::StartSession session;
    session.starter = rule.owner;
    session.user = event.session_user;
    session.system_user = event.system_user;
    session.asserted_subject = event.asserted_subject;
    session.application_name = event.application_name;
    session.event = request.event;
    session.client_addr = event.client_addr;
    run.session = &session;
    run.subject = event.subject_name;
    run.subject_issuer = event.subject_issuer;
    run.subject_claims = event.subject_claims;
    run.subject_handle.reset();
    run.traceparent = event.traceparent;
    open_run_quota::take(run.flow_owner);
    store::insert_runs(&run, 1);
    wake::note_started_run({run.run_id, run.flow_owner, run.wait.has_value()});
    if (run.begins_until || run.ends_until) wake::note_poke();
}

bool ends_rule(const UserError& error) {
    return error.sqlstate == ERRCODE_INSUFFICIENT_PRIVILEGE || error.sqlstate == ERRCODE_UNDEFINED_OBJECT;
}

void record_failure(const Rule& rule, const store::EventRow& event, const std::string& reason) {
    const AsExtensionOwner owner;
    Spi spi;
    store::insert_failure(spi, {rule.name, rule.owner, rule.flow, event.event_id, event.type, event.depth,
                                std::string(first_bytes(reason, 2'000))});
}

std::string too_deep(const store::EventRow& event) {
    return "the event is " + std::to_string(event.depth) +
           " events deep: rules that start one another in a circle end here";
}

bool apply_rules(const store::EventRow& event) {
    std::vector<Match> matches = subscriptions::matching(event.type);
    std::erase_if(matches, [&](const Match& match) { return !is_meant_for(*match.rule, event); });
    if (matches.empty()) return false;
    const json::Value value = store::cloud_event(event, true);
    bool has_left = false;
    for (const Match& match : matches) {
        if (!match.cancels && !apply_rule(*match.rule, event, value)) continue;
        const AsExtensionOwner owner;
        Spi spi;
        store::insert_pending(spi, {event.event_id, match.rule->id, match.cancels});
        has_left = true;
    }
    return has_left;
}

bool leave_to_worker(Spi& spi, const store::EventRow& event) {
    bool has_left = false;
    for (const Match& match : subscriptions::matching(event.type)) {
        if (!is_meant_for(*match.rule, event)) continue;
        store::insert_pending(spi, {event.event_id, match.rule->id, match.cancels});
        has_left = true;
    }
    return has_left;
}

}  // namespace flowctl::pg::events
