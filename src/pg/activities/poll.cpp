// flowctl.poll_activity_task() and get_activity_task(): a session waits for a task of an activity, and takes it.
//
// The oldest task that nobody else is taking is marked in the session's transaction, so it is the session's when
// that commits; if it does not, the task is there again for others. Sessions sleep on a signal that the worker
// gives when it has committed tasks, and look by themselves now and then, for a task that comes back makes no
// signal. The procedure has no transaction open while it sleeps; the function keeps its caller's.
#include <algorithm>
#include <string>

#include "net/crypto/crypto.hpp"
#include "net/crypto/encoding.hpp"
#include "pg/activities/activity_rights.hpp"
#include "pg/callbacks/answer_guard.hpp"
#include "pg/callbacks/token_holder.hpp"
#include "pg/rights/flow_rights.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/arguments.hpp"
#include "pg/server/committing.hpp"
#include "pg/server/index_scans.hpp"
#include "pg/server/quoting.hpp"
#include "pg/shared/shmem.hpp"
#include "pg/shared/task_signals.hpp"
#include "pg/shared/wake.hpp"

// Its header wants headers of libraries that need not be installed.
extern "C" bool pq_check_connection(void);

namespace flowctl::pg::activities {

namespace {

Statement take_sql(R"(
    UPDATE flowctl_catalog.waiting_task
    SET worker = $2, taken_at = pg_catalog.clock_timestamp(), news = pg_catalog.clock_timestamp()
    WHERE wait_id = (
        SELECT wait_id FROM flowctl_catalog.waiting_task
        WHERE activity = $1 AND taken_at IS NULL AND answered_at IS NULL
        ORDER BY since LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING wait_id, run_id, place, input)",
                   {TEXTOID, TEXTOID});
Statement set_hash_sql(
    "UPDATE flowctl_catalog.waiting_task SET token_hash = pg_catalog.decode($2, 'hex') WHERE wait_id = $1",
    {UUIDOID, TEXTOID});

constexpr std::int64_t kLooksEvery = 5'000;  // ms
constexpr std::size_t kMaxWorkerBytes = 256;

struct Poll {
    std::string activity;
    std::optional<std::string> worker;
    TimestampTz until = 0;
    Oid user = InvalidOid;
};

Poll arguments(FunctionCallInfo fcinfo, const char* function) {
    shmem::require(function);
    require_writable("take a task");
    Poll poll;
    poll.activity = required_argument(fcinfo, 0, "activity", "Name the activity.");
    poll.worker = bounded_argument(fcinfo, 1, "worker", kMaxWorkerBytes, "Give the worker a shorter name.");
    poll.until = GetCurrentTimestamp() + micros_argument(fcinfo, 2, 60'000'000);
    poll.user = GetUserId();
    return poll;
}

void check_rights(Spi& spi, const Poll& poll) {
    const auto activity = find(spi, poll.activity);
    if (activity && may_use(spi, *activity, poll.user)) return;
    if (!activity && sees_all(poll.user))
        throw UserError(ERRCODE_UNDEFINED_OBJECT,
                        "ActivityDoesNotExist: activity " + in_quotes(shortened_name(poll.activity)) +
                            " does not exist",
                        "The view flowctl.activities lists what there is.");
    throw UserError(ERRCODE_INSUFFICIENT_PRIVILEGE,
                    "permission denied to poll for tasks of activity " + in_quotes(shortened_name(poll.activity)),
                    "Its owner can grant it: SELECT flowctl.grant_activity('" + shortened_name(poll.activity) +
                        "', " + role_literal(poll.user) + ").",
                    "Either activity " + in_quotes(shortened_name(poll.activity)) +
                        " does not exist, or the current role is neither a member of its owner nor granted it.");
}

struct Task {
    std::string token;
    std::string input;
};

// In a transaction. The task is taken when that commits.
std::optional<Task> take(const Poll& poll) {
    const AsExtensionOwner owner;
    const IndexScans by_index;
    Spi spi;
    check_rights(spi, poll);
    Params params;
    params.text(poll.activity).text(poll.worker);
    const Rows rows = spi.run(take_sql, std::move(params));
    if (rows.size() == 0) return std::nullopt;
    Task task;
    task.token = token_for(rows.uuid(0, 1), rows.uuid(0, 2));
    task.input = rows.text(0, 3);
    spi.run(set_hash_sql,
            std::move(Params().uuid(rows.uuid(0, 0)).text(net::hex_encode(net::sha256(task.token)))));
    answer_guard::note_answer();
    wake::note_poke();
    return task;
}

// Whoever has gone away while it slept must get no task.
void check_client() {
    guarded([] {
        if (MyProcPort != nullptr && !pq_check_connection())
            ereport(FATAL, (errcode(ERRCODE_CONNECTION_FAILURE), errmsg("connection to client lost")));
    });
}

std::optional<Task> wait_for_task(const Poll& poll, Committing* procedure) {
    const std::uint32_t event = wait_event("FlowctlActivityTask");
    ConditionVariable* const signal = task_signals::signal_of(MyDatabaseId, poll.activity);
    guarded([&] { ConditionVariablePrepareToSleep(signal); });
    for (;;) {
        if (auto task = take(poll)) {
            ConditionVariableCancelSleep();
            return task;
        }
        if (procedure != nullptr) procedure->commit();
        const TimestampTz now = GetCurrentTimestamp();
        if (now >= poll.until) break;
        const long left = static_cast<long>(std::min<std::int64_t>((poll.until - now) / 1000 + 1, kLooksEvery));
        guarded([&] {
            (void)ConditionVariableTimedSleep(signal, left, event);
            CHECK_FOR_INTERRUPTS();
        });
        check_client();
    }
    ConditionVariableCancelSleep();
    return std::nullopt;
}

// The row of task_token and input.
Datum row_of(FunctionCallInfo fcinfo, const std::optional<Task>& task) {
    Datum values[] = {task ? to_text(task->token) : Datum(0), task ? to_jsonb(task->input) : Datum(0)};
    bool nulls[] = {!task, !task};
    return row_of_arguments(fcinfo, values, nulls);
}

}  // namespace

FLOWCTL_FUNCTION(flowctl_poll_activity_task) {
    const Poll poll = arguments(fcinfo, "flowctl.poll_activity_task()");
    Committing procedure(fcinfo, "flowctl.poll_activity_task()",
                         "Otherwise call flowctl.get_activity_task(), which keeps its caller's snapshot.");
    procedure.commit();
    const auto task = wait_for_task(poll, &procedure);
    procedure.finish();
    return row_of(fcinfo, task);
}

FLOWCTL_FUNCTION(flowctl_get_activity_task) {
    const Poll poll = arguments(fcinfo, "flowctl.get_activity_task()");
    return row_of(fcinfo, wait_for_task(poll, nullptr));
}

}  // namespace flowctl::pg::activities
