-- Denied attempts. The worker records them, so they stay even if the transaction that made the attempt rolls
-- back.

CREATE TABLE flowctl_catalog.denial (
    denial_id         bigint      PRIMARY KEY,  -- microseconds since 1970 when it was recorded, or the next free number
    at                timestamptz NOT NULL,
    action            text        NOT NULL,
    object            text,
    role_name         text,
    session_user_name text,
    subject           text,
    reason            text        NOT NULL,
    run_id            uuid
);
COMMENT ON TABLE flowctl_catalog.denial IS 'attempts that were denied, also those of transactions that rolled back';
CREATE INDEX denial_run ON flowctl_catalog.denial (run_id) WHERE run_id IS NOT NULL;
COMMENT ON INDEX flowctl_catalog.denial_run IS 'finds the denied calls of a run';
ALTER TABLE flowctl_catalog.denial ALTER COLUMN subject SET STATISTICS 0, ALTER COLUMN reason SET STATISTICS 0;
ALTER TABLE flowctl_catalog.denial ENABLE ROW LEVEL SECURITY;

-- A role sees its own denied attempts and those of roles whose privileges it has.
CREATE VIEW flowctl.denials WITH (security_barrier) AS
    SELECT d.denial_id, d.at, d.action, d.object, d.role_name, d.session_user_name, d.subject, d.reason, d.run_id
    FROM flowctl_catalog.denial d, (SELECT) AS read_only
    WHERE (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
       OR d.role_name IN (SELECT u.rolname FROM pg_catalog.pg_roles u JOIN flowctl_catalog.my_role m ON m.oid = u.oid);
COMMENT ON VIEW flowctl.denials IS 'attempts that were denied, also those of transactions that rolled back';
COMMENT ON COLUMN flowctl.denials.denial_id IS 'an increasing number';
COMMENT ON COLUMN flowctl.denials.at IS 'when the attempt was made';
COMMENT ON COLUMN flowctl.denials.action IS
    'start | define_flow | set_subject_token | call | stop | redrive | pause | resume | fork | pause_flow | resume_flow | lost '
    '(denials that came too fast to be recorded)';
COMMENT ON COLUMN flowctl.denials.object IS 'the flow, endpoint or run';
COMMENT ON COLUMN flowctl.denials.role_name IS 'current_user, or the run''s role';
COMMENT ON COLUMN flowctl.denials.session_user_name IS 'session_user; NULL for the call of a run';
COMMENT ON COLUMN flowctl.denials.subject IS 'the end user, if one was verified';
COMMENT ON COLUMN flowctl.denials.reason IS 'why the attempt was denied';
COMMENT ON COLUMN flowctl.denials.run_id IS 'the run whose call was denied';
REVOKE ALL ON flowctl.denials FROM PUBLIC;
GRANT SELECT ON flowctl.denials TO PUBLIC;
