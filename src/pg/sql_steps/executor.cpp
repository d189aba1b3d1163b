// The process that executes SQL steps. See executor.hpp.
#include "pg/sql_steps/executor.hpp"

#include <algorithm>
#include <climits>
#include <csignal>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "core/json.hpp"
#include "pg/callbacks/handed_token.hpp"
#include "pg/rights/flow_rights.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/current_step.hpp"
#include "pg/server/guc.hpp"
#include "pg/server/pinned_settings.hpp"
#include "pg/server/quoting.hpp"
#include "pg/server/transaction.hpp"
#include "pg/sql_steps/order_rows.hpp"
#include "pg/sql_steps/step_calls.hpp"
#include "pg/sql_steps/step_role.hpp"
#include "pg/store/flows.hpp"
#include "pg/store/runs.hpp"

extern "C" {
#include "utils/timeout.h"
}

namespace flowctl::pg::executor {

namespace {

using sql_board::Outcome;

// What the worker hands to the process: bgw_extra.
struct Handed {
    Oid database;
    Oid role;
    std::uint32_t ticket;
};
static_assert(sizeof(Handed) <= BGW_EXTRALEN);

// After the time of a Task: until its statement is cancelled, and until the process ends.
constexpr std::int64_t kGraceMs = 1'000;
constexpr std::int64_t kEndMs = 5'000;
TimeoutId end_timer = USER_TIMEOUT;

void end_process() {
    kill(MyProcPid, SIGTERM);
}

class Timers {
  public:
    explicit Timers(std::int64_t milliseconds) {
        if (milliseconds <= 0) return;
        is_on_ = true;
        const int at = static_cast<int>(std::min<std::int64_t>(milliseconds + kGraceMs, INT_MAX - kEndMs));
        guarded([at] {
            enable_timeout_after(STATEMENT_TIMEOUT, at);
            enable_timeout_after(end_timer, at + static_cast<int>(kEndMs));
        });
    }
    ~Timers() {
        if (!is_on_) return;
        disable_timeout(STATEMENT_TIMEOUT, false);
        disable_timeout(end_timer, false);
    }
    Timers(const Timers&) = delete;
    Timers& operator=(const Timers&) = delete;

  private:
    bool is_on_ = false;
};

// Which step this process is in, while it lives.
class InStep {
  public:
    explicit InStep(const store::StoredOrder& order) {
        step_.run = order.run_id;
        step_.depth = order.depth;
        step_.flow = order.flow;
        step_.version = order.version;
        step_.state = order.state;
        step_.path = order.path;
        step_.role = order.role;
        step_.subject = order.subject;
        step_.subject_issuer = order.subject_issuer;
        step_.subject_claims = order.subject_claims;
        current_step = &step_;
    }
    ~InStep() { current_step = nullptr; }
    InStep(const InStep&) = delete;
    InStep& operator=(const InStep&) = delete;

  private:
    CurrentStep step_;
};

// Commits of this transaction are not flushed while it lives.
class Unflushed {
  public:
    explicit Unflushed(bool unflushed) : before_(synchronous_commit) {
        if (unflushed) synchronous_commit = SYNCHRONOUS_COMMIT_OFF;
    }
    ~Unflushed() { synchronous_commit = before_; }
    Unflushed(const Unflushed&) = delete;
    Unflushed& operator=(const Unflushed&) = delete;

  private:
    const int before_;
};

void fire_deferred_triggers() {
    guarded([] {
        auto* all = makeNode(ConstraintsSetStmt);
        all->constraints = NIL;
        all->deferred = false;
        AfterTriggerSetState(all);
    });
}

class Executor {
  public:
    explicit Executor(Oid role) : role_(role) {}
    void loop();

  private:
    Outcome execute(const Uuid& id);
    std::string run_function(const store::StoredOrder& order, std::optional<AsStepRole>& as_role,
                             std::int64_t timeout_ms);
    void require_no_superuser(const store::StoredOrder& order);
    static Outcome store_failure(const Uuid& id, const StepFailure& failure);

    const Oid role_;
    StepCalls calls_;
};

// A superuser's rights are for flows that a superuser has given them to.
void Executor::require_no_superuser(const store::StoredOrder& order) {
    if (!guarded([this] { return superuser_arg(role_); })) return;
    bool is_allowed = false;
    {
        const AsExtensionOwner owner;
        Spi spi;
        const store::LoadedRuns runs = store::load_runs(spi, {order.run_id}, 1);
        if (!runs.runs.empty())
            if (const auto version = store::find_version(spi, runs.runs.front().flow_id, order.version))
                is_allowed = version->options.run_as_superuser;
    }
    if (const auto objection = objection_to_sql(role_, is_allowed))
        throw failure_of(StepProblem{ERRCODE_INSUFFICIENT_PRIVILEGE, *objection});
}

// The end user as policies for PostgREST look for him: the claims that were recorded, and who he is by whose word.
std::string jwt_claims(const store::StoredOrder& order) {
    if (!order.subject) return "{}";
    json::ObjectBuilder claims;
    if (order.subject_issuer) claims.add("iss", *order.subject_issuer);
    claims.add("sub", *order.subject);
    if (order.subject_claims)
        if (const auto recorded = json::parse(*order.subject_claims); recorded && recorded->is_object())
            for (const json::Member& member : recorded->members())
                if (member.key != "iss" && member.key != "sub") claims.add(member.key, member.value);
    return json::dump(claims.build());
}

// The result as JSON that a run can keep.
std::string result_of(const std::string& text) {
    if (text.empty()) return "null";
    json::ParseLimits limits;
    limits.max_bytes = text.size() + 1;
    limits.max_depth = machine::kMaxPayloadDepth;
    const auto result = json::parse(text, limits);
    if (!result)
        throw StepFailure("States.Runtime", "the function's result cannot be kept as JSON: " + result.error().message);
    std::string kept = json::dump(*result);
    if (kept.size() > static_cast<std::size_t>(guc::max_payload_bytes))
        throw StepFailure("States.DataLimitExceeded",
                          "the function's result has " + std::to_string(kept.size()) + " bytes, and " +
                              "flowctl.max_payload_bytes is " + std::to_string(guc::max_payload_bytes));
    return kept;
}

std::string Executor::run_function(const store::StoredOrder& order, std::optional<AsStepRole>& as_role,
                                   std::int64_t timeout_ms) {
    json::ParseLimits limits;
    limits.max_bytes = order.input.size() + 1;
    auto input = json::parse(order.input, limits);
    if (!input) throw StepFailure("States.Runtime", "the step's input is not JSON: " + input.error().message);
    MemberNames members;
    if (input->is_object())
        for (const json::Member& member : input->members())
            members.insert(member.key);
    const std::vector<StepFunction>& functions = calls_.functions(order.function);
    const ChosenFunction chosen = choose_function(functions, order.function, &members, role_);
    const bool lacks_members = !input->is_object() && !functions.empty() &&
                               (chosen.function == nullptr || !chosen.function->takes_whole_input);
    if (lacks_members)
        throw failure_of(StepProblem{ERRCODE_INVALID_PARAMETER_VALUE,
                                     "the input is no object, whose members would be the arguments of function " +
                                         shortened_name(order.function),
                                     "Choose the arguments in Parameters or Arguments."});
    if (chosen.problem) throw failure_of(*chosen.problem);
    const StepFunction& function = *chosen.function;
    std::string given = order.input;
    if (order.handed_token) given = json::dump(token_of_key(*order.handed_token).with_token(*input));
    as_role.emplace(role_, AsStepRole::Settings{"pg_catalog, " + function.sql_schema + ", pg_temp",
                                                jwt_claims(order), timeout_ms});
    const std::string text = calls_.call(function, members, given);
    fire_deferred_triggers();
    as_role->end_settings();
    return result_of(text);
}

Outcome Executor::execute(const Uuid& id) {
    std::optional<StepFailure> failure;
    std::optional<std::int64_t> due_at;
    try {
        std::optional<AsStepRole> as_role;  // it outlives the transaction
        std::optional<InStep> in_step;
        Transaction transaction("pg_flowctl: taking an order");
        if (!store::lock_order(id)) return Outcome::Held;
        const std::optional<store::StoredOrder> order = store::find_order(id);
        if (!order) return Outcome::Gone;
        if (order->done) return Outcome::Stored;
        std::int64_t timeout_ms = 0;
        due_at = order->due_at;
        if (due_at) {
            timeout_ms = (*due_at - unix_micros_now()) / 1000;
            if (timeout_ms <= 0) return Outcome::Cancelled;
        }
        const std::string activity =
            "flowctl:sql:" + order->function + " in state " + order->state + " of run " + to_string(order->run_id);
        guarded([&] { pgstat_report_activity(STATE_RUNNING, activity.c_str()); });
        step_role::follow_name(role_);
        require_no_superuser(*order);
        const Timers timers(timeout_ms);
        in_step.emplace(*order);
        store::OrderResult result;
        result.output = run_function(*order, as_role, timeout_ms);
        const Unflushed unflushed(!TransactionIdIsValid(GetTopTransactionIdIfAny()));
        {
            const AsExtensionOwner owner;
            Spi spi;
            store::store_result(spi, id, result);
        }
        transaction.commit();
        return Outcome::Stored;
    } catch (const StepFailure& failed) {
        failure = failed;
    } catch (PgError& error) {
        // The worker wants the statement to end, or the time is over: the worker decides what follows.
        const bool is_over = due_at && unix_micros_now() >= *due_at;
        if (error.sqlstate() == ERRCODE_QUERY_CANCELED && (is_over || sql_board::is_cancelled()))
            return Outcome::Cancelled;
        failure = failure_of(*error.data());
    }
    return store_failure(id, *failure);
}

Outcome Executor::store_failure(const Uuid& id, const StepFailure& failure) {
    try {
        Transaction transaction("pg_flowctl: storing the error of a SQL step");
        if (!store::lock_order(id)) return Outcome::Held;
        const std::vector<store::OrderState> states = store::find_order_states({id});
        if (states.empty()) return Outcome::Gone;
        if (!states.front().result) {
            const AsExtensionOwner owner;
            Spi spi;
            store::store_result(spi, id, {std::nullopt, failure.error, failure.cause});
        }
        const Unflushed unflushed(true);
        transaction.commit();
        return Outcome::Stored;
    } catch (PgError& error) {
        if (error.sqlstate() == ERRCODE_QUERY_CANCELED) return Outcome::Cancelled;
        error.report();
        return Outcome::Failed;
    }
}

void reload() {
    guarded([] {
        ConfigReloadPending = false;
        ProcessConfigFile(PGC_SIGHUP);
    });
    pin_synchronous_commit();
}

void Executor::loop() {
    const std::uint32_t waiting = wait_event("FlowctlSqlExecutor");
    for (;;) {
        Uuid order{};
        if (sql_board::take(order)) {
            const Outcome outcome = execute(order);
            sql_board::finish(outcome);
            step_role::clean_up();
        } else if (sql_board::asked_to_end()) {
            return;
        } else {
            guarded([&] {
                pgstat_report_activity(STATE_IDLE, nullptr);
                (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH, -1, waiting);
                ResetLatch(MyLatch);
            });
        }
        // A cancel is meant for a statement, and none is under way.
        QueryCancelPending = false;
        guarded([] { CHECK_FOR_INTERRUPTS(); });
        if (ConfigReloadPending) reload();
    }
}

void run(int place) {
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    pqsignal(SIGTERM, die);
    BackgroundWorkerUnblockSignals();
    Handed handed{};
    memcpy(&handed, MyBgworkerEntry->bgw_extra, sizeof handed);
    guarded([&] { BackgroundWorkerInitializeConnectionByOid(handed.database, InvalidOid, 0); });
    pin_settings(Planner::Default);
    pin_synchronous_commit();
    if (!step_role::become(handed.role)) return;
    end_timer = guarded([] { return RegisterTimeout(USER_TIMEOUT, end_process); });
    if (!sql_board::join(place, handed.ticket)) return;
    Executor(handed.role).loop();
}

}  // namespace

bool start(Process& process, Oid role, const sql_board::Place& place) {
    const Handed handed{MyDatabaseId, role, place.ticket};
    const ProcessDescription description{
        .function = "flowctl_sql_main",
        .type = "flowctl SQL executor",
        .name = "flowctl SQL executor",
        .argument = Int32GetDatum(place.index),
        .extra = {reinterpret_cast<const char*>(&handed), sizeof handed},
        .ends_with_us = true,
    };
    return process.start(description);
}

}  // namespace flowctl::pg::executor

void flowctl_sql_main(Datum place) {
    using namespace flowctl::pg;
    entry([&] { executor::run(DatumGetInt32(place)); });
    proc_exit(0);
}
