-- Schedules: flows that a time starts.
--
-- A schedule is two rows. What somebody has asked for stands in schedule, which is dumped. What has become of it
-- stands in schedule_state, which is not: where a dump is restored, a schedule goes on from that moment and does
-- nothing again that the original database has done. The worker that owns the schedule's bucket fires. In one
-- transaction it inserts the run and moves next_due on; so each time is one run, whatever crashes.

CREATE TABLE flowctl_catalog.schedule (
    schedule_id     uuid        PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(),
    name            text        NOT NULL UNIQUE CHECK (name ~ '^[A-Za-z0-9_-]{1,80}$'),
    owner           flowctl_catalog.role_ref NOT NULL,
    flow            text        NOT NULL,      -- with a version or alias, if it was given so
    schedule        text        NOT NULL,
    input           text        NOT NULL,
    time_zone       text        NOT NULL,
    anchor          timestamptz NOT NULL,      -- intervals are counted from it
    starts_at       timestamptz,
    ends_at         timestamptz,
    catch_up        text        NOT NULL CHECK (catch_up IN ('none', 'last', 'all')),
    overlap         text        NOT NULL CHECK (overlap IN ('allow', 'skip', 'queue', 'replace')),
    jitter          interval    NOT NULL,
    pause_on_failure boolean    NOT NULL,
    comment         text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    revision        int         NOT NULL DEFAULT 1,
    paused_at       timestamptz,
    paused_by       name,       -- NULL: the schedule was paused by a failure
    pause_reason    text
);
COMMENT ON TABLE flowctl_catalog.schedule IS 'schedules of flows (flowctl.create_schedule)';
CREATE TRIGGER depend_on_role AFTER INSERT OR UPDATE OF owner OR DELETE ON flowctl_catalog.schedule
    FOR EACH ROW EXECUTE FUNCTION flowctl_catalog.depend_on_role();
ALTER TABLE flowctl_catalog.schedule ENABLE ALWAYS TRIGGER depend_on_role;
COMMENT ON TRIGGER depend_on_role ON flowctl_catalog.schedule IS 'keeps owners of schedules from being dropped';
CREATE INDEX schedule_flow ON flowctl_catalog.schedule ((pg_catalog.split_part(flow, ':', 1)));
COMMENT ON INDEX flowctl_catalog.schedule_flow IS 'finds the schedules of a flow';
SELECT pg_catalog.pg_extension_config_dump('flowctl_catalog.schedule', '');

CREATE TABLE flowctl_catalog.schedule_state (
    schedule_id     uuid        PRIMARY KEY,
    bucket          smallint    NOT NULL,
    revision        int         NOT NULL,      -- of the schedule that this state belongs to
    armed_at        timestamptz NOT NULL,      -- times before it were past when the schedule was made or resumed
    next_due        timestamptz,               -- the first time that has not been dealt with; NULL: there is none
    fire_at         timestamptz,               -- when the worker comes to it; NULL: not by itself
    waits_for       uuid,                      -- the run that has to end first (overlap queue)
    behind          boolean     NOT NULL DEFAULT false,    -- it has waited, so its late times are not missed
    last_due        timestamptz,
    last_fired_at   timestamptz,
    last_run_id     uuid,
    fired           bigint      NOT NULL DEFAULT 0,
    missed          bigint      NOT NULL DEFAULT 0,
    skipped         bigint      NOT NULL DEFAULT 0,
    last_error      text
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE flowctl_catalog.schedule_state IS 'the next time of each schedule, and what it has done';
CREATE INDEX schedule_state_fire_at ON flowctl_catalog.schedule_state (fire_at) WHERE fire_at IS NOT NULL;
COMMENT ON INDEX flowctl_catalog.schedule_state_fire_at IS 'finds the schedules that are due';
ALTER TABLE flowctl_catalog.schedule_state ENABLE ROW LEVEL SECURITY;

-- Only runs whose end matters to their schedule, because of overlap or pause_on_failure. They are in the bucket of
-- their schedule, so one worker has both.
CREATE TABLE flowctl_catalog.schedule_run (
    run_id          uuid        PRIMARY KEY,
    schedule_id     uuid        NOT NULL,
    replaced        boolean     NOT NULL DEFAULT false     -- it is to be stopped, since a later run takes its place
) WITH (autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE flowctl_catalog.schedule_run IS 'open runs of schedules that do something when a run ends';
CREATE INDEX schedule_run_schedule ON flowctl_catalog.schedule_run (schedule_id);
COMMENT ON INDEX flowctl_catalog.schedule_run_schedule IS 'finds the open runs of a schedule';
ALTER TABLE flowctl_catalog.schedule_run ENABLE ROW LEVEL SECURITY;

-- Times of a backfill whose runs come one after the other. The run has its id from the beginning.
CREATE TABLE flowctl_catalog.schedule_backfill (
    run_id          uuid        PRIMARY KEY,
    schedule_id     uuid        NOT NULL,
    due_at          timestamptz NOT NULL,
    bucket          smallint    NOT NULL
) WITH (autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE flowctl_catalog.schedule_backfill IS 'runs of backfills that wait for the one before (flowctl.backfill_schedule)';
CREATE INDEX schedule_backfill_next ON flowctl_catalog.schedule_backfill (schedule_id, due_at, run_id);
COMMENT ON INDEX flowctl_catalog.schedule_backfill_next IS 'finds the next run of each schedule';
ALTER TABLE flowctl_catalog.schedule_backfill ENABLE ROW LEVEL SECURITY;

-- A row that a dump brings gets its state here, too.
CREATE FUNCTION flowctl_catalog.arm_schedule() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_arm_schedule';
COMMENT ON FUNCTION flowctl_catalog.arm_schedule() IS
    'trigger function of the table of schedules: computes the next time of a new row';
REVOKE ALL ON FUNCTION flowctl_catalog.arm_schedule() FROM PUBLIC;
CREATE TRIGGER arm_schedule AFTER INSERT ON flowctl_catalog.schedule
    FOR EACH ROW EXECUTE FUNCTION flowctl_catalog.arm_schedule();
ALTER TABLE flowctl_catalog.schedule ENABLE ALWAYS TRIGGER arm_schedule;
COMMENT ON TRIGGER arm_schedule ON flowctl_catalog.schedule IS 'computes the next time of a new schedule';

CREATE FUNCTION flowctl.create_schedule(
    name text, flow text, schedule text, input jsonb DEFAULT '{}', time_zone text DEFAULT 'UTC',
    starts_at timestamptz DEFAULT NULL, ends_at timestamptz DEFAULT NULL, catch_up text DEFAULT 'none',
    overlap text DEFAULT 'allow', jitter interval DEFAULT '0', pause_on_failure boolean DEFAULT false,
    comment text DEFAULT NULL, or_replace boolean DEFAULT false) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_create_schedule';
COMMENT ON FUNCTION flowctl.create_schedule(text, text, text, jsonb, text, timestamptz, timestamptz, text, text, interval,
                                            boolean, text, boolean) IS
    'starts a flow at times: ''0 2 * * 1-5'' (5 or 6 fields), ''30 seconds'', cron(...), rate(...), at(...). catch_up: what '
    'becomes of times at which the server was down, none | last | all. overlap: what happens while the run before is open, '
    'allow | skip | queue | replace. The schedule belongs to the current role, which starts the runs and must be allowed to';

CREATE FUNCTION flowctl.alter_schedule(
    name text, flow text DEFAULT NULL, schedule text DEFAULT NULL, input jsonb DEFAULT NULL, time_zone text DEFAULT NULL,
    starts_at timestamptz DEFAULT NULL, ends_at timestamptz DEFAULT NULL, catch_up text DEFAULT NULL,
    overlap text DEFAULT NULL, jitter interval DEFAULT NULL, pause_on_failure boolean DEFAULT NULL,
    comment text DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_alter_schedule';
COMMENT ON FUNCTION flowctl.alter_schedule(text, text, text, jsonb, text, timestamptz, timestamptz, text, text, interval,
                                           boolean, text) IS
    'changes a schedule; what is NULL stays as it is. starts_at ''-infinity'' and ends_at ''infinity'' remove these bounds. '
    'For its owner';

CREATE FUNCTION flowctl.drop_schedule(name text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_drop_schedule';
COMMENT ON FUNCTION flowctl.drop_schedule(text) IS 'removes a schedule; its runs go on. For its owner';

CREATE FUNCTION flowctl.pause_schedule(name text, reason text DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_pause_schedule';
COMMENT ON FUNCTION flowctl.pause_schedule(text, text) IS
    'the schedule starts nothing until flowctl.resume_schedule(). For its owner, and who may operate the flow';

CREATE FUNCTION flowctl.resume_schedule(name text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_resume_schedule';
COMMENT ON FUNCTION flowctl.resume_schedule(text) IS
    'ends what flowctl.pause_schedule() or a failure began: the schedule goes on with its next time; times meanwhile are left '
    'out (flowctl.backfill_schedule). For its owner, and who may operate the flow';

CREATE FUNCTION flowctl.run_schedule(name text) RETURNS uuid
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_run_schedule';
COMMENT ON FUNCTION flowctl.run_schedule(text) IS
    'starts a run as the schedule would, now and whether it is paused or not, and returns its id. For its owner';

CREATE FUNCTION flowctl.backfill_schedule(name text, since timestamptz, until timestamptz, overlap text DEFAULT NULL)
    RETURNS int
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_backfill_schedule';
COMMENT ON FUNCTION flowctl.backfill_schedule(text, timestamptz, timestamptz, text) IS
    'starts a run for each time of the schedule from since to until, both included, as if it were that time, and returns how '
    'many; at most flowctl.max_catch_up. overlap: allow, which starts all at once, or queue, by which each starts when the one '
    'before has ended. For its owner';

CREATE FUNCTION flowctl.next_times(schedule text, time_zone text DEFAULT 'UTC', n int DEFAULT 5,
                                   since timestamptz DEFAULT pg_catalog.now()) RETURNS SETOF timestamptz
    LANGUAGE c STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_next_times';
COMMENT ON FUNCTION flowctl.next_times(text, text, int, timestamptz) IS
    'the next n times (1 to 1000) of a schedule after since: for people who are writing one. An interval is counted from since';

REVOKE ALL ON FUNCTION
    flowctl.create_schedule(text, text, text, jsonb, text, timestamptz, timestamptz, text, text, interval, boolean, text, boolean),
    flowctl.alter_schedule(text, text, text, jsonb, text, timestamptz, timestamptz, text, text, interval, boolean, text),
    flowctl.drop_schedule(text), flowctl.pause_schedule(text, text), flowctl.resume_schedule(text),
    flowctl.run_schedule(text), flowctl.backfill_schedule(text, timestamptz, timestamptz, text),
    flowctl.next_times(text, text, int, timestamptz)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    flowctl.create_schedule(text, text, text, jsonb, text, timestamptz, timestamptz, text, text, interval, boolean, text, boolean),
    flowctl.alter_schedule(text, text, text, jsonb, text, timestamptz, timestamptz, text, text, interval, boolean, text),
    flowctl.drop_schedule(text), flowctl.pause_schedule(text, text), flowctl.resume_schedule(text),
    flowctl.run_schedule(text), flowctl.backfill_schedule(text, timestamptz, timestamptz, text),
    flowctl.next_times(text, text, int, timestamptz)
    TO PUBLIC;

CREATE VIEW flowctl.schedules WITH (security_barrier) AS
    SELECT d.schedule_id, d.name, d.flow, d.schedule, d.time_zone,
           CASE WHEN d.paused_at IS NOT NULL THEN 'PAUSED' WHEN s.waits_for IS NOT NULL THEN 'WAITING'
                WHEN s.next_due IS NULL THEN 'ENDED' ELSE 'ACTIVE' END AS status,
           CASE WHEN d.paused_at IS NULL THEN s.next_due END AS next,
           s.last_due AS last, s.last_fired_at, s.last_run_id, s.fired, s.missed, s.skipped, s.last_error,
           d.input::pg_catalog.jsonb AS input, d.starts_at, d.ends_at, d.catch_up, d.overlap, d.jitter, d.pause_on_failure,
           d.comment, d.owner::regrole AS owner, d.created_at, d.paused_at, d.paused_by, d.pause_reason
    FROM flowctl_catalog.schedule d LEFT JOIN flowctl_catalog.schedule_state s ON s.schedule_id = d.schedule_id
    WHERE (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
       OR d.owner::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m)
       OR pg_catalog.split_part(d.flow, ':', 1) IN (SELECT f.name FROM flowctl_catalog.flow f
                                                    WHERE f.owner::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m));
COMMENT ON VIEW flowctl.schedules IS 'the schedules that the current role owns, or that start a flow of the current role';
COMMENT ON COLUMN flowctl.schedules.schedule_id IS 'identifies the schedule';
COMMENT ON COLUMN flowctl.schedules.name IS 'unique; 1 to 80 of A-Z a-z 0-9 _ -';
COMMENT ON COLUMN flowctl.schedules.flow IS 'the flow that it starts: name, name:version or name:alias';
COMMENT ON COLUMN flowctl.schedules.schedule IS 'when';
COMMENT ON COLUMN flowctl.schedules.time_zone IS 'the time zone in which the schedule is meant';
COMMENT ON COLUMN flowctl.schedules.status IS
    'ACTIVE | WAITING for its run to end (overlap queue) | PAUSED | ENDED, since there is no later time';
COMMENT ON COLUMN flowctl.schedules.next IS 'the next time; NULL if it is paused or has ended';
COMMENT ON COLUMN flowctl.schedules.last IS 'the last time for which a run was started';
COMMENT ON COLUMN flowctl.schedules.last_fired_at IS 'when this run was started';
COMMENT ON COLUMN flowctl.schedules.last_run_id IS 'this run';
COMMENT ON COLUMN flowctl.schedules.fired IS 'number of runs that were started at their times, or to catch up';
COMMENT ON COLUMN flowctl.schedules.missed IS
    'number of times for which no run was started, since the server was down (catch_up) or the start failed (last_error)';
COMMENT ON COLUMN flowctl.schedules.skipped IS
    'number of times that were left out because of overlap, or while the flow was paused with schedules = drop';
COMMENT ON COLUMN flowctl.schedules.last_error IS 'why the last start failed; NULL if it succeeded';
COMMENT ON COLUMN flowctl.schedules.input IS 'the input of the runs';
COMMENT ON COLUMN flowctl.schedules.starts_at IS 'no time before it counts';
COMMENT ON COLUMN flowctl.schedules.ends_at IS 'no time after it counts';
COMMENT ON COLUMN flowctl.schedules.catch_up IS 'what becomes of times at which the server was down: none | last | all';
COMMENT ON COLUMN flowctl.schedules.overlap IS 'what happens while the run before is open: allow | skip | queue | replace';
COMMENT ON COLUMN flowctl.schedules.jitter IS 'a run starts up to so much later than its time';
COMMENT ON COLUMN flowctl.schedules.pause_on_failure IS 'the schedule pauses when one of its runs fails';
COMMENT ON COLUMN flowctl.schedules.comment IS 'the text given to flowctl.create_schedule';
COMMENT ON COLUMN flowctl.schedules.owner IS
    'the role that starts the runs; NULL if the role does not exist (flowctl.unresolved)';
COMMENT ON COLUMN flowctl.schedules.created_at IS 'when the schedule was made';
COMMENT ON COLUMN flowctl.schedules.paused_at IS 'when it was paused';
COMMENT ON COLUMN flowctl.schedules.paused_by IS 'who has paused it; NULL: a failure';
COMMENT ON COLUMN flowctl.schedules.pause_reason IS 'the reason that was given, or the failure';
REVOKE ALL ON flowctl.schedules FROM PUBLIC;
GRANT SELECT ON flowctl.schedules TO PUBLIC;
