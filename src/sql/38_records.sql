-- Records of runs: erasing what a run holds, keeping runs that somebody needs, and finding a person's runs.
--
-- PUBLIC has EXECUTE on the functions; each function checks whether its caller acts for the owner of the
-- flow. A redaction replaces each payload by a marker, {"redacted": "<hash>"}. The hash is the SHA-256 of a
-- random salt and the payload. So rows and their order stay, and whoever sealed the hash earlier can show
-- that a marker stands where the payload stood. Without the salt nobody can try out which payload it was.

-- A salt is made when something needs it first, which is a seal or the redaction itself. So a start writes
-- nothing here. The redaction destroys the salt.
CREATE TABLE flowctl_catalog.run_salt (
    run_id          uuid        PRIMARY KEY,
    salt            bytea       NOT NULL CHECK (pg_catalog.octet_length(salt) = 32)
);
COMMENT ON TABLE flowctl_catalog.run_salt IS
    'random salts of the hashes over payloads; a redaction destroys the salt of its run';
ALTER TABLE flowctl_catalog.run_salt ALTER COLUMN salt SET STATISTICS 0;
ALTER TABLE flowctl_catalog.run_salt ENABLE ROW LEVEL SECURITY;

-- A redaction stays on record after its run is no longer kept.
CREATE TABLE flowctl_catalog.redaction (
    run_id          uuid        PRIMARY KEY,
    flow_id         uuid        NOT NULL,
    flow            text        NOT NULL,
    flow_owner      regrole     NOT NULL,
    reason          text        NOT NULL,
    redacted_by     name        NOT NULL,
    redacted_at     timestamptz NOT NULL DEFAULT now(),
    runs            bigint      NOT NULL    -- the run, the children of its map runs, and runs of child flows
);
COMMENT ON TABLE flowctl_catalog.redaction IS 'which runs were redacted, by whom and why (flowctl.redact)';
ALTER TABLE flowctl_catalog.redaction ENABLE ROW LEVEL SECURITY;

-- pg_dump takes the holds on flows: a restored flow is held, too. Runs are not dumped, so the holds on runs
-- are not, either.
CREATE TABLE flowctl_catalog.hold (
    hold_id         uuid        PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(),
    run_id          uuid,
    flow_id         uuid,
    reason          text        NOT NULL,
    held_by         name        NOT NULL,
    by_superuser    boolean     NOT NULL,   -- only superusers release it
    held_at         timestamptz NOT NULL DEFAULT now(),
    released_by     name,
    released_at     timestamptz,
    release_reason  text,
    CHECK (pg_catalog.num_nonnulls(run_id, flow_id) = 1)
);
COMMENT ON TABLE flowctl_catalog.hold IS
    'runs and flows whose records must stay, and until when they had to (flowctl.hold)';
CREATE UNIQUE INDEX hold_run ON flowctl_catalog.hold (run_id) WHERE released_at IS NULL;
COMMENT ON INDEX flowctl_catalog.hold_run IS 'finds the hold on a run';
CREATE UNIQUE INDEX hold_flow ON flowctl_catalog.hold (flow_id) WHERE released_at IS NULL;
COMMENT ON INDEX flowctl_catalog.hold_flow IS 'finds the hold on a flow';
SELECT pg_catalog.pg_extension_config_dump('flowctl_catalog.hold', 'WHERE flow_id IS NOT NULL');

-- A redaction and a hold of a run take along the runs of child flows that it has started. Few runs have a
-- parent of this kind, and no other start pays for the index.
CREATE INDEX run_child ON flowctl_catalog.run (parent_run_id) WHERE parent_run_id IS NOT NULL AND map_run_id IS NULL;
COMMENT ON INDEX flowctl_catalog.run_child IS 'finds the runs of child flows that a run has started';

-- ANALYZE copies values of columns into pg_statistic, where a redaction does not reach them. No query needs
-- statistics of these columns. Leaves that are made later take this over (leaves.cpp).
ALTER TABLE flowctl_catalog.run
    ALTER COLUMN name SET STATISTICS 0, ALTER COLUMN input SET STATISTICS 0, ALTER COLUMN output SET STATISTICS 0,
    ALTER COLUMN error SET STATISTICS 0, ALTER COLUMN cause SET STATISTICS 0, ALTER COLUMN event SET STATISTICS 0,
    ALTER COLUMN subject SET STATISTICS 0, ALTER COLUMN subject_claims SET STATISTICS 0,
    ALTER COLUMN asserted_subject SET STATISTICS 0, ALTER COLUMN application_name SET STATISTICS 0,
    ALTER COLUMN client_addr SET STATISTICS 0, ALTER COLUMN attributes SET STATISTICS 0;
ALTER TABLE flowctl_catalog.run_name ALTER COLUMN name SET STATISTICS 0;
ALTER TABLE flowctl_catalog.intervention ALTER COLUMN reason SET STATISTICS 0;
ALTER TABLE flowctl_catalog.frame ALTER COLUMN frame SET STATISTICS 0;
ALTER TABLE flowctl_catalog.map_run
    ALTER COLUMN plan SET STATISTICS 0, ALTER COLUMN source SET STATISTICS 0, ALTER COLUMN error SET STATISTICS 0,
    ALTER COLUMN cause SET STATISTICS 0, ALTER COLUMN writer_state SET STATISTICS 0;
ALTER TABLE flowctl_catalog.history_event
    ALTER COLUMN details SET STATISTICS 0, ALTER COLUMN payload SET STATISTICS 0;

-- The engine calls these two while it redacts a run, and knows the salt then. The salt is no argument, so no
-- log of statements can show it.
CREATE FUNCTION flowctl_catalog.redacted(run_id uuid, payload text) RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_redacted';
COMMENT ON FUNCTION flowctl_catalog.redacted(uuid, text) IS
    'the marker of a payload of a run that is being redacted: {"redacted": "<SHA-256 of salt and payload>"}';
CREATE FUNCTION flowctl_catalog.redacted_details(run_id uuid, details text) RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_redacted_details';
COMMENT ON FUNCTION flowctl_catalog.redacted_details(uuid, text) IS
    'details of an event whose members are replaced by markers, as far as they may hold data';
CREATE FUNCTION flowctl_catalog.redacted_error(run_id uuid, error text) RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_redacted_error';
COMMENT ON FUNCTION flowctl_catalog.redacted_error(uuid, text) IS
    'the name of an error, or its marker if the name stands neither in the flow''s definition nor among those of the engine';
REVOKE ALL ON FUNCTION flowctl_catalog.redacted(uuid, text), flowctl_catalog.redacted_details(uuid, text),
    flowctl_catalog.redacted_error(uuid, text) FROM PUBLIC;

CREATE FUNCTION flowctl.redact(run_id uuid, reason text) RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_redact';
COMMENT ON FUNCTION flowctl.redact(uuid, text) IS
    'destroys what an ended run holds: input, output, payloads and causes in its history, the end user''s name and claims, '
    'attributes, and the same of its children. Each is replaced by a salted hash, {"redacted": "..."}. Returns done, done but '
    'which run is left to another owner, or why it is not done. For the flow''s owner';

CREATE FUNCTION flowctl.runs_of_subject(subject_key text) RETURNS TABLE (run_id uuid)
    LANGUAGE c STABLE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_runs_of_subject';
COMMENT ON FUNCTION flowctl.runs_of_subject(text) IS
    'the runs of flows that one owns which are about this person: the option subject_key of the flow found this value in the '
    'input. Runs that were redacted are not among them. Members of pg_read_all_data see the runs of all flows';

CREATE FUNCTION flowctl.hold(run_id uuid, reason text) RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_hold_run';
COMMENT ON FUNCTION flowctl.hold(uuid, text) IS
    'keeps a run with all of its records and children: it is neither redacted nor deleted by retention, until it is released. '
    'Returns done or why it is not done. For the flow''s owner';
CREATE FUNCTION flowctl.hold(flow text, reason text) RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_hold_flow';
COMMENT ON FUNCTION flowctl.hold(text, text) IS
    'keeps all runs of a flow, and the flow, until it is released. Returns done or why it is not done. For the flow''s owner';

CREATE FUNCTION flowctl.release(run_id uuid, reason text DEFAULT NULL) RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_release_run';
COMMENT ON FUNCTION flowctl.release(uuid, text) IS
    'ends the hold on a run. Returns done or why it is not done. For the flow''s owner; only superusers release what a '
    'superuser holds';
CREATE FUNCTION flowctl.release(flow text, reason text DEFAULT NULL) RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_release_flow';
COMMENT ON FUNCTION flowctl.release(text, text) IS
    'ends the hold on a flow. Returns done or why it is not done. For the flow''s owner; only superusers release what a '
    'superuser holds';

REVOKE ALL ON FUNCTION flowctl.redact(uuid, text), flowctl.runs_of_subject(text), flowctl.hold(uuid, text), flowctl.hold(text, text),
    flowctl.release(uuid, text), flowctl.release(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION flowctl.redact(uuid, text), flowctl.runs_of_subject(text), flowctl.hold(uuid, text), flowctl.hold(text, text),
    flowctl.release(uuid, text), flowctl.release(text, text) TO PUBLIC;

CREATE VIEW flowctl.redactions WITH (security_barrier) AS
    SELECT x.run_id, x.flow, x.redacted_by, x.redacted_at, x.reason, x.runs
    FROM flowctl_catalog.redaction x
         LEFT JOIN flowctl_catalog.flow w ON w.flow_id = x.flow_id
    WHERE (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
       OR coalesce(w.owner::oid, x.flow_owner::oid) IN (SELECT m.oid FROM flowctl_catalog.my_role m);
COMMENT ON VIEW flowctl.redactions IS
    'which runs were redacted, by whom and why; a row stays after its run is no longer kept';
COMMENT ON COLUMN flowctl.redactions.run_id IS 'the run that flowctl.redact was called for';
COMMENT ON COLUMN flowctl.redactions.flow IS 'name of its flow at that time';
COMMENT ON COLUMN flowctl.redactions.redacted_by IS 'the role that called flowctl.redact';
COMMENT ON COLUMN flowctl.redactions.redacted_at IS 'when';
COMMENT ON COLUMN flowctl.redactions.reason IS 'the reason given';
COMMENT ON COLUMN flowctl.redactions.runs IS
    'how many runs were redacted: the run itself, the children of its map runs, and runs of child flows';
REVOKE ALL ON flowctl.redactions FROM PUBLIC;
GRANT SELECT ON flowctl.redactions TO PUBLIC;

CREATE VIEW flowctl.holds WITH (security_barrier) AS
    SELECT CASE WHEN h.run_id IS NULL THEN 'flow' ELSE 'run' END AS kind, h.run_id, coalesce(w.name, r.flow) AS flow,
           h.reason, h.held_by, h.held_at
    FROM flowctl_catalog.hold h
         LEFT JOIN flowctl_catalog.run r ON r.run_id = h.run_id
         LEFT JOIN flowctl_catalog.flow w ON w.flow_id = coalesce(h.flow_id, r.flow_id)
    WHERE h.released_at IS NULL
      AND ((SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
           OR coalesce(w.owner::oid, r.flow_owner::oid) IN (SELECT m.oid FROM flowctl_catalog.my_role m));
COMMENT ON VIEW flowctl.holds IS 'the runs and flows that are under hold (flowctl.hold)';
COMMENT ON COLUMN flowctl.holds.kind IS 'run | flow';
COMMENT ON COLUMN flowctl.holds.run_id IS 'the run; NULL if a flow is held';
COMMENT ON COLUMN flowctl.holds.flow IS 'name of the flow, or of the run''s flow';
COMMENT ON COLUMN flowctl.holds.reason IS 'the reason given';
COMMENT ON COLUMN flowctl.holds.held_by IS 'the role that called flowctl.hold';
COMMENT ON COLUMN flowctl.holds.held_at IS 'when';
REVOKE ALL ON flowctl.holds FROM PUBLIC;
GRANT SELECT ON flowctl.holds TO PUBLIC;
