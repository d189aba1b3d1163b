-- Starting runs and what follows: start, start_flow, wait, stop. Rights are checked inside (runs_sql.cpp, start.cpp).

CREATE FUNCTION flowctl.start(flow text, input jsonb DEFAULT '{}', name text DEFAULT NULL) RETURNS uuid
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_start';
COMMENT ON FUNCTION flowctl.start(text, jsonb, text) IS
    'starts a run of flow ''name'' or ''name:version'' when this transaction commits, and returns its run_id; the same name with '
    'the same input returns the same run, with another input it is an error (AWS: StartExecution)';

CREATE FUNCTION flowctl.start_flow() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_start_flow';
COMMENT ON FUNCTION flowctl.start_flow() IS
    'trigger function: AFTER ... FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow(''flow'' [, ''on_error=raise|record'']); '
    'the run''s input is {op, before, after, source}';

CREATE FUNCTION flowctl.wait(run_id uuid, timeout interval DEFAULT '1 min') RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_wait';
COMMENT ON FUNCTION flowctl.wait(uuid, interval) IS
    'waits until a run has ended or the timeout is over, and returns its status: RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED';

CREATE FUNCTION flowctl.stop(run_id uuid, error text DEFAULT NULL, cause text DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_stop';
COMMENT ON FUNCTION flowctl.stop(uuid, text, text) IS
    'ends an open run as ABORTED once this transaction has committed (AWS: StopExecution); nothing happens to a run that has ended';

CREATE FUNCTION flowctl.run_id_at(at timestamptz) RETURNS uuid
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_run_id_at';
COMMENT ON FUNCTION flowctl.run_id_at(timestamptz) IS
    'the least run_id of that millisecond: runs, history, steps and calls are stored by run_id, so WHERE run_id >= '
    'flowctl.run_id_at(now() - interval ''1 hour'') reads an hour of them and no more';

REVOKE ALL ON FUNCTION flowctl.start(text, jsonb, text), flowctl.start_flow(), flowctl.wait(uuid, interval),
    flowctl.stop(uuid, text, text), flowctl.run_id_at(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION flowctl.start(text, jsonb, text), flowctl.start_flow(), flowctl.wait(uuid, interval),
    flowctl.stop(uuid, text, text), flowctl.run_id_at(timestamptz) TO PUBLIC;
