-- Approvals: Tasks that people decide.
--
-- The worker writes an approval when its Task begins; decisions are rows that the sessions of the people write.
-- Who may decide is asked at each decision (src/pg/approvals/deciders.hpp). Nothing of a run is dumped, so the
-- approvals are not.

CREATE TABLE flowctl_catalog.approval (
    approval_id     uuid        PRIMARY KEY,   -- that of its wait (33_waiting_tasks.sql)
    run_id          uuid        NOT NULL,
    path            text        NOT NULL,
    state           text        NOT NULL,
    visit           int         NOT NULL,
    attempt         int         NOT NULL,
    title           text        NOT NULL,
    message         text,
    terms           text        NOT NULL,      -- the Task's input, JSON
    input_hash      text        NOT NULL,
    stage           int         NOT NULL DEFAULT 0,
    requested_at    timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    due_at          timestamptz,
    escalates_at    timestamptz,
    remind_every    int,                       -- seconds, in the current stage
    reminds_at      timestamptz,
    status          text        NOT NULL DEFAULT 'WAITING' CHECK (status IN ('WAITING', 'APPROVED', 'DENIED', 'WITHDRAWN')),
    ended_at        timestamptz
) WITH (fillfactor = 80);
COMMENT ON TABLE flowctl_catalog.approval IS 'what people are asked to decide, and what became of it';
CREATE INDEX approval_run ON flowctl_catalog.approval (run_id);
COMMENT ON INDEX flowctl_catalog.approval_run IS 'finds the approvals of a run';
CREATE INDEX approval_reminds ON flowctl_catalog.approval (reminds_at) WHERE reminds_at IS NOT NULL;
COMMENT ON INDEX flowctl_catalog.approval_reminds IS 'finds the approvals that are to be recalled to their approvers';
ALTER TABLE flowctl_catalog.approval ENABLE ROW LEVEL SECURITY;
-- Samples of payloads would outlive their rows.
ALTER TABLE flowctl_catalog.approval ALTER COLUMN title SET STATISTICS 0, ALTER COLUMN message SET STATISTICS 0,
    ALTER COLUMN terms SET STATISTICS 0;

CREATE TABLE flowctl_catalog.approval_approver (
    approval_id      uuid       NOT NULL,
    stage            int        NOT NULL,
    after_escalation boolean    NOT NULL,
    name             text       NOT NULL,      -- as the Task's input has it
    role             oid,                      -- NULL: a group
    PRIMARY KEY (approval_id, stage, after_escalation, name)
);
COMMENT ON TABLE flowctl_catalog.approval_approver IS 'who may decide in each stage of an approval';
ALTER TABLE flowctl_catalog.approval_approver ENABLE ROW LEVEL SECURITY;

CREATE TABLE flowctl_catalog.approval_decision (
    approval_id     uuid        NOT NULL,
    number          int         NOT NULL,      -- from 0
    stage           int         NOT NULL,
    at              timestamptz NOT NULL,
    approved        boolean     NOT NULL,
    role            text        NOT NULL,
    session_role    oid         NOT NULL,
    issuer          text,                      -- of the verified subject
    subject         text,
    on_behalf_of    text,                      -- the role that has delegated its decisions
    reason          text,
    answer          text,
    input_hash      text        NOT NULL,      -- of what was decided
    PRIMARY KEY (approval_id, number)
);
COMMENT ON TABLE flowctl_catalog.approval_decision IS 'the decisions on approvals, in their order';
ALTER TABLE flowctl_catalog.approval_decision ENABLE ROW LEVEL SECURITY;
ALTER TABLE flowctl_catalog.approval_decision ALTER COLUMN reason SET STATISTICS 0, ALTER COLUMN answer SET STATISTICS 0;

-- Delegations are for some days, so they are not dumped either.
CREATE TABLE flowctl_catalog.approval_delegation (
    from_role       regrole     NOT NULL,
    to_role         regrole     NOT NULL,
    until           timestamptz NOT NULL,
    made_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (from_role, to_role)
);
COMMENT ON TABLE flowctl_catalog.approval_delegation IS
    'roles whose decisions on approvals other roles make for some time (flowctl.delegate_approvals)';
ALTER TABLE flowctl_catalog.approval_delegation ENABLE ROW LEVEL SECURITY;

CREATE FUNCTION flowctl.approve(approval uuid, reason text DEFAULT NULL, answer jsonb DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_approve';
COMMENT ON FUNCTION flowctl.approve(uuid, text, jsonb) IS
    'approves: a decision of the session''s person, when this transaction commits. The last one that is needed lets the run go on. '
    'Denied with 42501 to everybody who may not decide the current stage, to the starter of the run and to the author of its flow';

CREATE FUNCTION flowctl.deny(approval uuid, reason text DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_deny';
COMMENT ON FUNCTION flowctl.deny(uuid, text) IS
    'denies: the Task fails with Flowctl.Denied when as many people have denied as its Deny says (one)';

CREATE FUNCTION flowctl.withdraw_approval(approval uuid, reason text DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_withdraw_approval';
COMMENT ON FUNCTION flowctl.withdraw_approval(uuid, text) IS
    'ends an approval without a decision: its Task fails with Flowctl.Withdrawn. For the owner of the flow';

CREATE FUNCTION flowctl.delegate_approvals(to_role regrole, until timestamptz) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_delegate_approvals';
COMMENT ON FUNCTION flowctl.delegate_approvals(regrole, timestamptz) IS
    'until then the members of to_role may decide what the current role may decide; NULL ends it. A delegation cannot be handed on';

CREATE FUNCTION flowctl_catalog.session_groups() RETURNS text[]
    LANGUAGE c STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_session_groups';
COMMENT ON FUNCTION flowctl_catalog.session_groups() IS
    'the groups in the verified token of the session''s user, each as group:<issuer>/<group>; for views';
REVOKE ALL ON FUNCTION flowctl.approve(uuid, text, jsonb), flowctl.deny(uuid, text), flowctl.withdraw_approval(uuid, text),
    flowctl.delegate_approvals(regrole, timestamptz), flowctl_catalog.session_groups() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION flowctl.approve(uuid, text, jsonb), flowctl.deny(uuid, text), flowctl.withdraw_approval(uuid, text),
    flowctl.delegate_approvals(regrole, timestamptz), flowctl_catalog.session_groups() TO PUBLIC;

-- Title, message, terms, reasons and answers are payloads. Whoever may decide sees them, and so does whoever may
-- see the payloads of the run; others who may see the run see no more than that it waits.
CREATE VIEW flowctl.approvals WITH (security_barrier) AS
    SELECT a.approval_id AS approval, a.run_id, r.flow, r.version, a.state, a.path,
           CASE WHEN may.read_payload THEN a.title END AS title, CASE WHEN may.read_payload THEN a.message END AS message,
           (SELECT pg_catalog.array_agg(p.name ORDER BY p.after_escalation, p.name) FROM flowctl_catalog.approval_approver p
            WHERE p.approval_id = a.approval_id AND p.stage = a.stage
              AND (NOT p.after_escalation OR a.escalates_at <= pg_catalog.now())) AS approvers,
           a.stage + 1 AS stage, a.requested_at, a.due_at, a.escalates_at, a.input_hash,
           CASE WHEN may.read_payload THEN a.terms::pg_catalog.jsonb END AS terms,
           CASE WHEN a.status = 'WAITING' AND NOT EXISTS (SELECT FROM flowctl_catalog.waiting_task t
                                                          WHERE t.wait_id = a.approval_id AND t.answered_at IS NULL)
                THEN 'EXPIRED' ELSE a.status END AS status,
           a.ended_at,
           coalesce((SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
                                'stage', d.stage + 1, 'by', d.role, 'subject', d.subject, 'issuer', d.issuer,
                                'on_behalf_of', d.on_behalf_of, 'at', d.at,
                                'decision', CASE WHEN d.approved THEN 'approved' ELSE 'denied' END,
                                'reason', CASE WHEN may.read_payload THEN d.reason END,
                                'answer', CASE WHEN may.read_payload THEN d.answer::pg_catalog.jsonb END,
                                'input_hash', d.input_hash) ORDER BY d.number)
                     FROM flowctl_catalog.approval_decision d WHERE d.approval_id = a.approval_id), '[]') AS decisions
    FROM flowctl_catalog.approval a
         JOIN flowctl_catalog.run r ON r.run_id = a.run_id
         LEFT JOIN flowctl_catalog.flow w ON w.flow_id = r.flow_id
         CROSS JOIN LATERAL (SELECT EXISTS (
             SELECT FROM flowctl_catalog.approval_approver p
             WHERE p.approval_id = a.approval_id AND p.stage <= a.stage
               AND (NOT p.after_escalation OR p.stage < a.stage OR a.escalates_at <= pg_catalog.now())
               AND (p.role IN (SELECT m.oid FROM flowctl_catalog.my_role m)
                    OR p.name = ANY ((SELECT flowctl_catalog.session_groups())::text[])
                    OR EXISTS (SELECT FROM flowctl_catalog.approval_delegation g
                               WHERE g.until > pg_catalog.now() AND pg_catalog.pg_has_role(g.from_role, p.role, 'USAGE')
                                 AND g.to_role::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m))))) decides (here)
         CROSS JOIN LATERAL (SELECT decides.here OR flowctl_catalog.may_read_payload(
             r.flow_id, coalesce(w.owner::oid, r.flow_owner::oid), r.role::oid,
             CASE WHEN r.forked_from IS NULL THEN r.starter::oid ELSE 0 END)) may (read_payload)
    WHERE (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
       OR coalesce(w.owner::oid, r.flow_owner::oid) IN (SELECT m.oid FROM flowctl_catalog.my_role m)
       OR r.role::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m)
       OR r.flow_id IN (SELECT g.flow_id FROM flowctl_catalog.my_readable_flow g)
       OR decides.here;
COMMENT ON VIEW flowctl.approvals IS
    'approvals that the current role may decide, or whose runs it may see; what is waiting has status WAITING';
COMMENT ON COLUMN flowctl.approvals.approval IS 'what flowctl.approve() and flowctl.deny() take';
COMMENT ON COLUMN flowctl.approvals.run_id IS 'the run';
COMMENT ON COLUMN flowctl.approvals.flow IS 'name of the flow';
COMMENT ON COLUMN flowctl.approvals.version IS 'version of the flow';
COMMENT ON COLUMN flowctl.approvals.state IS 'the Task that waits';
COMMENT ON COLUMN flowctl.approvals.path IS 'branch and item of the state, as in flowctl.steps';
COMMENT ON COLUMN flowctl.approvals.title IS 'Title of the Task''s input; NULL to those who may neither decide nor see the payloads of the run';
COMMENT ON COLUMN flowctl.approvals.message IS 'Message of the Task''s input; NULL like title';
COMMENT ON COLUMN flowctl.approvals.approvers IS 'who may decide the current stage: roles, and groups as group:<issuer>/<group>';
COMMENT ON COLUMN flowctl.approvals.stage IS 'the current stage, from 1';
COMMENT ON COLUMN flowctl.approvals.requested_at IS 'when the Task began';
COMMENT ON COLUMN flowctl.approvals.due_at IS 'when TimeoutSeconds are over; NULL if there are none';
COMMENT ON COLUMN flowctl.approvals.escalates_at IS 'from when on EscalateTo may decide, too; NULL if the stage has none';
COMMENT ON COLUMN flowctl.approvals.input_hash IS 'SHA-256 of the input that is decided, in hexadecimal; each decision names it';
COMMENT ON COLUMN flowctl.approvals.terms IS 'the Task''s input; NULL like title';
COMMENT ON COLUMN flowctl.approvals.status IS
    'WAITING | APPROVED | DENIED | WITHDRAWN | EXPIRED (its time is over, or the run has ended or gone another way)';
COMMENT ON COLUMN flowctl.approvals.ended_at IS 'when it was decided or withdrawn';
COMMENT ON COLUMN flowctl.approvals.decisions IS
    'array of {stage, by, subject, issuer, on_behalf_of, at, decision, reason, answer, input_hash}, in their order; reason and answer are '
    'null where title is NULL';
REVOKE ALL ON flowctl.approvals FROM PUBLIC;
GRANT SELECT ON flowctl.approvals TO PUBLIC;

CREATE VIEW flowctl.approval_delegations WITH (security_barrier) AS
    SELECT d.from_role, d.to_role, d.until, d.made_at
    FROM flowctl_catalog.approval_delegation d, (SELECT) AS read_only
    WHERE (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
       OR d.from_role::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m)
       OR d.to_role::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m);
COMMENT ON VIEW flowctl.approval_delegations IS
    'delegations from and to the current role; those whose time is over stay until they are made anew or ended';
COMMENT ON COLUMN flowctl.approval_delegations.from_role IS 'whose decisions are handed over';
COMMENT ON COLUMN flowctl.approval_delegations.to_role IS 'whose members decide';
COMMENT ON COLUMN flowctl.approval_delegations.until IS 'when that ends';
COMMENT ON COLUMN flowctl.approval_delegations.made_at IS 'when it was made';
REVOKE ALL ON flowctl.approval_delegations FROM PUBLIC;
GRANT SELECT ON flowctl.approval_delegations TO PUBLIC;
