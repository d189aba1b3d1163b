-- Flows that flows start, and starting a run and waiting for it in one statement.
--
-- A procedure that commits can have no SET clause, so its search_path is not pinned here: its SQL runs as the
-- extension's owner, which pins the path.

-- A row for each call that waits for another run (.sync). The worker of the run that waits writes and deletes it.
CREATE TABLE flowctl_catalog.child_flow (
    parent_run_id     uuid        NOT NULL,
    call_id           bigint      NOT NULL,
    child_run_id      uuid        NOT NULL,
    path              text        NOT NULL,
    state             text        NOT NULL,
    attempt           int         NOT NULL,
    resource          text        NOT NULL,
    due_at            timestamptz,
    as_json           boolean     NOT NULL,       -- .sync:2
    adopted           boolean     NOT NULL,       -- the run existed already, so it does not stop with the one that waits
    since             timestamptz NOT NULL,
    PRIMARY KEY (parent_run_id, call_id)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE flowctl_catalog.child_flow IS 'calls that wait for a run which they have started';
CREATE INDEX child_flow_child ON flowctl_catalog.child_flow (child_run_id);
COMMENT ON INDEX flowctl_catalog.child_flow_child IS 'finds who waits for a run that has ended';
ALTER TABLE flowctl_catalog.child_flow ENABLE ROW LEVEL SECURITY;

-- What one run has to tell another one, which may have another worker. The receiver's worker deletes the row.
CREATE TABLE flowctl_catalog.run_message (
    run_id            uuid        NOT NULL,
    call_id           bigint      NOT NULL,       -- the call that has waited; 0: the run is to stop
    sender            uuid        NOT NULL,
    as_json           boolean     NOT NULL,
    content           text        NOT NULL,       -- how the run has ended that the call has waited for, or why the run is to stop
    PRIMARY KEY (run_id, call_id)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE flowctl_catalog.run_message IS 'messages between runs that wait for one another, until they are carried out';
ALTER TABLE flowctl_catalog.run_message ENABLE ROW LEVEL SECURITY;

CREATE PROCEDURE flowctl.start_sync(flow text, input jsonb, INOUT output jsonb DEFAULT NULL,
                                    timeout interval DEFAULT '5 min', name text DEFAULT NULL)
    LANGUAGE c AS 'MODULE_PATHNAME', 'flowctl_start_sync';
COMMENT ON PROCEDURE flowctl.start_sync(text, jsonb, jsonb, interval, text) IS
    'starts a run, commits, waits until it has ended, and gives its output; a run that fails raises its error and cause, and the '
    'detail has its run_id. The same name waits for the same run (AWS: StartSyncExecution). Not in a transaction block';

CREATE PROCEDURE flowctl.wait_for(run_id uuid, timeout interval DEFAULT '1 min', INOUT status text DEFAULT NULL)
    LANGUAGE c AS 'MODULE_PATHNAME', 'flowctl_wait_for';
COMMENT ON PROCEDURE flowctl.wait_for(uuid, interval, text) IS
    'commits, waits until a run has ended or the timeout is over, and gives its status. Unlike flowctl.wait() it holds no snapshot '
    'while it waits. Not in a transaction block';

REVOKE ALL ON PROCEDURE flowctl.start_sync(text, jsonb, jsonb, interval, text), flowctl.wait_for(uuid, interval, text) FROM PUBLIC;
GRANT EXECUTE ON PROCEDURE flowctl.start_sync(text, jsonb, jsonb, interval, text), flowctl.wait_for(uuid, interval, text) TO PUBLIC;
