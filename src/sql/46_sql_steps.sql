-- Tasks that are functions of the database (flowctl:sql:<schema.function>).

-- A row for each call of a function that a run waits for. The turn that begins the Task inserts the row. The executor
-- writes the result into it, in the same transaction in which the function has its effects. The turn that takes the
-- result deletes the row; of an EXPRESS run, which begins again after a crash, rows stay until the run ends. The key
-- begins and ends as the run's id does.
CREATE TABLE flowctl_catalog.sql_order (
    order_id        uuid        PRIMARY KEY,   -- made of the run and the place of the attempt in it
    run_id          uuid        NOT NULL,
    call_id         bigint      NOT NULL,      -- the event id of the attempt's TaskScheduled
    flow_owner      regrole     NOT NULL,
    role            regrole     NOT NULL,      -- that executes the function
    function        text        NOT NULL,      -- as the Resource names it
    input           text        NOT NULL,      -- JSON
    flow            text        NOT NULL,
    version         int         NOT NULL,
    state           text        NOT NULL,
    path            text        NOT NULL,
    depth           int         NOT NULL,      -- how many flows have started one another above the run
    subject         text,                      -- the verified end user; the next two belong to it
    subject_issuer  text,
    subject_claims  text,
    handed_token    text,                      -- of the run, if the input has a marker in the place of its token
    due_at          timestamptz,               -- when the time of the Task is over
    since           timestamptz NOT NULL,
    done_at         timestamptz,
    output          text,                      -- JSON; NULL if the function has failed
    error           text,
    cause           text
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE flowctl_catalog.sql_order IS 'calls of SQL functions that runs wait for, and results that no run has taken yet';
ALTER TABLE flowctl_catalog.sql_order ENABLE ROW LEVEL SECURITY;
-- Samples of payloads would outlive their rows.
ALTER TABLE flowctl_catalog.sql_order ALTER COLUMN input SET STATISTICS 0, ALTER COLUMN output SET STATISTICS 0,
    ALTER COLUMN error SET STATISTICS 0, ALTER COLUMN cause SET STATISTICS 0, ALTER COLUMN subject SET STATISTICS 0,
    ALTER COLUMN subject_issuer SET STATISTICS 0, ALTER COLUMN subject_claims SET STATISTICS 0, ALTER COLUMN handed_token SET STATISTICS 0;

CREATE FUNCTION flowctl.current_run(OUT run_id uuid, OUT flow text, OUT version int, OUT state text, OUT role regrole,
                                    OUT starter regrole, OUT subject text, OUT subject_claims jsonb) RETURNS record
    LANGUAGE c STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_current_run';
COMMENT ON FUNCTION flowctl.current_run() IS
    'within a SQL step: the run that the step belongs to, its state, who started it and the verified end user; NULL outside of one';
REVOKE ALL ON FUNCTION flowctl.current_run() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION flowctl.current_run() TO PUBLIC;
