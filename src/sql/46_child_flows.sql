-- Flows that flows start, and starting a run and waiting for it in one statement.
--
-- A procedure that commits can have no SET clause, so its search_path is not pinned here: its SQL runs as the
-- extension's owner, which pins the path.

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
