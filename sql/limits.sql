-- Limits of flows: options, shared limits, pauses, and what their errors say.
CREATE EXTENSION pg_flowctl;
CREATE ROLE regress_limits_author;
CREATE ROLE regress_limits_other;
SELECT flowctl.grant_author('regress_limits_author');
SELECT flowctl.grant_author('regress_limits_other');
\set wait '{"StartAt": "W", "States": {"W": {"Type": "Wait", "SecondsPath": "$.seconds", "End": true}}}'
SET ROLE regress_limits_author;

-- options, and what is refused
SELECT flowctl.define_flow('a', :'wait', options => '{"max_concurrency": 2, "concurrency_key": "$.customer", "rate": "100/min", "burst": 10, "rate_key": "customer", "priority": -5, "queue_timeout": "1 h", "on_limit": "queue", "debounce": "5 s", "debounce_max": "1 min", "debounce_key": "$.customer"}');
SELECT options FROM flowctl.flows WHERE name = 'a';
SELECT flowctl.alter_flow('a', '{"max_concurrency": 0}');
SELECT flowctl.alter_flow('a', '{"max_concurrency": 1.5}');
SELECT flowctl.alter_flow('a', '{"max_concurrency": "2"}');
SELECT flowctl.alter_flow('a', '{"rate": "0/min"}');
SELECT flowctl.alter_flow('a', '{"rate": "100"}');
SELECT flowctl.alter_flow('a', '{"rate": 100}');
SELECT flowctl.alter_flow('a', '{"burst": 0}');
SELECT flowctl.alter_flow('a', '{"priority": 101}');
SELECT flowctl.alter_flow('a', '{"priority": true}');
SELECT flowctl.alter_flow('a', '{"priority": "{% ( %}"}');
SELECT flowctl.alter_flow('a', '{"concurrency_key": 1}');
SELECT flowctl.alter_flow('a', '{"limits": "x"}');
SELECT flowctl.alter_flow('a', '{"limits": ["x", "x"]}');
SELECT flowctl.alter_flow('a', '{"limits": ["nowhere"]}');
SELECT flowctl.alter_flow('a', '{"queue_timeout": "soon"}');
SELECT flowctl.alter_flow('a', '{"queue_timeout": "0 s"}');
SELECT flowctl.alter_flow('a', '{"on_limit": "drop"}');
SELECT flowctl.alter_flow('a', '{"debounce": "2 years"}');
SELECT flowctl.alter_flow('a', '{"debounce_max": "1 s"}');
SELECT flowctl.alter_flow('a', '{"rate": null}');
SELECT flowctl.alter_flow('a', '{"rate": null, "burst": null}');
SELECT flowctl.alter_flow('a', '{"max_concurrency": null}');
SELECT flowctl.alter_flow('a', '{"max_concurrency": null, "concurrency_key": null, "on_limit": "replace"}');
SELECT flowctl.alter_flow('a', '{"debounce": null}');
SELECT flowctl.alter_flow('a', '{"debounce": null, "debounce_max": null}');

-- a key or a priority that the input does not have is an error of the start
SELECT flowctl.start('a', '{"seconds": 0}');
SELECT flowctl.start('a', '{"seconds": 0, "customer": {}}');
SELECT flowctl.start('a', jsonb_build_object('seconds', 0, 'customer', repeat('x', 1025)));
SELECT flowctl.alter_flow('a', '{"rate": null, "burst": null, "rate_key": null, "max_concurrency": null, "concurrency_key": null, "priority": "$.urgency"}');
SELECT flowctl.start('a', '{"seconds": 0, "customer": "c"}');
SELECT flowctl.start('a', '{"seconds": 0, "customer": "c", "urgency": 1000}');
SELECT flowctl.alter_flow('a', '{"priority": "{% $error(\"no\") %}"}');
SELECT flowctl.start('a', '{"seconds": 0, "customer": "c"}');
SELECT flowctl.alter_flow('a', '{"priority": null, "debounce_key": "$.order", "debounce_max": null}');
SELECT flowctl.start('a', '{"seconds": 0}');
SELECT count(*) FROM flowctl.runs;

-- shared limits
SELECT flowctl.create_limit(NULL, 1);
SELECT flowctl.create_limit('a b', 1);
SELECT flowctl.create_limit('db');
SELECT flowctl.create_limit('db', 0);
SELECT flowctl.create_limit('db', -1);
SELECT flowctl.create_limit('db', rate => '0/s');
SELECT flowctl.create_limit('db', 1, burst => 2);
SELECT flowctl.create_limit('db', 1, '5/s', 0);
SELECT flowctl.create_limit('db', 1, '5/s', 2, 'connections to the warehouse');
SELECT flowctl.create_limit('db', 1, '5/s', 2);
SELECT flowctl.create_limit('db', 2, '5/s', 2);
SELECT kind, name, slots, rate, burst, held, waiting, owner FROM flowctl.limits;
SELECT flowctl.alter_limit('db', 1);
SELECT flowctl.alter_limit('db');
SELECT kind, name, slots, rate, burst, held, waiting FROM flowctl.limits;
SELECT flowctl.define_flow('b', :'wait', options => '{"limits": ["db"]}');
SELECT flowctl.drop_limit('db');
SET ROLE regress_limits_other;
SELECT count(*) FROM flowctl.limits;
SELECT flowctl.define_flow('c', :'wait', options => '{"limits": ["db"]}');
SELECT flowctl.alter_limit('db', 100);
SELECT flowctl.drop_limit('db');
SELECT flowctl.grant_limit('db', 'regress_limits_other');
SELECT flowctl.revoke_limit('db', 'regress_limits_author');
SET ROLE regress_limits_author;
SELECT flowctl.grant_limit('db', 'regress_limits_other');
SELECT flowctl.grant_limit('db', 'regress_limits_other');
SELECT flowctl.grant_limit('db', NULL);
SET ROLE regress_limits_other;
SELECT kind, name, slots, held, owner FROM flowctl.limits;
SELECT flowctl.define_flow('c', :'wait', options => '{"limits": ["db"]}');
SET ROLE regress_limits_author;
SELECT flowctl.revoke_limit('db', 'regress_limits_other');

-- a run holds its place until it ends; the next one waits for it
SELECT flowctl.start('b', '{"seconds": 3600}') AS first \gset
SELECT flowctl.start('b', '{"seconds": 0}') AS second \gset
SELECT flowctl.start('b', '{"seconds": 0}') AS third \gset
DO $$ BEGIN WHILE (SELECT held FROM flowctl.limits WHERE kind = 'shared') = 0 OR (SELECT waiting FROM flowctl.limits WHERE kind = 'shared') <> 2
    LOOP PERFORM pg_sleep(0.01); END LOOP; END $$;
SELECT kind, name, slots, held, waiting, waiting_since IS NOT NULL AS since FROM flowctl.limits;
SELECT phase, waiting_for FROM flowctl.runs WHERE run_id IN (:'second', :'third');
SELECT flowctl.stop(:'second');
SELECT flowctl.wait(:'second');
SELECT flowctl.stop(:'first');
SELECT flowctl.wait(:'third');
SELECT held, waiting FROM flowctl.limits;

-- refuse, replace, debounce, a queue's timeout
SELECT flowctl.define_flow('refuses', :'wait', options => '{"max_concurrency": 1, "on_limit": "refuse"}');
SELECT flowctl.start('refuses', '{"seconds": 3600}') AS first \gset
SELECT flowctl.start('refuses', '{"seconds": 0}') AS second \gset
SELECT flowctl.wait(:'second');
SELECT status, error, cause FROM flowctl.runs WHERE run_id = :'second';
SELECT type FROM flowctl.history WHERE run_id = :'second' ORDER BY event_id;
SELECT flowctl.stop(:'first');
SELECT flowctl.wait(:'first');
SELECT flowctl.start('refuses', '{"seconds": 0}') AS third \gset
SELECT flowctl.wait(:'third');
SELECT flowctl.define_flow('replaces', :'wait', options => '{"max_concurrency": 1, "on_limit": "replace", "concurrency_key": "$.key"}');
SELECT flowctl.start('replaces', '{"seconds": 3600, "key": 1}') AS first \gset
SELECT flowctl.start('replaces', '{"seconds": 3600, "key": 2}') AS other \gset
SELECT flowctl.start('replaces', '{"seconds": 0, "key": 1}') AS second \gset
SELECT flowctl.wait(:'first');
SELECT flowctl.wait(:'second');
SELECT status, error, cause FROM flowctl.runs WHERE run_id = :'first';
SELECT status FROM flowctl.runs WHERE run_id = :'other';
SELECT flowctl.stop(:'other');
SELECT flowctl.wait(:'other');
-- many at once: the latest stays, whatever the priorities of the others are
SELECT flowctl.define_flow('many', :'wait', options => '{"max_concurrency": 2, "on_limit": "replace", "priority": "$.urgency"}');
SELECT count(flowctl.start('many', '{"seconds": 3600, "urgency": 1}')) FROM generate_series(1, 3);
SELECT count(flowctl.start('many', jsonb_build_object('seconds', 3600, 'urgency', i % 3))) FROM generate_series(1, 3000) i;
SELECT flowctl.start('many', '{"seconds": 3600, "urgency": -100}') AS first \gset
SELECT flowctl.start('many', '{"seconds": 3600, "urgency": -99}') AS second \gset
DO $$ BEGIN WHILE (SELECT (held, waiting) <> (2, 0) FROM flowctl.limits WHERE flow = 'many') LOOP PERFORM pg_sleep(0.01); END LOOP; END $$;
SELECT count(*) FILTER (WHERE status = 'RUNNING' AND run_id IN (:'first', :'second')) AS latest, count(*) FILTER (WHERE status = 'RUNNING') AS open,
       count(*) FILTER (WHERE status = 'ABORTED' AND error = 'Flowctl.Replaced') AS replaced FROM flowctl.runs WHERE flow = 'many';
SELECT flowctl.alter_flow('many', '{"max_concurrency": 1, "on_limit": null}');
SELECT count(flowctl.start('many', jsonb_build_object('seconds', 3600, 'urgency', i % 3))) FROM generate_series(1, 2500) i;
SELECT flowctl.stop(:'second');
SELECT flowctl.wait(:'second');
-- the option comes when many wait already
SELECT flowctl.alter_flow('many', '{"on_limit": "replace"}');
SELECT flowctl.start('many', '{"seconds": 3600, "urgency": 0}') AS third \gset
DO $$ BEGIN WHILE (SELECT (held, waiting) <> (1, 0) FROM flowctl.limits WHERE flow = 'many') LOOP PERFORM pg_sleep(0.01); END LOOP; END $$;
SELECT status FROM flowctl.runs WHERE run_id = :'third';
SELECT status, error, count(*) FROM flowctl.runs WHERE flow = 'many' GROUP BY 1, 2 ORDER BY 1, 2;
SELECT flowctl.stop(:'third');
SELECT flowctl.wait(:'third');
SELECT flowctl.define_flow('quiet', :'wait', options => '{"debounce": "500 ms", "debounce_key": "$.key"}');
BEGIN;
SELECT flowctl.start('quiet', '{"seconds": 0, "key": "k", "i": 1}') AS first \gset
SELECT flowctl.start('quiet', '{"seconds": 0, "key": "k", "i": 2}') AS second \gset
COMMIT;
SELECT flowctl.wait(:'first');
SELECT flowctl.wait(:'second');
SELECT input, status, error, cause FROM flowctl.runs WHERE run_id IN (:'first', :'second') ORDER BY run_id;
SELECT flowctl.define_flow('patient', :'wait', options => '{"max_concurrency": 1, "queue_timeout": "100 ms"}');
SELECT flowctl.start('patient', '{"seconds": 3600}') AS first \gset
SELECT flowctl.start('patient', '{"seconds": 0}') AS second \gset
SELECT flowctl.wait(:'second');
SELECT status, error, cause FROM flowctl.runs WHERE run_id = :'second';
SELECT type, details FROM flowctl.history WHERE run_id = :'second' ORDER BY event_id DESC LIMIT 1;

-- a limit that is raised counts at once, one that is lowered stops nothing
SELECT flowctl.alter_flow('patient', '{"queue_timeout": null}');
SELECT flowctl.start('patient', '{"seconds": 3600}') AS second \gset
SELECT flowctl.start('patient', '{"seconds": 0}') AS third \gset
-- A run that waits cannot be paused.
SELECT flowctl.pause(:'third');
SELECT phase, waiting_for FROM flowctl.runs WHERE run_id = :'third';
SELECT flowctl.resume(:'third');
SELECT flowctl.alter_flow('patient', '{"max_concurrency": 2}');
DO $$ BEGIN WHILE (SELECT held FROM flowctl.limits WHERE flow = 'patient') <> 2 LOOP PERFORM pg_sleep(0.01); END LOOP; END $$;
SELECT flowctl.alter_flow('patient', '{"max_concurrency": 1}');
SELECT kind, flow, slots, held, waiting FROM flowctl.limits WHERE flow = 'patient';
SELECT flowctl.stop(:'second');
SELECT flowctl.wait(:'second');
SELECT kind, flow, slots, held, waiting FROM flowctl.limits WHERE flow = 'patient';
SELECT flowctl.alter_flow('patient', '{"max_concurrency": null}');
SELECT flowctl.wait(:'third');
SELECT flowctl.stop(:'first');
SELECT flowctl.wait(:'first');

-- pauses
SELECT flowctl.pause_flow(NULL);
SELECT flowctl.pause_flow('nowhere');
SELECT flowctl.pause_flow('patient', 'later');
SELECT flowctl.pause_flow('patient', 'drop', 'the warehouse moves');
SELECT flowctl.start('patient', '{"seconds": 0}') AS first \gset
SELECT kind, flow, waiting, paused_by, paused_at IS NOT NULL AS at, pause_reason FROM flowctl.limits WHERE kind = 'pause';
SELECT status, phase, waiting_for FROM flowctl.runs WHERE run_id = :'first';
SET ROLE regress_limits_other;
SELECT flowctl.resume_flow('patient');
SELECT flowctl.pause_flow('patient');
RESET ROLE;
DO $$ BEGIN WHILE (SELECT count(*) FROM flowctl.denials WHERE action IN ('pause_flow', 'resume_flow')) < 3 LOOP PERFORM pg_sleep(0.01); END LOOP; END $$;
SELECT action, object, role_name, reason FROM flowctl.denials WHERE action IN ('pause_flow', 'resume_flow') ORDER BY action, object;
-- by who may operate the flow
SET ROLE regress_limits_author;
SELECT flowctl.pause(:'first');
SELECT flowctl.grant_flow('patient', 'regress_limits_other', '{start,read}');
SET ROLE regress_limits_other;
SELECT flowctl.resume_flow('patient');
SET ROLE regress_limits_author;
SELECT flowctl.grant_flow('patient', 'regress_limits_other', '{operate}');
SET ROLE regress_limits_other;
SELECT flowctl.pause_flow('patient', reason => 'on call');
SELECT waiting_for FROM flowctl.runs WHERE run_id = :'first';
-- who sees the runs by a grant sees the pause, and not the limits with their keys
SELECT kind, flow, waiting, owner, paused_by, pause_reason FROM flowctl.limits;
SELECT flowctl.resume_flow('patient');
SET ROLE regress_limits_author;
SELECT flowctl.revoke_flow('patient', 'regress_limits_other');
SELECT flowctl.resume_flow('patient');
SELECT flowctl.wait(:'first');
SELECT flowctl.resume_flow('patient');
SELECT count(*) FROM flowctl.limits WHERE kind = 'pause';
SELECT flowctl.pause_flow('patient');
SELECT flowctl.drop_flow('patient');
SELECT flowctl.define_flow('patient', :'wait');
SELECT flowctl.start('patient', '{"seconds": 0}') AS first \gset
SELECT flowctl.wait(:'first');
RESET ROLE;
CREATE SERVER limits_endpoint FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://limits.example/', auth 'none');
SELECT flowctl.pause_endpoint('nowhere');
SELECT flowctl.pause_endpoint(NULL);
SELECT flowctl.pause_endpoint('limits_endpoint', repeat('x', 1025));
SELECT flowctl.pause_endpoint('limits_endpoint', 'it is being moved');
SELECT kind, name, pause_reason FROM flowctl.limits WHERE kind = 'endpoint';
SET ROLE regress_limits_author;
SELECT count(*) FROM flowctl.limits WHERE kind = 'endpoint';
SELECT flowctl.pause_endpoint('limits_endpoint');
SELECT flowctl.resume_endpoint('limits_endpoint');
RESET ROLE;
SELECT flowctl.resume_endpoint('limits_endpoint');
SELECT count(*) FROM flowctl.limits WHERE kind = 'endpoint';
-- the pause belongs to the server and not to its name
SELECT flowctl.pause_endpoint('limits_endpoint', 'it is being moved');
ALTER SERVER limits_endpoint RENAME TO limits_endpoint_2;
SELECT kind, name, pause_reason FROM flowctl.limits WHERE kind = 'endpoint';
CREATE SERVER limits_endpoint FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://limits.example/', auth 'none');
DROP SERVER limits_endpoint;
SELECT name FROM flowctl_catalog.pause;
BEGIN;
DROP SERVER limits_endpoint_2;
ROLLBACK;
SELECT name FROM flowctl_catalog.pause;
SET ROLE regress_limits_other;
DROP SERVER limits_endpoint_2;
RESET ROLE;
SELECT name FROM flowctl_catalog.pause;
DROP SERVER limits_endpoint_2;
SELECT name FROM flowctl_catalog.pause;
CREATE SERVER limits_endpoint FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://limits.example/', auth 'none');

-- the tables are the engine's, and nothing is left in them
SET ROLE regress_limits_author;
SELECT * FROM flowctl_catalog.limit_wait;
DELETE FROM flowctl_catalog.limit_hold;
RESET ROLE;
SELECT (SELECT count(*) FROM flowctl_catalog.limit_wait) AS waits, (SELECT count(*) FROM flowctl_catalog.limit_hold) AS holds;
-- roles
DROP ROLE regress_limits_author;
DROP OWNED BY regress_limits_author;
SELECT count(*) FROM flowctl_catalog.named_limit;
DROP OWNED BY regress_limits_other;
DROP SERVER limits_endpoint;
DROP EXTENSION pg_flowctl;
DROP ROLE regress_limits_author, regress_limits_other;
