-- Tasks that wait for an answer from outside. 42_callbacks.sql has the functions by which the answer comes.
--
-- No table holds a token. A row has its SHA-256, by which a token is still known when its key is gone.

-- A row for each attempt that waits. The turn that begins the attempt inserts it, and the turn in which the wait
-- ends deletes it. Sessions write their answers into it: so one answer wins, and an answer that has been
-- committed wins over a timeout. The key begins as the run's id does, which keeps the rows of a time together.
CREATE TABLE flowctl_catalog.waiting_task (
    wait_id           uuid        PRIMARY KEY,   -- made of run and place
    run_id            uuid        NOT NULL,
    place             uuid        NOT NULL,      -- of the attempt in its run
    call_id           int         NOT NULL,      -- the event id of the attempt's TaskScheduled or ActivityScheduled
    bucket            smallint    NOT NULL,
    owner             regrole     NOT NULL,      -- of the flow
    kind              text        NOT NULL,
    path              text        NOT NULL,
    state             text        NOT NULL,
    visit             int         NOT NULL,
    attempt           int         NOT NULL,
    resource          text        NOT NULL,
    activity          text,
    input             text,                      -- of an activity's task, for its worker
    token_hash        bytea,                     -- SHA-256 of the token; NULL if nobody has it yet
    since             timestamptz NOT NULL,
    timeout_seconds   int,
    heartbeat_seconds int,
    worker            text,                      -- that has taken the task, as it calls itself
    taken_at          timestamptz,
    told              boolean     NOT NULL DEFAULT false,  -- the run knows that a worker has taken it
    heartbeat_at      timestamptz,
    news              timestamptz,               -- since when there is something for the run to take
    answered_at       timestamptz,
    answered_by       text,
    output            text,                      -- NULL if the answer is a failure
    error             text,
    cause             text
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE flowctl_catalog.waiting_task IS 'attempts that wait for an answer from outside, and the answers that no run has taken yet';
CREATE INDEX waiting_task_news ON flowctl_catalog.waiting_task (owner, news) WHERE news IS NOT NULL;
COMMENT ON INDEX flowctl_catalog.waiting_task_news IS 'finds the oldest answers for the runs of each owner, which the worker takes by turns';
CREATE INDEX waiting_task_activity ON flowctl_catalog.waiting_task (activity, since)
    WHERE activity IS NOT NULL AND taken_at IS NULL AND answered_at IS NULL;
COMMENT ON INDEX flowctl_catalog.waiting_task_activity IS 'finds the oldest task of an activity that no worker has taken';
ALTER TABLE flowctl_catalog.waiting_task ENABLE ROW LEVEL SECURITY;
-- Samples of payloads would outlive their rows.
ALTER TABLE flowctl_catalog.waiting_task ALTER COLUMN input SET STATISTICS 0, ALTER COLUMN output SET STATISTICS 0,
    ALTER COLUMN error SET STATISTICS 0, ALTER COLUMN cause SET STATISTICS 0, ALTER COLUMN token_hash SET STATISTICS 0;

-- After a failover that lost the last transactions, an answer may come before its run is there again where it
-- was.
CREATE TABLE flowctl_catalog.early_answer (
    wait_id         uuid        PRIMARY KEY,
    run_id          uuid        NOT NULL,
    answered_at     timestamptz NOT NULL,
    answered_by     text        NOT NULL,
    output          text,
    error           text,
    cause           text
);
COMMENT ON TABLE flowctl_catalog.early_answer IS 'answers to tasks that their runs have not reached yet';
ALTER TABLE flowctl_catalog.early_answer ENABLE ROW LEVEL SECURITY;
ALTER TABLE flowctl_catalog.early_answer ALTER COLUMN output SET STATISTICS 0, ALTER COLUMN error SET STATISTICS 0,
    ALTER COLUMN cause SET STATISTICS 0;

-- A row for each Task that waits for an event. The turn that begins the wait inserts it, and the turn in which
-- the wait ends deletes it.
CREATE TABLE flowctl_catalog.event_wait (
    run_id            uuid        NOT NULL,
    call_id           bigint      NOT NULL,
    bucket            smallint    NOT NULL,
    role              oid         NOT NULL,      -- of the run
    type              text        NOT NULL,
    subject           text,                      -- NULL: any
    match             text,                      -- an expression over the event; NULL: any event
    since             timestamptz NOT NULL,      -- events from before it do not count
    start_xid         xid8,                      -- the transaction that started the run
    since_event       uuid,                      -- the same, by the event_id of the last one that does not count
    seen              pg_snapshot,               -- of the start of the run; events that were not visible in it count
    path              text        NOT NULL,
    state             text        NOT NULL,
    attempt           int         NOT NULL,
    resource          text        NOT NULL,
    began_at          timestamptz NOT NULL,
    due_at            timestamptz,
    PRIMARY KEY (run_id, call_id)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE flowctl_catalog.event_wait IS 'Tasks that wait for an event';
CREATE INDEX event_wait_match ON flowctl_catalog.event_wait (type, subject, run_id, call_id);
COMMENT ON INDEX flowctl_catalog.event_wait_match IS 'finds the waits for an event';
ALTER TABLE flowctl_catalog.event_wait ENABLE ROW LEVEL SECURITY;
ALTER TABLE flowctl_catalog.event_wait ALTER COLUMN match SET STATISTICS 0;

-- What was visible when a run started whose flow waits for events. An event counts from the commit of its
-- transaction on, and transactions do not commit in the order of their times. The row goes when the run ends.
CREATE TABLE flowctl_catalog.event_start (
    run_id            uuid        PRIMARY KEY,
    xid               xid8        NOT NULL,
    seen              pg_snapshot NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE flowctl_catalog.event_start IS 'what was visible when runs started whose flows wait for events';
ALTER TABLE flowctl_catalog.event_start ENABLE ROW LEVEL SECURITY;
