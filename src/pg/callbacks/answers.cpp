// SQL of answers. See answers.hpp.
#include "pg/callbacks/answers.hpp"

#include <cstdint>
#include <vector>

#include "core/machine/task_token.hpp"
#include "net/crypto/encoding.hpp"
#include "pg/callbacks/answer_guard.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/index_scans.hpp"
#include "pg/server/timestamps.hpp"
#include "pg/shared/wake.hpp"

namespace flowctl::pg::answers {

namespace {

Statement answer_sql(R"(
    UPDATE flowctl_catalog.waiting_task
    SET news = pg_catalog.clock_timestamp(), answered_at = pg_catalog.clock_timestamp(), answered_by = $2, output = $3, error = $4,
        cause = $5
    WHERE wait_id = $1 AND answered_at IS NULL)",
                     {UUIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID});
Statement beat_sql(R"(
    UPDATE flowctl_catalog.waiting_task SET heartbeat_at = pg_catalog.clock_timestamp() WHERE wait_id = $1 AND answered_at IS NULL)",
                   {UUIDOID});
Statement hash_sql(
    "SELECT pg_catalog.encode(token_hash, 'hex') FROM flowctl_catalog.waiting_task WHERE wait_id = $1 AND token_hash IS NOT NULL",
    {UUIDOID});
Statement given_sql(R"(
    SELECT answered_at, answered_by, output IS NOT NULL FROM flowctl_catalog.waiting_task WHERE wait_id = $1
    UNION ALL
    SELECT answered_at, answered_by, output IS NOT NULL FROM flowctl_catalog.early_answer WHERE wait_id = $1)",
                    {UUIDOID});
Statement early_sql(R"(
    INSERT INTO flowctl_catalog.early_answer (wait_id, run_id, answered_at, answered_by, output, error, cause)
    VALUES ($1, $2, pg_catalog.clock_timestamp(), $3, $4, $5, $6) ON CONFLICT (wait_id) DO NOTHING)",
                    {UUIDOID, UUIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID});
Statement run_sql("SELECT status, ended_at, redrive_count FROM flowctl_catalog.run WHERE run_id = $1", {UUIDOID});
Statement attempts_sql(R"(
    SELECT DISTINCT path, state, visit, attempt FROM flowctl_catalog.history_event
    WHERE run_id = $1 AND type IN ('TaskScheduled', 'ActivityScheduled', 'LambdaFunctionScheduled'))",
                       {UUIDOID});
Statement end_sql(R"(
    SELECT type, at FROM flowctl_catalog.history_event
    WHERE run_id = $1 AND path = $2 AND state = $3 AND visit = $4 AND attempt = $5
      AND type ~ '(Succeeded|Failed|TimedOut)$' AND type !~ '^Map'
    ORDER BY event_id DESC LIMIT 1)",
                  {UUIDOID, TEXTOID, TEXTOID, INT4OID, INT4OID});

std::string time_text(std::int64_t unix_micros) {
    const TimestampTz at = to_timestamp(unix_micros);
    return guarded([&] { return timestamptz_to_str(at); });
}

[[noreturn]] void timed_out(const std::string& what) {
    throw UserError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "TaskTimedOut: the task is over",
                    "Stop working on it: nobody waits for the answer any more.", what);
}

// A token whose key is not known has to be that of the row.
void check_hash(Spi& spi, const GivenToken& token) {
    if (token.is_genuine()) return;
    const Rows rows = spi.run_latest(hash_sql, std::move(Params().uuid(token.wait_id())));
    if (rows.size() == 0 || !net::same_secret(rows.text(0, 0), net::hex_encode(token.hash()))) invalid_token();
}

// What has ended the attempt of this place, as history has recorded it; nullopt: the run has not reached it.
std::optional<std::string> end_of_attempt(Spi& spi, const GivenToken& token, int redrives) {
    const Rows attempts = spi.run_latest(attempts_sql, std::move(Params().uuid(token.run())));
    for (std::size_t i = 0; i < attempts.size(); i++) {
        const std::string path = attempts.text(i, 0), state = attempts.text(i, 1);
        const int visit = attempts.int4(i, 2), attempt = attempts.is_null(i, 3) ? 0 : attempts.int4(i, 3);
        for (int redrive = 0; redrive <= redrives; redrive++) {
            if (place_from_text(machine::place_of_attempt(path, state, visit, attempt, redrive)) != token.place())
                continue;
            const Rows end = spi.run_latest(
                end_sql, std::move(Params().uuid(token.run()).text(path).text(state).int4(visit).int4(attempt)));
            if (end.size() == 0) return "State \"" + state + "\" does not wait any more.";
            return "State \"" + state + "\" has ended: " + end.text(0, 0) + " at " + time_text(end.timestamp(0, 1)) + ".";
        }
    }
    return std::nullopt;
}

// No row took the answer. Raises what has become of the task; it returns where the run has not reached it yet.
void explain(Spi& spi, const GivenToken& token) {
    const Rows given = spi.run_latest(given_sql, std::move(Params().uuid(token.wait_id())));
    if (given.size() > 0) {
        if (given.is_null(0, 0))
            throw UserError(ERRCODE_T_R_SERIALIZATION_FAILURE,
                            "the task began to wait after this transaction had taken its snapshot",
                            "Answer in a transaction of its own that is READ COMMITTED.");
        timed_out("Role \"" + given.text(0, 1) + "\" has answered it at " +
                  time_text(given.timestamp(0, 0)) + (given.boolean(0, 2) ? ": success." : ": failure."));
    }
    if (!token.is_genuine()) invalid_token();
    const Rows run = spi.run_latest(run_sql, std::move(Params().uuid(token.run())));
    if (run.size() == 0) timed_out("Its run " + to_string(token.run()) + " is not kept any more.");
    if (run.text(0, 0) != "RUNNING")
        timed_out("Its run " + to_string(token.run()) + " has ended: " + run.text(0, 0) + " at " +
                  (run.is_null(0, 1) ? std::string("an unknown time") : time_text(run.timestamp(0, 1))) + ".");
    if (const auto end = end_of_attempt(spi, token, run.int4(0, 2))) timed_out(*end);
}

}  // namespace

void give(const GivenToken& token, const Given& answer, const std::string& by) {
    const AsExtensionOwner owner;
    const IndexScans by_index;
    Spi spi;
    check_hash(spi, token);
    Params params;
    params.uuid(token.wait_id()).text(by).text(answer.output).text(answer.error).text(answer.cause);
    if (spi.run(answer_sql, std::move(params)).processed() == 0) {
        explain(spi, token);
        Params early;
        early.uuid(token.wait_id()).uuid(token.run()).text(by).text(answer.output).text(answer.error).text(answer.cause);
        if (spi.run(early_sql, std::move(early)).processed() == 0) explain(spi, token);
    }
    answer_guard::note_answer();
    wake::note_poke();
}

bool give_to(Spi& spi, const Uuid& wait_id, const Given& answer, const std::string& by) {
    const IndexScans by_index;
    Params params;
    params.uuid(wait_id).text(by).text(answer.output).text(answer.error).text(answer.cause);
    if (spi.run(answer_sql, std::move(params)).processed() == 0) return false;
    answer_guard::note_answer();
    wake::note_poke();
    return true;
}

void beat(const GivenToken& token) {
    const AsExtensionOwner owner;
    const IndexScans by_index;
    Spi spi;
    check_hash(spi, token);
    // A task that its run has not reached yet waits for no heartbeat.
    if (spi.run(beat_sql, std::move(Params().uuid(token.wait_id()))).processed() == 0) explain(spi, token);
    answer_guard::note_answer();
}

}  // namespace flowctl::pg::answers
