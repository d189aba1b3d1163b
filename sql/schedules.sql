-- Schedules: what is understood, what is refused, who may do what, and what starts a run. Times that come by themselves are
-- in test/t/155_schedules.pl, where a clock can be set.
CREATE EXTENSION pg_flowctl;
CREATE ROLE regress_schedules_author;
CREATE ROLE regress_schedules_user;
CREATE ROLE regress_schedules_other;
SELECT flowctl.grant_author('regress_schedules_author');
\set pass '{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}'
SET TimeZone = 'UTC';

-- the next times, in a time zone
SELECT * FROM flowctl.next_times('0 2 * * 1-5', since => '2026-05-29 12:00');
SELECT * FROM flowctl.next_times('30 2 * * *', 'Europe/Berlin', 3, '2026-03-28 00:00');
SELECT * FROM flowctl.next_times('30 2 * * *', 'Europe/Berlin', 3, '2026-10-24 00:00');
SELECT * FROM flowctl.next_times('0 * * * *', 'Europe/Berlin', 3, '2026-10-24 23:30');
SELECT * FROM flowctl.next_times('0 12 * * *', 'Pacific/Apia', 3, '2011-12-29 12:00');
SELECT * FROM flowctl.next_times('30 seconds', n => 2, since => '2026-01-01 00:00:10.5');
SELECT * FROM flowctl.next_times('*/20 30 4 $ FEB *', n => 4, since => '2027-03-01');
SELECT * FROM flowctl.next_times('cron(0 9 ? * 2#1 2026-2027)', 'America/New_York', 2, '2027-11-01');
SELECT * FROM flowctl.next_times('rate(1 hour)', n => 1, since => '2026-01-01');
SELECT * FROM flowctl.next_times('at(2026-03-29T02:30:00)', 'Europe/Berlin', 5, '2026-01-01');
SELECT * FROM flowctl.next_times('@yearly', 'Asia/Kathmandu', 1, '2026-06-01');
-- each local day has its time once, whatever the clocks do; the server computes the same
SELECT z.zone, count(*), count(DISTINCT (t AT TIME ZONE z.zone)::date)
FROM unnest('{Europe/Berlin,America/Sao_Paulo,Australia/Lord_Howe,Africa/Casablanca,Asia/Tehran}'::text[]) z (zone),
     flowctl.next_times('30 2 * * *', z.zone, 1000, '2014-01-01') t
GROUP BY 1 ORDER BY 1;

-- what is refused, and why
SELECT * FROM flowctl.next_times('0 0 31 2 *');
SELECT * FROM flowctl.next_times('61 * * * *');
SELECT * FROM flowctl.next_times('@reboot');
SELECT * FROM flowctl.next_times('FREQ=DAILY;INTERVAL=2');
SELECT * FROM flowctl.next_times('cron(0 9 * * MON *)');
SELECT * FROM flowctl.next_times('each morning');
SELECT * FROM flowctl.next_times(NULL);
SELECT * FROM flowctl.next_times('@daily', 'Europe/Nowhere');
SELECT * FROM flowctl.next_times('@daily', n => 0);
SELECT * FROM flowctl.next_times('@daily', since => 'infinity');

SET ROLE regress_schedules_author;
SELECT flowctl.define_flow('report', :'pass', options => '{"input_schema": {"type": "object", "properties": {"n": {"type": "integer"}}}}');
SELECT flowctl.create_schedule(NULL, 'report', '@yearly');
SELECT flowctl.create_schedule('a b', 'report', '@yearly');
SELECT flowctl.create_schedule('yearly', NULL, '@yearly');
SELECT flowctl.create_schedule('yearly', 'report', NULL);
SELECT flowctl.create_schedule('yearly', 'nowhere', '@yearly');
SELECT flowctl.create_schedule('yearly', 'report:7', '@yearly');
SELECT flowctl.create_schedule('yearly', 'report', 'tomorrow');
SELECT flowctl.create_schedule('yearly', 'report', '@yearly', '{"n": "one"}');
SELECT flowctl.create_schedule('yearly', 'report', '@yearly', time_zone => 'Mars/Olympus');
SELECT flowctl.create_schedule('yearly', 'report', '@yearly', catch_up => 'some');
SELECT flowctl.create_schedule('yearly', 'report', '@yearly', overlap => 'maybe');
SELECT flowctl.create_schedule('yearly', 'report', '@yearly', jitter => '-1 s');
SELECT flowctl.create_schedule('yearly', 'report', '@yearly', jitter => '2 days');
SELECT flowctl.create_schedule('yearly', 'report', '@yearly', starts_at => '2100-01-01', ends_at => '2099-01-01');
SELECT flowctl.create_schedule('yearly', 'report', '@yearly', ends_at => '2020-01-01');
SELECT flowctl.create_schedule('yearly', 'report', 'at(2020-01-01T00:00:00)');
SELECT flowctl.create_schedule('yearly', 'report', '@yearly', starts_at => '3000-01-01');
SELECT flowctl.create_schedule('yearly', 'report', '@yearly', comment => repeat('x', 10000));

-- the same again does nothing, another one is an error
SELECT flowctl.create_schedule('yearly', 'report', '0 3 1 1 *', '{"n": 1}', 'Europe/Berlin', comment => 'each year');
SELECT flowctl.create_schedule('yearly', 'report', '0 3 1 1 *', '{"n": 1}', 'Europe/Berlin', comment => 'each year');
SELECT flowctl.create_schedule('yearly', 'report', '0 4 1 1 *', '{"n": 1}', 'Europe/Berlin', comment => 'each year');
SELECT flowctl.create_schedule('yearly', 'report', '0 4 1 1 *', '{"n": 2}', 'Europe/Berlin', or_replace => true, overlap => 'skip', pause_on_failure => true, jitter => '90 s');
SELECT name, flow, schedule, time_zone, status, next = (date_trunc('year', now() AT TIME ZONE 'Europe/Berlin') + '1 year 4 hours') AT TIME ZONE 'Europe/Berlin' AS next,
       last, fired, missed, skipped, input, starts_at, ends_at, catch_up, overlap, jitter, pause_on_failure, comment, owner
FROM flowctl.schedules;

SELECT flowctl.alter_schedule('yearly', schedule => '0 0 31 2 *');
SELECT flowctl.alter_schedule('yearly', flow => 'nowhere');
SELECT flowctl.alter_schedule('yearly', overlap => 'allow', comment => 'new', pause_on_failure => false, ends_at => '2199-01-01');
SELECT flowctl.alter_schedule('yearly', ends_at => 'infinity', time_zone => 'UTC', schedule => '@yearly', jitter => '0');
SELECT schedule, time_zone, next = date_trunc('year', now()) + '1 year' AS next, ends_at, overlap, jitter, pause_on_failure, comment FROM flowctl.schedules;
SELECT flowctl.alter_schedule('nowhere', overlap => 'allow');

SELECT flowctl.pause_schedule('yearly', 'holidays');
SELECT status, next, paused_at IS NOT NULL AS paused, paused_by, pause_reason FROM flowctl.schedules;
SELECT flowctl.resume_schedule('yearly');
SELECT flowctl.resume_schedule('yearly');
SELECT status, next IS NOT NULL AS next, paused_at, paused_by, pause_reason FROM flowctl.schedules;
SELECT flowctl.pause_schedule('yearly', repeat('x', 2000));

-- now, and for times that have passed
SELECT flowctl.run_schedule('yearly') AS run \gset
SELECT flowctl.wait(:'run');
SELECT status, input, starter = 'regress_schedules_author'::regrole AS starter, event ->> 'schedule' AS schedule,
       event -> 'data' ->> 'firing' AS firing, event ->> 'type' AS type, (event ->> 'scheduledtime')::timestamptz <= now() AS past
FROM flowctl.runs WHERE run_id = :'run';
SELECT flowctl.backfill_schedule('yearly', '2020-01-01', '2023-06-01');
SELECT count(flowctl.wait(run_id)) FROM flowctl.runs;
SELECT event ->> 'scheduledtime' AS scheduled, event -> 'data' ->> 'firing' AS firing, status FROM flowctl.runs
WHERE event -> 'data' ->> 'firing' = 'backfill' ORDER BY 1;
SELECT flowctl.backfill_schedule('yearly', '2023-06-01', '2020-01-01');
SELECT flowctl.backfill_schedule('yearly', '2020-01-01', '2100-01-01');
SELECT flowctl.backfill_schedule('yearly', NULL, now());
SELECT flowctl.backfill_schedule('yearly', '2020-01-01', '2021-01-01', 'skip');
SELECT flowctl.alter_schedule('yearly', schedule => '1 second');
SELECT flowctl.backfill_schedule('yearly', '2020-01-01', '2021-01-01');
SELECT flowctl.alter_schedule('yearly', schedule => '@yearly');
SELECT fired, missed, last FROM flowctl.schedules;

-- the Context Object
SELECT flowctl.define_flow('seen', '{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true, "Parameters": {"schedule.$": "$$.Event.schedule", "time.$": "$$.Event.time"}}}}');
SELECT flowctl.create_schedule('seen', 'seen', '0 0 1 1 *');
SELECT flowctl.backfill_schedule('seen', '2021-01-01', '2021-01-01');
SELECT flowctl.wait(run_id) FROM flowctl.runs WHERE flow = 'seen';
SELECT output FROM flowctl.runs WHERE flow = 'seen';

-- others
SET ROLE regress_schedules_other;
SELECT count(*) FROM flowctl.schedules;
SELECT flowctl.create_schedule('mine', 'report', '@yearly');
SELECT flowctl.create_schedule('yearly', 'report', '@yearly', or_replace => true);
SELECT flowctl.alter_schedule('yearly', overlap => 'skip');
SELECT flowctl.drop_schedule('yearly');
SELECT flowctl.drop_schedule('nowhere');
SELECT flowctl.pause_schedule('yearly');
SELECT flowctl.run_schedule('yearly');
SELECT flowctl.backfill_schedule('yearly', '2020-01-01', '2021-01-01');
RESET ROLE;
SELECT flowctl.drop_schedule('nowhere');
SET ROLE regress_schedules_author;
SELECT flowctl.grant_flow('report', 'regress_schedules_user', '{start}');
SELECT flowctl.grant_flow('report', 'regress_schedules_other', '{operate}');
SET ROLE regress_schedules_user;
SELECT flowctl.create_schedule('users', 'report', '@yearly');
SELECT flowctl.run_schedule('users') IS NOT NULL AS started;
SELECT name, owner FROM flowctl.schedules ORDER BY 1;
SET ROLE regress_schedules_other;
SELECT flowctl.pause_schedule('users', 'on call');
SELECT flowctl.resume_schedule('users');
SELECT flowctl.drop_schedule('users');
-- whoever may not start the flow any more starts nothing by the schedule
SET ROLE regress_schedules_author;
SELECT name, owner FROM flowctl.schedules ORDER BY 1;
SELECT flowctl.revoke_flow('report', 'regress_schedules_user');
SET ROLE regress_schedules_user;
SELECT flowctl.run_schedule('users');
SELECT flowctl.alter_schedule('users', comment => 'still there');
SELECT flowctl.alter_schedule('users', input => '{"n": 7}');

-- what hangs together
SET ROLE regress_schedules_author;
SELECT flowctl.drop_flow('seen');
SELECT flowctl.drop_schedule('seen');
SELECT count(flowctl.wait(run_id)) > 0 AS waited FROM flowctl.runs;
SELECT flowctl.drop_flow('seen');
RESET ROLE;
DROP ROLE regress_schedules_user;
SELECT kind, name, missing FROM flowctl.unresolved WHERE kind = 'schedule';
REASSIGN OWNED BY regress_schedules_user TO regress_schedules_author;
SELECT name, owner FROM flowctl.schedules ORDER BY 1;
DROP ROLE regress_schedules_user;

-- as a document
SET ROLE regress_schedules_author;
SELECT flowctl.alter_schedule('users', starts_at => '2030-01-01', jitter => '1 min');
SELECT flowctl.pause_schedule('users');
SELECT jsonb_pretty(flowctl.export() -> 'schedules');
SELECT flowctl.export() - 'flows' AS document \gset
SELECT flowctl.drop_schedule('users');
SELECT flowctl.alter_schedule('yearly', schedule => '@monthly', overlap => 'queue');
SELECT * FROM flowctl.import(:'document');
SELECT * FROM flowctl.import(:'document', false);
SELECT * FROM flowctl.import(:'document', false);
SELECT name, schedule, overlap, jitter, status FROM flowctl.schedules ORDER BY 1;

-- the tables are the engine's
SELECT count(*) FROM flowctl_catalog.schedule;
INSERT INTO flowctl_catalog.schedule_state (schedule_id, bucket, revision, armed_at) VALUES (gen_random_uuid(), 1, 1, now());
RESET ROLE;
DROP OWNED BY regress_schedules_author;
SELECT count(*) FROM flowctl.schedules;
SELECT count(*) FROM flowctl_catalog.schedule_state;
DROP EXTENSION pg_flowctl;
DROP ROLE regress_schedules_author, regress_schedules_other;
