// The trigger function flowctl.start_flow('flow' [, 'option=value' ...]): a changed row starts a flow.
//
// The row's JSON is built as the writer (row_input); only the insert of the run happens as the extension's
// owner (start). The writer needs no right on the flow. The table's owner does, which start_run() checks, and
// the trigger's creator did when it was created (new_trigger).
#include <string>
#include <utility>

#include "pg/server/prelude.hpp"
#include "pg/starts/row_input.hpp"
#include "pg/starts/start.hpp"
#include "pg/starts/trigger_options.hpp"
#include "pg/store/run_id.hpp"

namespace flowctl::pg {

namespace {

TriggerOptions options_of(const Trigger& trigger) {
    return read_trigger_options(trigger.tgname, {trigger.tgargs, trigger.tgargs + trigger.tgnargs});
}

void start_for(const TriggerData& data, const TriggerOptions& options, StartRequest& request) {
    const Relation table = data.tg_relation;
    request.run_id = new_run_id();
    request.flow = options.flow;
    RowInput row = row_input(data, *request.run_id);
    request.input = std::move(row.input);
    request.input_is_fit = row.input_is_fit;
    request.event = std::move(row.event);
    request.starter = GetUserId();
    request.must_may_start = table->rd_rel->relowner;
    request.table = RelationGetRelationName(table);
    start_run(request);
}

}  // namespace

FLOWCTL_FUNCTION(flowctl_start_flow) {
    if (!CALLED_AS_TRIGGER(fcinfo))
        throw UserError(
            ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED, "flowctl.start_flow() can only be called by a trigger",
            "Use CREATE TRIGGER ... EXECUTE FUNCTION flowctl.start_flow('flow'), or call flowctl.start().");
    const auto& data = *reinterpret_cast<const TriggerData*>(fcinfo->context);
    if (!TRIGGER_FIRED_AFTER(data.tg_event))
        throw UserError(
            ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED, "flowctl.start_flow() must be fired AFTER the change",
            "Create the trigger with AFTER: what happens before the row is final must not start a run.");
    if (!TRIGGER_FIRED_FOR_ROW(data.tg_event) && !TRIGGER_FIRED_BY_TRUNCATE(data.tg_event))
        throw UserError(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
                        "flowctl.start_flow() must be fired FOR EACH ROW",
                        "Add FOR EACH ROW to the trigger.");
    const TriggerOptions options = options_of(*data.tg_trigger);
    StartRequest request;
    if (!options.record_errors) {
        start_for(data, options, request);
        return PointerGetDatum(nullptr);
    }
    try {
        start_for(data, options, request);
    } catch (const UserError& error) {
        // Nothing has been written yet: what a UserError reports is found before the insert. Who may not
        // start the flow leaves nothing in its owner's runs.
        const bool may_record = !request.flow.empty() && error.sqlstate != ERRCODE_INSUFFICIENT_PRIVILEGE;
        const bool recorded = may_record && record_failed_start(request, "States.Runtime", error.message);
        if (!recorded) {
            const char* message = error.what();
            const char* trigger = data.tg_trigger->tgname;
            guarded([&] {
                ereport(WARNING, (errcode(error.sqlstate),
                                  errmsg("trigger \"%s\" started no flow: %s", trigger, message)));
            });
        }
    }
    return PointerGetDatum(nullptr);
}

}  // namespace flowctl::pg
