// Implementation of trigger_plan.hpp.
#include "pg/triggers/trigger_plan.hpp"

#include <utility>

#include "pg/server/interruptible.hpp"
#include "pg/server/quoting.hpp"
#include "pg/store/run_id.hpp"

namespace flowctl::pg {

namespace {

TriggerOptions options_of(const Trigger& trigger) {
    return read_trigger_options(trigger.tgname, {trigger.tgargs, trigger.tgargs + trigger.tgnargs});
}

void delete_plan(void* plan) {
    delete static_cast<TriggerPlan*>(plan);
}

}  // namespace

TriggerPlan::TriggerPlan(const TriggerData& data, MemoryContext memory)
    : trigger_(data.tg_trigger->tgname),
      trigger_oid_(data.tg_trigger->tgoid),
      options_(options_of(*data.tg_trigger)),
      rows_(data.tg_relation, options_.columns, memory),
      text_(data) {}

TriggerPlan& plan_of(FunctionCallInfo call, const TriggerData& data) {
    FmgrInfo* const function = call->flinfo;
    auto* known = static_cast<TriggerPlan*>(function->fn_extra);
    if (known != nullptr && known->trigger_oid() == data.tg_trigger->tgoid) return *known;
    auto* const goes_with = guarded([function] {
        return static_cast<MemoryContextCallback*>(
            MemoryContextAlloc(function->fn_mcxt, sizeof(MemoryContextCallback)));
    });
    auto* const plan = new TriggerPlan(data, function->fn_mcxt);
    goes_with->func = delete_plan;
    goes_with->arg = plan;
    MemoryContextRegisterResetCallback(function->fn_mcxt, goes_with);
    function->fn_extra = plan;
    return *plan;
}

StartRequest TriggerPlan::new_request(Relation table) const {
    StartRequest request;
    request.flow = options_.flow;
    request.starter = GetUserId();
    request.must_may_start = table->rd_rel->relowner;
    request.table = RelationGetRelationName(table);
    return request;
}

void TriggerPlan::start(Relation table, Change change) {
    StartRequest request = new_request(table);
    if (!options_.record_errors) return start_or_raise(std::move(change), request);
    const ChangeKind kind = change.kind;
    const bool is_statement = change.is_statement;
    try {
        start_or_raise(std::move(change), request);
    } catch (const UserError& error) {
        // Nothing has been written yet: what a UserError reports is found before the insert.
        record(kind, is_statement, request, error);
    }
}

void TriggerPlan::fail(Relation table, ChangeKind kind, const UserError& error) {
    if (!options_.record_errors) throw error;
    StartRequest request = new_request(table);
    record(kind, true, request, error);
}

void TriggerPlan::start_or_raise(Change change, StartRequest& request) {
    request.input = std::move(change.input);
    request.input_is_fit = change.is_fit;
    if (options_.has_expressions() && !evaluate(request)) return;
    request.run_id = new_run_id();
    request.event = text_.event(change.kind, change.is_statement, *request.run_id);
    if (pattern_of_ != request.starter) pattern_.flow.reset();
    pattern_of_ = request.starter;
    // Where an error is recorded, the request is still needed.
    if (options_.record_errors)
        start_similar_run(request, pattern_);
    else
        start_similar_run(std::move(request), pattern_);
}

// Who may not start the flow leaves nothing in its owner's runs.
void TriggerPlan::record(ChangeKind kind, bool is_statement, StartRequest& request, const UserError& error) {
    if (!request.run_id) request.run_id = new_run_id();
    if (!request.event) request.event = text_.event(kind, is_statement, *request.run_id);
    const bool may_record = error.sqlstate != ERRCODE_INSUFFICIENT_PRIVILEGE;
    if (may_record && record_failed_start(request, "States.Runtime", error.message)) return;
    const char* const message = error.what();
    const char* const trigger = trigger_.c_str();
    guarded([&] {
        ereport(WARNING,
                (errcode(error.sqlstate), errmsg("trigger \"%s\" started no flow: %s", trigger, message)));
    });
}

bool TriggerPlan::evaluate(StartRequest& request) const {
    json::ParseLimits limits;
    limits.max_bytes = request.input.size() + 1;
    auto change = json::parse(request.input, limits);
    if (!change)
        throw UserError(ERRCODE_INVALID_TEXT_REPRESENTATION,
                        "the change for trigger " + in_quotes(trigger_) +
                            " cannot be kept as JSON: " + change.error().message,
                        "Leave the column out by the option 'except', or store the value as a string.",
                        "At byte " + std::to_string(change.error().offset + 1) + ".");
    Budget budget(FlowExpression::kLimits);
    if (options_.when) {
        const auto decision = evaluate("when", *options_.when, *change, budget);
        if (!decision || decision->is_null()) return false;
        if (!decision->is_bool())
            refuse("when", "gives neither true nor false", "A run starts where it gives true.");
        if (!decision->as_bool()) return false;
    }
    if (options_.name) {
        const auto name = evaluate("name", *options_.name, *change, budget);
        if (name && !name->is_null()) request.name = scalar_text(*name);
        if (name && !name->is_null() && !request.name)
            refuse("name", "gives no text", "A text, a number or a truth value can be the name of a run.");
    }
    if (!options_.input) return true;
    auto input = evaluate("input", *options_.input, *change, budget);
    if (!input) refuse("input", "gives nothing", "The change has no such value.");
    request.input = json::dump(*input);
    request.input_is_fit = false;  // an expression can make text that no table can hold
    return true;
}

std::optional<json::Value> TriggerPlan::evaluate(const char* option, const FlowExpression& expression,
                                                 const json::Value& change, Budget& budget) const {
    auto result = interruptible([&] {
        Budget own = budget;  // what is interrupted is done again
        auto value = expression.evaluate(change, own);
        budget = own;
        return value;
    });
    if (!result) refuse(option, "cannot be evaluated: " + result.error(), "");
    return std::move(result).value();
}

void TriggerPlan::refuse(const char* option, const std::string& what, const std::string& detail) const {
    throw UserError(ERRCODE_INVALID_PARAMETER_VALUE,
                    "option " + in_quotes(option) + " of trigger " + in_quotes(trigger_) + " " + what,
                    "Create the trigger again with another expression.", detail);
}

}  // namespace flowctl::pg
