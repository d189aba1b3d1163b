-- Map runs: the runs of distributed Map states.
--
-- A map run has one row. Its children are rows of the table run; they are written when the items are read,
-- and the worker of the parent begins them later. The counts are of children that have ended, and the
-- transaction that ends a child updates them.
CREATE TABLE flowctl_catalog.map_run (
    map_run_id        uuid        PRIMARY KEY,
    run_id            uuid        NOT NULL,
    call_id           int         NOT NULL,   -- the event id of the parent's MapRunStarted
    bucket            smallint    NOT NULL,
    flow_id           uuid        NOT NULL,
    flow              text        NOT NULL,
    version           int         NOT NULL,
    path              text        NOT NULL,
    state             text        NOT NULL,
    label             text        NOT NULL,
    type              text        NOT NULL,   -- type of the children: STANDARD or EXPRESS
    status            text        NOT NULL DEFAULT 'RUNNING',
    phase             text,                   -- READING RUNNING CLOSING WRITING REDRIVING; NULL if nothing is left to do
    plan              text,                   -- the plan as JSON; NULL when the map run is over and cannot be redriven
    source            text,                   -- items that came in one piece; NULL when all children are written
    max_concurrency   bigint      NOT NULL,
    tolerated_count   bigint,
    tolerated_percentage float8,
    error             text,
    cause             text,
    started_at        timestamptz NOT NULL,
    ended_at          timestamptz,
    read_attempts     int         NOT NULL DEFAULT 0,   -- how many processes were started to read or write for it
    items             bigint      NOT NULL DEFAULT 0,
    children          bigint      NOT NULL DEFAULT 0,
    begun             bigint      NOT NULL DEFAULT 0,   -- children before this index have begun
    succeeded         bigint      NOT NULL DEFAULT 0,
    failed            bigint      NOT NULL DEFAULT 0,
    timed_out         bigint      NOT NULL DEFAULT 0,
    aborted           bigint      NOT NULL DEFAULT 0,
    items_succeeded   bigint      NOT NULL DEFAULT 0,
    items_failed      bigint      NOT NULL DEFAULT 0,
    items_timed_out   bigint      NOT NULL DEFAULT 0,
    items_aborted     bigint      NOT NULL DEFAULT 0,
    results_written   bigint      NOT NULL DEFAULT 0,
    writer_state      text,                   -- how far a writer over HTTP has come, JSON
    all_read          boolean     NOT NULL DEFAULT false,   -- all children have been written
    redrive_count     int         NOT NULL DEFAULT 0,
    redriven_at       timestamptz,
    UNIQUE (run_id, call_id)
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE flowctl_catalog.map_run IS
    'runs of distributed Map states: how many children they have, and how the children have ended';
CREATE INDEX map_run_open ON flowctl_catalog.map_run (bucket) WHERE phase IS NOT NULL;
COMMENT ON INDEX flowctl_catalog.map_run_open IS 'finds the map runs that a worker has to continue';
CREATE INDEX map_run_kept ON flowctl_catalog.map_run (ended_at) WHERE phase IS NULL AND plan IS NOT NULL;
COMMENT ON INDEX flowctl_catalog.map_run_kept IS 'finds the map runs whose plans are no longer kept for a redrive';
ALTER TABLE flowctl_catalog.map_run ENABLE ROW LEVEL SECURITY;

CREATE INDEX run_map ON flowctl_catalog.run (map_run_id, map_index) WHERE map_run_id IS NOT NULL;
COMMENT ON INDEX flowctl_catalog.run_map IS 'finds the children of a distributed Map, in the order of their items';

CREATE VIEW flowctl.map_runs WITH (security_barrier) AS
    SELECT m.map_run_id, m.run_id, m.path, m.state, m.label, m.status, m.phase, m.max_concurrency, m.tolerated_count AS tolerated_failure_count,
           m.tolerated_percentage AS tolerated_failure_percentage, m.error,
           CASE WHEN may.read_payload THEN m.cause END AS cause, m.started_at, m.ended_at,
           m.items, m.items - m.items_succeeded - m.items_failed - m.items_timed_out - m.items_aborted AS items_open,
           m.items_succeeded, m.items_failed, m.items_timed_out, m.items_aborted,
           m.children AS runs, m.children - m.succeeded - m.failed - m.timed_out - m.aborted AS runs_open,
           m.succeeded AS runs_succeeded, m.failed AS runs_failed, m.timed_out AS runs_timed_out, m.aborted AS runs_aborted,
           m.results_written, m.redrive_count, m.redriven_at
    FROM flowctl_catalog.map_run m
         JOIN flowctl_catalog.run r ON r.run_id = m.run_id
         LEFT JOIN flowctl_catalog.flow w ON w.flow_id = r.flow_id
         CROSS JOIN LATERAL (SELECT flowctl_catalog.may_read_payload(
             r.flow_id, coalesce(w.owner::oid, r.flow_owner::oid), r.role::oid,
             CASE WHEN r.forked_from IS NULL THEN r.starter::oid ELSE 0 END)) may (read_payload)
    WHERE (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
       OR coalesce(w.owner::oid, r.flow_owner::oid) IN (SELECT o.oid FROM flowctl_catalog.my_role o)
       OR r.role::oid IN (SELECT o.oid FROM flowctl_catalog.my_role o)
       OR r.flow_id IN (SELECT g.flow_id FROM flowctl_catalog.my_readable_flow g)
       OR r.starter::oid = (SELECT u.oid FROM pg_catalog.pg_roles u WHERE u.rolname = CURRENT_USER);
COMMENT ON VIEW flowctl.map_runs IS
    'runs of distributed Map states, with the fields of AWS''s DescribeMapRun; their children are rows of flowctl.runs';
COMMENT ON COLUMN flowctl.map_runs.map_run_id IS 'identifies the map run; it is the last part of the map run''s ARN';
COMMENT ON COLUMN flowctl.map_runs.run_id IS 'the run that the Map state belongs to';
COMMENT ON COLUMN flowctl.map_runs.path IS 'branch and item that the Map is in, as in flowctl.steps';
COMMENT ON COLUMN flowctl.map_runs.state IS 'name of the Map state';
COMMENT ON COLUMN flowctl.map_runs.label IS 'the Map''s Label, or a label made from its name';
COMMENT ON COLUMN flowctl.map_runs.status IS 'RUNNING | SUCCEEDED | FAILED | ABORTED';
COMMENT ON COLUMN flowctl.map_runs.phase IS
    'while the map run is open: READING (items) | RUNNING (children) | CLOSING (aborts open children) | WRITING (results) | '
    'REDRIVING (lets children begin again that had not succeeded); else NULL';
COMMENT ON COLUMN flowctl.map_runs.max_concurrency IS 'how many children may run at a time; 0 means 10,000';
COMMENT ON COLUMN flowctl.map_runs.tolerated_failure_count IS 'how many items may fail; NULL if the state does not say';
COMMENT ON COLUMN flowctl.map_runs.tolerated_failure_percentage IS
    'how many percent of the items may fail; NULL if the state does not say';
COMMENT ON COLUMN flowctl.map_runs.error IS 'name of the error that the map run failed with';
COMMENT ON COLUMN flowctl.map_runs.cause IS 'description of the error';
COMMENT ON COLUMN flowctl.map_runs.started_at IS 'when the Map state began it';
COMMENT ON COLUMN flowctl.map_runs.ended_at IS 'when the map run ended; NULL while it is open';
COMMENT ON COLUMN flowctl.map_runs.items IS 'number of items that have been read';
COMMENT ON COLUMN flowctl.map_runs.items_open IS 'number of items in children that have not ended';
COMMENT ON COLUMN flowctl.map_runs.items_succeeded IS 'number of items in children that have succeeded';
COMMENT ON COLUMN flowctl.map_runs.items_failed IS 'number of items in children that have failed';
COMMENT ON COLUMN flowctl.map_runs.items_timed_out IS 'number of items in children that have timed out';
COMMENT ON COLUMN flowctl.map_runs.items_aborted IS 'number of items in children that were aborted';
COMMENT ON COLUMN flowctl.map_runs.runs IS 'number of children: one for each item or batch';
COMMENT ON COLUMN flowctl.map_runs.runs_open IS 'number of children that have not ended';
COMMENT ON COLUMN flowctl.map_runs.runs_succeeded IS 'number of children that have succeeded';
COMMENT ON COLUMN flowctl.map_runs.runs_failed IS 'number of children that have failed';
COMMENT ON COLUMN flowctl.map_runs.runs_timed_out IS 'number of children that have timed out';
COMMENT ON COLUMN flowctl.map_runs.runs_aborted IS 'number of children that were aborted';
COMMENT ON COLUMN flowctl.map_runs.results_written IS 'number of children''s results that the ResultWriter has written';
COMMENT ON COLUMN flowctl.map_runs.redrive_count IS 'how often the map run was redriven, with the run that it belongs to';
COMMENT ON COLUMN flowctl.map_runs.redriven_at IS 'when it was redriven last; NULL if it was not';
REVOKE ALL ON flowctl.map_runs FROM PUBLIC;
GRANT SELECT ON flowctl.map_runs TO PUBLIC;
