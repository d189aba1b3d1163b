// The trigger function flowctl.start_flow('flow' [, 'option=value' ...]): a change of a table starts a flow.
//
// The input is built as the writer; only the insert of the run happens as the extension's owner (start). The writer
// needs no right on the flow. The table's owner does, which start_run() checks, and the trigger's creator did when
// it was created (new_trigger).
#include <string>
#include <utility>

#include "pg/server/prelude.hpp"
#include "pg/triggers/statement_change.hpp"
#include "pg/triggers/trigger_plan.hpp"

namespace flowctl::pg {

namespace {

[[noreturn]] void refuse_protocol(const char* why, const char* hint) {
    throw UserError(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED, std::string("flowctl.start_flow() ") + why, hint);
}

void append_row(TupleTableSlot* row, const RowJson& json, std::string& out) {
    if (row == nullptr)
        out += "null";
    else
        json.append(row, out);
}

void start_for_row(const TriggerData& data, TriggerPlan& plan) {
    const ChangeKind kind = kind_of(data);
    const bool has_old = kind == ChangeKind::Update || kind == ChangeKind::Delete;
    Change change{kind, false, {}, plan.rows().is_always_fit()};
    ChangeText::begin(kind, change.input);
    append_row(has_old && plan.options().before ? data.tg_trigslot : nullptr, plan.rows(), change.input);
    ChangeText::between(change.input);
    TupleTableSlot* const after = kind == ChangeKind::Insert   ? data.tg_trigslot
                                  : kind == ChangeKind::Update ? data.tg_newslot
                                                               : nullptr;
    append_row(after, plan.rows(), change.input);
    plan.text().end(change.input);
    plan.start(data.tg_relation, std::move(change));
}

}  // namespace

FLOWCTL_FUNCTION(flowctl_start_flow) {
    if (!CALLED_AS_TRIGGER(fcinfo))
        refuse_protocol("can only be called by a trigger",
                        "Use CREATE TRIGGER ... EXECUTE FUNCTION flowctl.start_flow('flow'), or call flowctl.start().");
    const auto& data = *reinterpret_cast<const TriggerData*>(fcinfo->context);
    if (!TRIGGER_FIRED_AFTER(data.tg_event))
        refuse_protocol("must be fired AFTER the change",
                        "Create the trigger with AFTER: what happens before the row is final must not start a run.");
    const bool has_no_row = TRIGGER_FIRED_BY_TRUNCATE(data.tg_event);
    const bool is_statement = TRIGGER_FIRED_FOR_STATEMENT(data.tg_event) && !has_no_row;
    Tuplestorestate* const rows = TRIGGER_FIRED_BY_DELETE(data.tg_event) ? data.tg_oldtable : data.tg_newtable;
    if (is_statement && rows == nullptr)
        refuse_protocol("must be fired FOR EACH ROW, or have the rows of the statement in a transition table",
                        "Add FOR EACH ROW, or REFERENCING NEW TABLE (of a DELETE: OLD TABLE), to the trigger.");
    TriggerPlan& plan = plan_of(fcinfo, data);
    if (is_statement)
        start_for_statement(data, plan);
    else
        start_for_row(data, plan);
    return PointerGetDatum(nullptr);
}

}  // namespace flowctl::pg
