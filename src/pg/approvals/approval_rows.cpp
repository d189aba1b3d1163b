// SQL of the store of approvals. See approval_rows.hpp.
#include "pg/approvals/approval_rows.hpp"

#include <utility>

#include "pg/server/index_scans.hpp"

namespace flowctl::pg::store {

namespace {

Statement insert_sql(R"(
    INSERT INTO flowctl_catalog.approval (approval_id, run_id, path, state, visit, attempt, title, message, terms,
                                          input_hash, due_at, escalates_at, remind_every, reminds_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
            pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => $13)) ON CONFLICT (approval_id) DO NOTHING)",
                     {UUIDOID, UUIDOID, TEXTOID, TEXTOID, INT4OID, INT4OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID,
                      TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID});
Statement insert_approvers_sql(R"(
    INSERT INTO flowctl_catalog.approval_approver (approval_id, stage, after_escalation, name, role)
    SELECT $1, u.stage, u.escalated = 1, u.name, NULLIF(u.role, 0)::oid
    FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4), pg_catalog.unnest($5))
         AS u (stage, escalated, name, role))",
                               {UUIDOID, INT4ARRAYOID, INT4ARRAYOID, TEXTARRAYOID, INT8ARRAYOID});
// One whose Task does not wait any more is recalled to nobody.
Statement take_reminders_sql(R"(
    UPDATE flowctl_catalog.approval a
    SET reminds_at = CASE WHEN d.waits
                          THEN pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => a.remind_every) END
    FROM (SELECT x.approval_id, x.run_id,
                 EXISTS (SELECT FROM flowctl_catalog.waiting_task t
                         WHERE t.wait_id = x.approval_id AND t.answered_at IS NULL) AS waits
          FROM flowctl_catalog.approval x WHERE x.reminds_at <= pg_catalog.clock_timestamp()
          ORDER BY x.reminds_at LIMIT $1 FOR UPDATE SKIP LOCKED) d
    WHERE a.approval_id = d.approval_id
    RETURNING a.approval_id, d.waits, a.run_id,
              (SELECT coalesce(f.owner::oid, r.flow_owner::oid) FROM flowctl_catalog.run r
                      LEFT JOIN flowctl_catalog.flow f ON f.flow_id = r.flow_id WHERE r.run_id = a.run_id))",
                             {INT8OID});
Statement describe_sql(R"(
    SELECT pg_catalog.json_build_object(
               'approval', a.approval_id, 'run_id', a.run_id, 'flow', r.flow, 'state', a.state, 'title', a.title,
               'stage', a.stage + 1, 'approvers', (SELECT pg_catalog.json_agg(p.name ORDER BY p.name)
                   FROM flowctl_catalog.approval_approver p
                   WHERE p.approval_id = a.approval_id AND p.stage = a.stage
                     AND (NOT p.after_escalation OR a.escalates_at <= pg_catalog.clock_timestamp())),
               'status', a.status, 'decision', (SELECT CASE WHEN d.approved THEN 'approved' ELSE 'denied' END
                   FROM flowctl_catalog.approval_decision d
                   WHERE d.approval_id = a.approval_id ORDER BY d.number DESC LIMIT 1))::text
    FROM flowctl_catalog.approval a JOIN flowctl_catalog.run r ON r.run_id = a.run_id WHERE a.approval_id = $1)",
                       {UUIDOID});

#define FIND                                                                                                    \
    "SELECT a.run_id, a.terms, a.input_hash, a.status, a.state, a.stage, a.escalates_at, a.due_at,"             \
    "       EXISTS (SELECT FROM flowctl_catalog.waiting_task t"                                                 \
    "               WHERE t.wait_id = a.approval_id AND t.answered_at IS NULL),"                                \
    "       coalesce(f.owner::oid, r.flow_owner::oid), r.starter::oid, r.session_user_name, r.subject_issuer,"  \
    "       r.subject, coalesce(v.author::text, ''), r.version "                                                \
    "FROM flowctl_catalog.approval a JOIN flowctl_catalog.run r ON r.run_id = a.run_id"                         \
    "     LEFT JOIN flowctl_catalog.flow f ON f.flow_id = r.flow_id"                                            \
    "     LEFT JOIN flowctl_catalog.flow_version v ON v.flow_id = r.flow_id AND v.version = r.version "         \
    "WHERE a.approval_id = $1"
Statement find_sql(FIND, {UUIDOID});
Statement find_locked_sql(FIND " FOR UPDATE OF a", {UUIDOID});
#undef FIND

Statement approvers_sql(
    "SELECT after_escalation, name, coalesce(role, 0) FROM flowctl_catalog.approval_approver "
    "WHERE approval_id = $1 AND stage = $2",
    {UUIDOID, INT4OID});
Statement decisions_sql(R"(
    SELECT stage, at, approved, role, session_role, issuer, subject, on_behalf_of, reason, answer
    FROM flowctl_catalog.approval_decision WHERE approval_id = $1 ORDER BY number)",
                        {UUIDOID});
Statement delegations_sql(R"(
    SELECT d.from_role::oid, d.to_role::oid FROM flowctl_catalog.approval_delegation d
    WHERE d.until > pg_catalog.clock_timestamp()
      AND EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid = d.from_role))",
                          {});
Statement insert_decision_sql(R"(
    INSERT INTO flowctl_catalog.approval_decision (approval_id, number, stage, at, approved, role, session_role, issuer,
                                                   subject, on_behalf_of, reason, answer, input_hash)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, input_hash
    FROM flowctl_catalog.approval WHERE approval_id = $1)",
                              {UUIDOID, INT4OID, INT4OID, TIMESTAMPTZOID, BOOLOID, TEXTOID, OIDOID, TEXTOID, TEXTOID,
                               TEXTOID, TEXTOID, TEXTOID});
Statement begin_stage_sql(
    "UPDATE flowctl_catalog.approval SET stage = $2, escalates_at = $3, remind_every = $4,"
    "       reminds_at = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => $4) WHERE approval_id = $1",
    {UUIDOID, INT4OID, TIMESTAMPTZOID, INT4OID});
Statement end_sql(R"(
    UPDATE flowctl_catalog.approval SET status = $2, ended_at = pg_catalog.clock_timestamp(), reminds_at = NULL
    WHERE approval_id = $1)",
                  {UUIDOID, TEXTOID});

Params& add_time(Params& params, const std::optional<std::int64_t>& time) {
    return time ? params.timestamp(*time) : params.null();
}

Params& add_seconds(Params& params, const std::optional<std::int64_t>& seconds) {
    return seconds ? params.int4(static_cast<std::int32_t>(*seconds)) : params.null();
}

}  // namespace

void insert_approval(Spi& spi, const NewApproval& approval) {
    Params params;
    params.uuid(approval.approval_id).uuid(approval.run_id).text(approval.path).text(approval.state);
    params.int4(approval.visit).int4(approval.attempt).text(approval.title).text(approval.message);
    params.text(approval.terms).text(approval.input_hash);
    add_seconds(add_time(add_time(params, approval.due_at), approval.escalates_at), approval.remind_every);
    if (spi.run(insert_sql, std::move(params)).processed() == 0) return;
    std::vector<std::int32_t> stages, escalated;
    std::vector<std::optional<std::string_view>> names;
    std::vector<std::int64_t> roles;
    for (const ApproverRow& one : approval.approvers) {
        stages.push_back(one.stage);
        escalated.push_back(one.after_escalation ? 1 : 0);
        names.emplace_back(one.name);
        roles.push_back(one.role);
    }
    Params rows;
    rows.uuid(approval.approval_id).int4s(stages).int4s(escalated).texts(names).int8s(roles);
    spi.run(insert_approvers_sql, std::move(rows));
}

std::optional<StoredApproval> find_approval(Spi& spi, const Uuid& id, bool lock) {
    const IndexScans by_index;
    Params params;
    params.uuid(id);
    const Rows rows =
        lock ? spi.run(find_locked_sql, std::move(params)) : spi.run_latest(find_sql, std::move(params));
    if (rows.size() == 0) return std::nullopt;
    StoredApproval found;
    found.run_id = rows.uuid(0, 0);
    found.terms = rows.text(0, 1);
    found.input_hash = rows.text(0, 2);
    found.status = rows.text(0, 3);
    found.state = rows.text(0, 4);
    found.stage = rows.int4(0, 5);
    found.escalates_at = rows.optional_timestamp(0, 6);
    found.due_at = rows.optional_timestamp(0, 7);
    found.waits = rows.boolean(0, 8);
    found.flow_owner = rows.oid(0, 9);
    found.starter = rows.oid(0, 10);
    found.starter_session = rows.text(0, 11);
    found.starter_issuer = rows.optional_text(0, 12);
    found.starter_subject = rows.optional_text(0, 13);
    found.author = rows.text(0, 14);
    found.version = rows.int4(0, 15);
    return found;
}

std::vector<ApproverRow> find_approvers(Spi& spi, const Uuid& id, std::int32_t stage) {
    const Rows rows = spi.run_latest(approvers_sql, std::move(Params().uuid(id).int4(stage)));
    std::vector<ApproverRow> found;
    for (std::size_t i = 0; i < rows.size(); i++)
        found.push_back({stage, rows.boolean(i, 0), rows.text(i, 1), rows.oid(i, 2)});
    return found;
}

std::vector<StoredDecision> find_decisions_on(Spi& spi, const Uuid& id) {
    const Rows rows = spi.run_latest(decisions_sql, std::move(Params().uuid(id)));
    std::vector<StoredDecision> found;
    for (std::size_t i = 0; i < rows.size(); i++) {
        StoredDecision& one = found.emplace_back();
        one.stage = rows.int4(i, 0);
        one.at = rows.timestamp(i, 1);
        one.approved = rows.boolean(i, 2);
        one.role = rows.text(i, 3);
        one.session_role = rows.oid(i, 4);
        one.issuer = rows.optional_text(i, 5);
        one.subject = rows.optional_text(i, 6);
        one.on_behalf_of = rows.optional_text(i, 7);
        one.reason = rows.optional_text(i, 8);
        one.answer = rows.optional_text(i, 9);
    }
    return found;
}

std::vector<std::pair<Oid, Oid>> find_delegations(Spi& spi) {
    const Rows rows = spi.run_latest(delegations_sql, Params());
    std::vector<std::pair<Oid, Oid>> found;
    for (std::size_t i = 0; i < rows.size(); i++)
        found.emplace_back(rows.oid(i, 0), rows.oid(i, 1));
    return found;
}

void insert_decision(Spi& spi, const Uuid& id, std::int32_t number, const StoredDecision& decision) {
    Params params;
    params.uuid(id).int4(number).int4(decision.stage).timestamp(decision.at).boolean(decision.approved);
    params.text(decision.role).oid(decision.session_role).text(decision.issuer).text(decision.subject);
    params.text(decision.on_behalf_of).text(decision.reason).text(decision.answer);
    spi.run(insert_decision_sql, std::move(params));
}

void begin_stage(Spi& spi, const Uuid& id, std::int32_t stage, std::optional<std::int64_t> escalates_at,
                 std::optional<std::int64_t> remind_every) {
    Params params;
    params.uuid(id).int4(stage);
    add_seconds(add_time(params, escalates_at), remind_every);
    spi.run(begin_stage_sql, std::move(params));
}

std::vector<DueReminder> take_due_reminders(Spi& spi, std::size_t limit) {
    const Rows rows = spi.run(take_reminders_sql, std::move(Params().int8(static_cast<std::int64_t>(limit))));
    std::vector<DueReminder> due;
    for (std::size_t i = 0; i < rows.size(); i++)
        if (rows.boolean(i, 1) && !rows.is_null(i, 3)) due.push_back({rows.uuid(i, 0), rows.uuid(i, 2), rows.oid(i, 3)});
    return due;
}

std::string describe_approval(Spi& spi, const Uuid& id) {
    const Rows rows = spi.run_latest(describe_sql, std::move(Params().uuid(id)));
    return rows.size() == 1 ? rows.text(0, 0) : "null";
}

void end_approval(Spi& spi, const Uuid& id, const char* status) {
    spi.run(end_sql, std::move(Params().uuid(id).text(status)));
}

}  // namespace flowctl::pg::store
