-- The workers of this database, and the place where its flows may act.

CREATE TABLE flowctl_catalog.installation (
    only_row          boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    system_identifier bigint      NOT NULL,
    database_oid      oid         NOT NULL,
    installation      text        NOT NULL,
    restore_id        text        NOT NULL DEFAULT '',
    at                timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE flowctl_catalog.installation IS
    'the place of this database when its flows were last allowed to act; in a copy of it they do nothing until '
    'flowctl.activate()';
COMMENT ON COLUMN flowctl_catalog.installation.restore_id IS
    'the content of the file pg_flowctl.restored when the flows were last allowed to act, which identifies a restore from a '
    'backup; empty if there was no such file';
ALTER TABLE flowctl_catalog.installation ENABLE ROW LEVEL SECURITY;

-- The view workers calls this function as the user who reads the view, so everybody may execute it. The view
-- counts the open runs for each row. By default the planner expects a thousand rows, and would compile the
-- count first.
CREATE FUNCTION flowctl_catalog.worker_status(
    OUT database name, OUT pid int, OUT shard int, OUT shards int, OUT started_at timestamptz, OUT runs_open bigint,
    OUT calls_open bigint, OUT turns bigint, OUT events bigint, OUT last_turn_at timestamptz, OUT state text)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL RESTRICTED ROWS 2 SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'flowctl_worker_status';
COMMENT ON FUNCTION flowctl_catalog.worker_status() IS 'the workers of this database; read the view flowctl.workers';
REVOKE ALL ON FUNCTION flowctl_catalog.worker_status() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION flowctl_catalog.worker_status() TO PUBLIC;

CREATE FUNCTION flowctl_catalog.register_installation() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'flowctl_register_installation';
COMMENT ON FUNCTION flowctl_catalog.register_installation() IS
    'records the place of this database; the extension''s script calls it once';
REVOKE ALL ON FUNCTION flowctl_catalog.register_installation() FROM PUBLIC;

CREATE FUNCTION flowctl.activate() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'flowctl_activate';
COMMENT ON FUNCTION flowctl.activate() IS
    'lets the flows of a database act that was copied or restored from a backup: from now on its runs go on and it makes calls';
-- Activating a copy may send the original's calls a second time, so the extension's owner decides who may do it.
REVOKE ALL ON FUNCTION flowctl.activate() FROM PUBLIC;

CREATE PROCEDURE flowctl.drain(timeout interval DEFAULT '1 min')
LANGUAGE c SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'flowctl_drain';
COMMENT ON PROCEDURE flowctl.drain(interval) IS
    'keeps new runs and calls from beginning in every database, at once and even if the transaction rolls back, and returns '
    'when nothing is under way; at the timeout an error says what still is. The drain ends with flowctl.undrain() or when '
    'the server ends';
CREATE PROCEDURE flowctl.undrain()
LANGUAGE c SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'flowctl_undrain';
COMMENT ON PROCEDURE flowctl.undrain() IS 'ends the drain that flowctl.drain() began';
-- A drain stops the flows of all databases, so the extension's owner decides who may do it.
REVOKE ALL ON PROCEDURE flowctl.drain(interval), flowctl.undrain() FROM PUBLIC;

CREATE FUNCTION flowctl_catalog.xmin_age() RETURNS bigint
LANGUAGE c VOLATILE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'flowctl_xmin_age';
COMMENT ON FUNCTION flowctl_catalog.xmin_age() IS
    'age of the oldest snapshot in transactions; read the view flowctl.workers';
REVOKE ALL ON FUNCTION flowctl_catalog.xmin_age() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION flowctl_catalog.xmin_age() TO PUBLIC;

CREATE VIEW flowctl.workers WITH (security_barrier) AS
    SELECT s.database, s.pid, s.shard, s.shards, s.started_at,
           (SELECT pg_catalog.count(*) FROM flowctl_catalog.run r
            WHERE r.status = 'RUNNING'
              AND (s.shards IS NULL OR pg_catalog.get_byte(pg_catalog.uuid_send(r.run_id), 15) % 64 % s.shards = s.shard)) AS runs_open,
           s.calls_open, s.turns, s.events, s.last_turn_at,
           s.state, flowctl_catalog.xmin_age() AS xmin_age,
           pg_catalog.pg_stat_get_dead_tuples('flowctl_catalog.frame'::pg_catalog.regclass) AS dead_frames,
           s.runs_open AS runs_in_memory
    FROM flowctl_catalog.worker_status() s;
COMMENT ON VIEW flowctl.workers IS 'the background workers of this database, or one row that says why there is none';
COMMENT ON COLUMN flowctl.workers.database IS 'the database';
COMMENT ON COLUMN flowctl.workers.pid IS 'process id, as in pg_stat_activity';
COMMENT ON COLUMN flowctl.workers.shard IS 'number of the worker''s share of the runs, counted from 0';
COMMENT ON COLUMN flowctl.workers.shards IS 'number of workers that the database has (flowctl.workers)';
COMMENT ON COLUMN flowctl.workers.started_at IS 'when the worker began';
COMMENT ON COLUMN flowctl.workers.runs_open IS
    'open runs of its share, including runs that wait and runs that have not begun; counted when the view is read';
COMMENT ON COLUMN flowctl.workers.calls_open IS 'number of calls under way';
COMMENT ON COLUMN flowctl.workers.turns IS 'number of turns of the worker''s loop since it began';
COMMENT ON COLUMN flowctl.workers.events IS 'number of transitions recorded since the worker began';
COMMENT ON COLUMN flowctl.workers.last_turn_at IS 'when the last turn ended';
COMMENT ON COLUMN flowctl.workers.state IS
    'working | drained (flowctl.drain) | off (flowctl.run) | waiting for activate() (the database may be a copy, or was restored from a backup) | standby (runs are the primary''s) | no room (max_worker_processes) | starting (there is none yet, or it has ended and comes back; the log says why it ended)';
COMMENT ON COLUMN flowctl.workers.xmin_age IS
    'number of transactions since the oldest snapshot (of a session, slot, prepared transaction or standby); dead rows of '
    'the engine''s tables that are newer cannot be cleaned up';
COMMENT ON COLUMN flowctl.workers.dead_frames IS
    'dead rows in the table of open runs; they cannot be cleaned up as long as an old snapshot needs them';
COMMENT ON COLUMN flowctl.workers.runs_in_memory IS
    'how many of runs_open are in memory, because something will soon happen to them';
REVOKE ALL ON flowctl.workers FROM PUBLIC;
GRANT SELECT ON flowctl.workers TO PUBLIC;
