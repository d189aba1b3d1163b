-- Runs: starting them and waiting for them. 32_control.sql has what is done to runs, and 36_history.sql the record of what
-- a run did.
--
-- PUBLIC has EXECUTE on the functions; each function checks whether its caller has the right on that flow or
-- run. Payloads are JSON text in the tables, and the views convert them to jsonb.

-- A run has one row. The transaction that starts the run inserts it, and it is updated once, when the run ends.
CREATE TABLE flowctl_catalog.run (
    run_id            uuid        NOT NULL,
    flow_id           uuid        NOT NULL,
    flow              text        NOT NULL,
    version           int         NOT NULL,
    alias             text,       -- that led to the version
    type              text        NOT NULL,
    name              text,
    status            text        NOT NULL DEFAULT 'RUNNING',
    input             text        NOT NULL,
    output            text,       -- set if no history event holds the output
    output_ref        int,        -- the history event that holds the output; 0 if it is the input
    error             text,
    cause             text,
    started_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at          timestamptz,
    flow_owner        regrole     NOT NULL,
    role              regrole     NOT NULL,
    starter           regrole     NOT NULL,
    session_user_name text        NOT NULL,
    system_user_name  text,
    subject           text,       -- the verified end user; the next two belong to it
    subject_issuer    text,
    subject_claims    text,       -- a JSON object
    subject_handle    uuid,       -- the key of the user's token in shared memory
    asserted_subject  text,
    client_addr       inet,
    application_name  text,
    start_xid         xid8        NOT NULL,   -- of a child: its parent's, so that sweeps for recent runs pass over it
    event             text,       -- the CloudEvents envelope of what caused the run, JSON
    traceparent       text,
    parent_run_id     uuid,
    handed_token      text,       -- the run whose token this one was handed, and the place of the call that waits for it
    depth             int         NOT NULL DEFAULT 0,   -- how many flows have started one another above this run
    redrive_count     int         NOT NULL DEFAULT 0,
    redriven_at       timestamptz,
    map_run_id        uuid,       -- of a child of a distributed Map; the last byte of its run_id is its parent's
    map_index         bigint,     -- number of the child, from 0
    map_items         int,        -- how many items are in its input
    forked_from       uuid,       -- the run that this one was forked from (flowctl.fork)
    stopped_by        text,       -- the role that ended it by flowctl.stop()
    redacted_at       timestamptz,  -- when its payloads were replaced by markers (flowctl.redact)
    attributes        text,       -- a JSON object; 37_attributes.sql
    PRIMARY KEY (run_id)
) PARTITION BY RANGE (run_id);
COMMENT ON TABLE flowctl_catalog.run IS 'runs: who started which flow, when and with which input, and how the run ended';
-- Every index costs each start an entry, and most runs succeed. So the indexes for open runs and for failed
-- runs, which are searched among many others, hold only such runs.
CREATE INDEX run_open ON flowctl_catalog.run (start_xid) WHERE status = 'RUNNING';
COMMENT ON INDEX flowctl_catalog.run_open IS
    'finds open runs, either of recent transactions for the worker''s sweep, or all';
CREATE INDEX run_failed ON flowctl_catalog.run (started_at) WHERE status IN ('FAILED', 'TIMED_OUT', 'ABORTED');
COMMENT ON INDEX flowctl_catalog.run_failed IS 'finds the runs that ended without success, latest last';
ALTER TABLE flowctl_catalog.run ENABLE ROW LEVEL SECURITY;

CREATE TABLE flowctl_catalog.run_default PARTITION OF flowctl_catalog.run DEFAULT;
COMMENT ON TABLE flowctl_catalog.run_default IS 'the leaf for runs whose time has no leaf of its own';
ALTER TABLE flowctl_catalog.run_default ENABLE ROW LEVEL SECURITY;

CREATE TABLE flowctl_catalog.run_name (
    flow_id         uuid        NOT NULL,
    name            text        NOT NULL,
    run_id          uuid        NOT NULL,
    PRIMARY KEY (flow_id, name)
);
COMMENT ON TABLE flowctl_catalog.run_name IS 'names given at start: the same name with the same input is the same run';
CREATE INDEX run_name_run ON flowctl_catalog.run_name (run_id);
COMMENT ON INDEX flowctl_catalog.run_name_run IS 'finds the names of runs that are no longer kept';
ALTER TABLE flowctl_catalog.run_name ENABLE ROW LEVEL SECURITY;

-- A row for each open run. The table stays small, and its rows are updated in place.
CREATE TABLE flowctl_catalog.frame (
    run_id          uuid        PRIMARY KEY,
    bucket          smallint    NOT NULL,
    phase           text        NOT NULL,
    current_state   text,
    due_at          timestamptz,
    frame           text        NOT NULL
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE flowctl_catalog.frame IS 'the state of each open run, as the machine saves it';
CREATE INDEX frame_due ON flowctl_catalog.frame (due_at) WHERE due_at IS NOT NULL;
COMMENT ON INDEX flowctl_catalog.frame_due IS 'finds the runs whose timers fire next';
ALTER TABLE flowctl_catalog.frame ENABLE ROW LEVEL SECURITY;

-- The views ask it for each payload. It is no set of sub-selects as the conditions for rows are, because every
-- payload would have its own. It looks nothing up in a schema unless it acts as the extension's owner, who has a
-- path of his own. Everybody may call it, since views call functions as the user who reads them; it says nothing
-- about a run.
CREATE FUNCTION flowctl_catalog.may_read_payload(flow_id uuid, flow_owner oid, role oid, starter oid) RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'flowctl_may_read_payload';
COMMENT ON FUNCTION flowctl_catalog.may_read_payload(uuid, oid, oid, oid) IS
    'whether the current role may read the payloads of a run with this flow, owner, role and, where it counts, starter';
REVOKE ALL ON FUNCTION flowctl_catalog.may_read_payload(uuid, oid, oid, oid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION flowctl_catalog.may_read_payload(uuid, oid, oid, oid) TO PUBLIC;

CREATE FUNCTION flowctl.start(flow text, input jsonb DEFAULT '{}', name text DEFAULT NULL) RETURNS uuid
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_start';
COMMENT ON FUNCTION flowctl.start(text, jsonb, text) IS
    'starts a run of flow ''name'', ''name:version'' or ''name:alias'' when this transaction commits, and returns its run_id. The same name '
    'with the same input returns the same run; with another input it is an error (AWS: StartExecution)';

CREATE FUNCTION flowctl.start_flow() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_start_flow';
COMMENT ON FUNCTION flowctl.start_flow() IS
    'trigger function: AFTER ... FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow(''flow'' [, ''option=value'' ...]), or FOR EACH STATEMENT with '
    'transition tables and ''per=row'' or ''per=statement''; the options are on_error, per, columns, except, before, when, input and name; '
    'the run''s input is {op, before, after, source}';

CREATE FUNCTION flowctl.wait(run_id uuid, timeout interval DEFAULT '1 min') RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_wait';
COMMENT ON FUNCTION flowctl.wait(uuid, interval) IS
    'waits until a run has ended or the timeout is over, and returns its status: RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED';

CREATE FUNCTION flowctl.run_id_at(at timestamptz) RETURNS uuid
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_run_id_at';
COMMENT ON FUNCTION flowctl.run_id_at(timestamptz) IS
    'the smallest run_id of that millisecond. Runs, history, steps and calls are stored by run_id, so WHERE run_id >= '
    'flowctl.run_id_at(now() - interval ''1 hour'') reads only the last hour';

REVOKE ALL ON FUNCTION flowctl.start(text, jsonb, text), flowctl.start_flow(), flowctl.wait(uuid, interval),
    flowctl.run_id_at(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION flowctl.start(text, jsonb, text), flowctl.start_flow(), flowctl.wait(uuid, interval),
    flowctl.run_id_at(timestamptz) TO PUBLIC;
