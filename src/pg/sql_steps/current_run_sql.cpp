// flowctl.current_run(): what a function learns about the run whose step it is.
//
// A SQL step is executed by a process of its own, so the process knows it. Outside of one all columns are null: so
// triggers and policies can ask, whoever fires them.
#include <map>
#include <string>

#include "pg/server/acting_role.hpp"
#include "pg/server/current_step.hpp"
#include "pg/store/new_runs.hpp"

namespace flowctl::pg {

FLOWCTL_FUNCTION(flowctl_current_run) {
    const CurrentStep* const step = current_step;
    if (step == nullptr) return guarded([&]() -> Datum { PG_RETURN_NULL(); });
    Oid starter = InvalidOid;
    {
        const AsExtensionOwner owner;
        const std::map<Uuid, store::StartSession> sessions = store::find_sessions({step->run});
        if (!sessions.empty()) starter = sessions.begin()->second.starter;
    }
    const char* const flow = step->flow.c_str();
    const char* const state = step->state.c_str();
    const char* const subject = step->subject ? step->subject->c_str() : nullptr;
    const char* const claims = step->subject_claims ? step->subject_claims->c_str() : nullptr;
    const std::int32_t version = step->version;
    const Oid role = step->role;
    const Datum run = UUIDPGetDatum(to_pg(step->run));
    return guarded([&] {
        TupleDesc shape = nullptr;
        if (get_call_result_type(fcinfo, nullptr, &shape) != TYPEFUNC_COMPOSITE) elog(ERROR, "current_run() returns a row");
        Datum values[8] = {run,
                           CStringGetTextDatum(flow),
                           Int32GetDatum(version),
                           CStringGetTextDatum(state),
                           ObjectIdGetDatum(role),
                           ObjectIdGetDatum(starter),
                           Datum(0),
                           Datum(0)};
        bool nulls[8] = {};
        nulls[5] = !OidIsValid(starter);
        nulls[6] = subject == nullptr;
        nulls[7] = claims == nullptr;
        if (subject != nullptr) values[6] = CStringGetTextDatum(subject);
        if (claims != nullptr) values[7] = DirectFunctionCall1(jsonb_in, CStringGetDatum(claims));
        return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(shape), values, nulls));
    });
}

}  // namespace flowctl::pg
